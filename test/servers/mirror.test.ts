import { once } from 'node:events'
import { connect } from 'node:net'
import t from 'tap'
import { startMirror, startUpstream } from '../support/mirror.js'

/** The status line of a request whose target is sent byte by byte as it is written. */
async function status(base: string, target: string): Promise<string> {
  const socket = connect(Number(new URL(base).port), '127.0.0.1')
  socket.write(`GET ${target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`)
  const [answer] = await once(socket, 'data')
  socket.destroy()
  return String(answer).slice(9, 12)
}

for (const [name, target, want] of [
  ['a file', '/mirror/debian/pool/a.deb', '200'],
  ['a name with a plus, encoded', '/mirror/debian/pool/a%2Bb.deb', '200'],
  ['another mirror', '/mirror/ubuntu/pool/a.deb', '404'],
  ['a name that objects have', '/mirror/constructor/pool/a.deb', '404'],
  ['no file', '/mirror/debian', '404'],
  ['a folder', '/mirror/debian/pool/', '400'],
  ['up', '/mirror/debian/../../secret', '400'],
  ['up, encoded', '/mirror/debian/%2e%2e/secret', '400'],
  ['an encoded slash', '/mirror/debian/..%2fsecret', '400'],
  ['a backslash', '/mirror/debian/..%5csecret', '400'],
  ['a URL as a path', '/mirror/debian/http://10.0.0.1/x', '400'],
  ['a URL as the target', 'http://10.0.0.1/pool/a.deb', '404'],
  ['NUL', '/mirror/debian/pool/a.deb%00', '400'],
  ['a broken encoding', '/mirror/debian/%zz', '400'],
  ['a query', '/mirror/debian/pool/a.deb?x=1', '400'],
] as const)
  t.test(`${name}: ${want}`, async t => {
    const upstream = await startUpstream(t, {
      '/pool/a.deb': 'deb',
      '/pool/a+b.deb': 'deb',
      '/secret': 'secret',
    })
    const { base } = await startMirror(t, upstream.url)
    t.equal(await status(base, target), want)
    t.equal(upstream.asked.length, want === '200' ? 1 : 0, 'nothing else is asked for at the mirror')
  })

t.test('POST is not answered', async t => {
  const upstream = await startUpstream(t, { '/pool/a.deb': 'deb' })
  const { ask } = await startMirror(t, upstream.url)
  t.equal((await ask('/pool/a.deb', {}, 'POST')).status, 404)
})
