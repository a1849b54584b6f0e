import { getEventListeners } from 'node:events'
import t from 'tap'
import { longPoll } from '../../src/servers/longPoll.js'

/** Something that changes, and a poll for it; `find` is what the next look gives. */
function pretend() {
  const listeners = new Set<(change: string) => void>()
  const closing = new AbortController()
  let found: string | undefined
  let looks = 0
  const looked = async () => {
    looks++
    return found
  }
  const poll = (wait: number, look?: () => Promise<string | undefined>) =>
    longPoll<string, string>({
      look: look ?? looked,
      subscribe: listener => {
        listeners.add(listener)
        return () => listeners.delete(listener)
      },
      concerns: change => change === 'ours',
      wait,
      ended: [closing.signal],
    })
  return {
    poll,
    closing,
    looks: () => looks,
    find: (what: string) => {
      found = what
    },
    change: (what: string) => {
      for (const listener of listeners) listener(what)
    },
    left: () => listeners.size + getEventListeners(closing.signal, 'abort').length,
  }
}

t.test('what is there is told at once', async t => {
  const { poll, find, left } = pretend()
  find('order')
  t.equal(await poll(60_000), 'order')
  t.equal(left(), 0)
})

t.test('nothing until the end of the wait', async t => {
  const { poll, left } = pretend()
  t.equal(await poll(5), undefined)
  t.equal(left(), 0)
})

t.test('a change of ours makes it look again, another does not', async t => {
  const { poll, find, change, looks } = pretend()
  const told = poll(60_000)
  await new Promise(resolve => setImmediate(resolve))
  change('theirs')
  change('ours')
  await new Promise(resolve => setImmediate(resolve))
  t.equal(looks(), 2)
  find('order')
  change('ours')
  t.equal(await told, 'order')
})

t.test('a change during the look is not lost', async t => {
  const { poll, change } = pretend()
  let looks = 0
  const look = async () => {
    if (looks++ === 0) change('ours')
    return looks > 1 ? 'order' : undefined
  }
  t.equal(await poll(60_000, look), 'order')
})

t.test('it ends with the server, before or during the wait', async t => {
  const { poll, closing, left } = pretend()
  const during = poll(60_000)
  await new Promise(resolve => setImmediate(resolve))
  closing.abort()
  t.equal(await during, undefined)
  t.equal(await poll(60_000), undefined)
  t.equal(left(), 0)
})

t.test('a look that fails leaves nothing behind', async t => {
  const { poll, left } = pretend()
  await t.rejects(
    poll(60_000, async () => {
      throw new Error('database is locked')
    }),
    /locked/,
  )
  t.equal(left(), 0)
})
