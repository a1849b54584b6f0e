import { execFileSync, spawn } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { openMedia } from '../../src/io/media.js'
import { readyMedium } from '../lab/lib/media.js'
import { JOB_TOKEN } from '../support/installJobs.js'
import { reporterOf } from '../support/preseed.js'

/**
 * The reporter of Debian's installer, run in the unpacked initrd of the real one: with its shell, its wget and its
 * tools. What reaches further is replaced: debconf, the target system, sleep, and above all reboot, whose right the
 * processes give up as well.
 */
const media = openMedia(await readyMedium('debian-12'))
const medium = await media.current('debian-12-amd64-installer')
const root = join(t.testdir(), 'initrd')
mkdirSync(root)
execFileSync('sh', ['-c', 'zcat "$0" | cpio --quiet -id', join(medium?.folder ?? '', 'initrd')], {
  cwd: root,
})

const NOTE = 'echo "$(basename "$0") $*" >>/calls'
const STUBS = {
  'sbin/reboot': NOTE,
  'bin/sleep': '',
  'usr/bin/logger': 'shift 2; echo "muster: $*" >>/var/log/syslog',
  'bin/debconf-set': NOTE,
  'bin/in-target': `${NOTE}; [ ! -e /target/root/muster-finish ] || cp /target/root/muster-finish /ran; [ ! -e /broken ]`,
}
for (const [path, text] of Object.entries(STUBS)) {
  rmSync(join(root, path), { force: true })
  writeFileSync(join(root, path), `#!/bin/sh\n${text}\n`, { mode: 0o755 })
}
for (const folder of ['var/log', 'target/root', 'dev/disk/by-id'])
  mkdirSync(join(root, folder), { recursive: true })
execFileSync('cp', ['-a', '/dev/null', '/dev/zero', join(root, 'dev')])

const file = (path: string) => (existsSync(join(root, path)) ? readFileSync(join(root, path), 'utf8') : '')

type Answer = (path: string, body: string) => number | string

/** Runs the reporter; `told` is what it sent, a path's last word and the body. */
async function reporter(t: Test, words: string[], answer: Answer, o: { log?: string; onDisk?: string } = {}) {
  for (const path of ['calls', 'ran', 'broken', 'tmp/muster.sent', 'tmp/muster.done', 'etc/wgetrc'])
    rmSync(join(root, path), { force: true })
  writeFileSync(join(root, 'var/log/syslog'), o.log ?? '')
  const told: string[] = []
  const server = createServer((req, res) => {
    let body = ''
    req.on('data', part => {
      body += part
    })
    req.on('end', () => {
      const path = req.url?.replace(`/install/v1/${JOB_TOKEN}/`, '') ?? ''
      told.push(`${path} ${body}`.trim())
      const answered = answer(path, body)
      if (typeof answered === 'number') res.writeHead(answered)
      res.end(typeof answered === 'string' ? answered : '{}')
    })
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => server.close())
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  writeFileSync(
    join(root, 'usr/bin/muster'),
    reporterOf({ around: { url }, ...(o.onDisk && { onDisk: o.onDisk }) }),
  )
  chmodSync(join(root, 'usr/bin/muster'), 0o755)
  const inside = 'mount --bind /sys "$0/sys" && exec setpriv --bounding-set=-sys_boot chroot "$0" muster "$@"'
  const args = ['--fork', '--pid', '--mount', '--kill-child', 'sh', '-c', inside, root, ...words]
  const child = spawn('unshare', args, { stdio: ['ignore', 'ignore', 'inherit'], timeout: 60_000 })
  const code = await new Promise(resolve => child.on('close', resolve))
  return { code, told, calls: file('calls').trim().split('\n').filter(Boolean) }
}

t.test('without a word it stays as a command', async t => {
  writeFileSync(join(root, 'tmp/debconf-seed'), reporterOf(), { mode: 0o755 })
  rmSync(join(root, 'usr/bin/muster'), { force: true })
  execFileSync('chroot', [root, '/tmp/debconf-seed'])
  t.equal(file('usr/bin/muster'), reporterOf())
  t.equal(statSync(join(root, 'usr/bin/muster')).mode & 0o777, 0o700, 'a token is in it')
})

t.test('permission', async t => {
  await t.test('granted', async t => {
    const { code, told, calls } = await reporter(t, ['start'], () => 200)
    t.match([code, told[0], calls], [0, 'report stage=started', []])
    t.match(file('etc/wgetrc'), /retry_connrefused = on/, "the installer's own downloads outlive a restart")
  })
  await t.test('refused: asked once, and the machine restarts', async t => {
    const { code, told, calls } = await reporter(t, ['start'], () => 403)
    t.match([code, told, calls], [1, ['report stage=started'], ['reboot -f']])
  })
  await t.test('asked again while the daemon cannot tell', async t => {
    let left = 3
    const { code, told, calls } = await reporter(t, ['start'], () => (left-- > 0 ? 503 : 200))
    t.match([code, calls], [0, []])
    t.equal(told.filter(call => call === 'report stage=started').length, 4)
  })
  await t.test('given up in the end', async t => {
    const { told, calls } = await reporter(t, ['start'], () => 500)
    t.match([told.length, calls], [60, ['reboot -f']])
  })
})

const STEPS = `Jan  2 03:04:05 main-menu[270]: INFO: Menu item 'network-preseed' selected
Jan  2 03:04:05 preseed: successfully loaded http://192.168.1.2/${JOB_TOKEN}/preseed.cfg
Jan  2 03:04:06 main-menu[270]: INFO: Menu item 'bootstrap-base' selected
`
for (const [name, line, reason] of [
  [
    'a step',
    "Jan  2 03:05:00 main-menu[270]: WARNING **: Menu item 'pkgsel' failed.",
    "WARNING+**:+Menu+item+'pkgsel'+failed.",
  ],
  [
    'a part that cannot be had',
    'Jan  2 03:05:00 anna[28]: WARNING **: package retrieval failed',
    'WARNING+**:+package+retrieval+failed',
  ],
  [
    'the base system',
    'Jan  2 03:05:00 base-installer: error: exiting on error base-installer/debootstrap-failed',
    'error:+exiting+on+error+base-installer/debootstrap-failed',
  ],
] as const)
  t.test(`it notices that ${name} failed`, async t => {
    const { told, calls } = await reporter(t, ['watch'], () => 200, { log: `${STEPS}${line}\n` })
    t.match(
      told[0],
      /^log Jan {2}2 .*http:\/\/192\.168\.1\.2\/TOKEN\/preseed\.cfg/s,
      'the log, without the token',
    )
    t.ok(
      told.some(call => call.startsWith('log muster: failed: ') || call.includes(`\nmuster: failed: `)),
      'to its end',
    )
    t.equal(told.at(-1), `report stage=failed&reason=${reason}`)
    t.same(calls, ['reboot -f'])
  })

t.test('a step is told once', async t => {
  let logs = 0
  const seen = (path: string) => {
    if (path === 'log' && ++logs === 1) writeFileSync(join(root, 'var/log/syslog'), `${STEPS}x\n`)
    if (path === 'report') writeFileSync(join(root, 'tmp/muster.done'), '')
    return 200
  }
  const { told } = await reporter(t, ['watch'], seen, { log: STEPS })
  t.same(
    told.filter(call => call.startsWith('report')),
    ['report stage=progress&percent=20&note=installing+the+base+system'],
  )
})

t.test('an install that was called off is not gone on with', async t => {
  const { told, calls } = await reporter(t, ['watch'], path => (path === 'log' ? 403 : 200), { log: STEPS })
  t.equal(told.filter(call => call.startsWith('log ')).length, 3, 'once may be a mistake')
  t.same(calls, ['reboot -f'])
})

t.test('the disk', async t => {
  await t.test('that is not there', async t => {
    const { told, calls } = await reporter(t, ['disk'], () => 200, { onDisk: '/dev/disk/by-id/none' })
    t.equal(told.at(-1), 'report stage=failed&reason=the+disk+/dev/disk/by-id/none+is+not+there')
    t.same(calls, ['reboot -f'])
  })

  await t.test('is known by the name that partman has for it, and as if it were new', async t => {
    const image = join(t.testdir(), 'disk.img')
    writeFileSync(image, Buffer.alloc(4 << 20, 'old'))
    const device = execFileSync('losetup', ['--find', '--show', image], { encoding: 'utf8' }).trim()
    t.teardown(() => execFileSync('losetup', ['--detach', device]))
    execFileSync('cp', ['-a', device, join(root, 'dev')])
    execFileSync('ln', ['-sf', `../..${device.slice(4)}`, join(root, 'dev/disk/by-id/virtio-oak')])
    const { code, told, calls } = await reporter(t, ['disk'], () => 200)
    t.same([code, told], [0, []])
    t.same(calls, [`debconf-set partman-auto/disk ${device}`, `debconf-set grub-installer/bootdev ${device}`])
    execFileSync('blockdev', ['--flushbufs', device])
    const bytes = readFileSync(image)
    t.ok(
      bytes.subarray(0, 1 << 20).every(byte => byte === 0),
      'its first MiB is empty',
    )
    t.ok(
      bytes.subarray(1 << 20).every(byte => byte !== 0),
      'and no more than that was written',
    )
  })
})

t.test('the end', async t => {
  const script = '#!/bin/sh\necho "it is oak-1"\n'
  await t.test('the script is run in the new system and does not stay', async t => {
    const { code, told, calls } = await reporter(t, ['finish'], path => (path === 'finish' ? script : 200))
    t.equal(code, 0)
    t.equal(file('ran'), script)
    t.equal(file('target/root/muster-finish'), '')
    t.equal(calls[0], 'in-target sh /root/muster-finish')
    t.match(told, [/percent=95/, 'finish'])
    t.equal(told.at(-1), 'report stage=installed')
  })
  await t.test('refused', async t => {
    const { told, calls } = await reporter(t, ['finish'], path => (path === 'finish' ? 403 : 200))
    t.equal(told.at(-1), 'report stage=failed&reason=the+script+that+finishes+the+new+system+cannot+be+had')
    t.same(calls, ['reboot -f'])
  })
})
