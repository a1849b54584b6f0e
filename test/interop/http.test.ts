import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { pino } from 'pino'
import t, { type Test } from 'tap'
import { openBootFiles } from '../../src/control/bootFiles.js'
import { createBootScripts } from '../../src/control/bootScripts.js'
import { createCommits } from '../../src/control/commits.js'
import { createInventory } from '../../src/control/inventory.js'
import { openApiToken } from '../../src/io/apiToken.js'
import { openStore } from '../../src/io/store.js'
import { openTemplates } from '../../src/io/templates.js'
import { apiApp, bootApp } from '../../src/servers/apps.js'
import { listen } from '../../src/servers/http.js'
import { pretendAuthority, pretendDirectory } from '../support/directory.js'
import { FACTS } from '../support/facts.js'
import { noInstalls, pretendDocuments } from '../support/installJobs.js'
import { pretendInstances, pretendPlan, pretendProfileViews } from '../support/instances.js'
import { pretendJoining } from '../support/joining.js'

/** Both services over a real state directory, asked by curl. */

const INITRD = randomBytes(3_000_000)
const log = pino({ level: 'silent' })

async function start(t: Test) {
  const stateDir = t.testdir({
    boot: { 'ipxe.efi': 'MZ program' },
    scout: { initrd: INITRD },
    outside: 'secret',
  })
  const store = await openStore(stateDir, log)
  const now = () => new Date()
  const commits = createCommits({ store, log, now, random: randomBytes, eventsKept: 1000 })
  const rules = { attempts: 3, deadlines: {}, started: now(), roles: [] }
  const inventory = createInventory({
    ...{ store, commits, rules, log, now },
    ...{ isProfile: async () => true, wake: async () => {}, asked: () => {} },
  })
  const [files, token, closing] = [
    openBootFiles(stateDir),
    await openApiToken(stateDir),
    new AbortController(),
  ]
  const url = 'http://127.0.0.1'
  const scripts = createBootScripts({
    documents: pretendDocuments,
    ...{ url, scoutArguments: '', templates: openTemplates(), inventory },
    macOf: async () => undefined,
  })
  const common = { inventory, closing: closing.signal, log }
  const boot = bootApp({
    ...common,
    ...noInstalls(log),
    ...{ scripts, nbp: files.read, scoutFile: files.readScout, now, scoutLog: log },
  })
  const owned = {
    ...{ instances: pretendInstances().instances, plan: pretendPlan, profileViews: pretendProfileViews },
    ...{ directory: pretendDirectory, authority: pretendAuthority },
    joining: pretendJoining,
  }
  const api = apiApp({ ...common, ...owned, packets: () => Buffer.alloc(0), status: () => ({}), token })
  const at = { address: '127.0.0.1', port: 0, closing, log }
  const listeners = [await listen(boot, at), await listen(api, at)]
  t.teardown(async () => {
    for (const listener of listeners) await listener.close()
    await inventory.flush()
    await store.close()
  })
  const [machines = '', owner = ''] = listeners.map(({ port }) => `${url}:${port}`)
  return { stateDir, machines, owner: `${owner}/api/v1`, token }
}

/** The status and the body; curl writes the status last. */
async function curl(...args: string[]): Promise<{ status: number; body: Buffer }> {
  const common = ['--silent', '--max-time', '10', '--path-as-is', '--write-out', '%{http_code}']
  const options = { encoding: 'buffer', maxBuffer: 1 << 26, timeout: 15_000 } as const
  const { stdout } = await promisify(execFile)('curl', [...common, ...args], options)
  return { status: Number(stdout.subarray(-3).toString()), body: stdout.subarray(0, -3) }
}

/** A machine netboots; the token of its scout stands on the kernel line. */
async function netboot(machines: string, mac: string): Promise<string> {
  const { body } = await curl(`${machines}/boot/script?mac=${mac}&platform=pcbios`)
  return /muster\.token=([0-9a-f]{32}) /.exec(body.toString())?.[1] ?? ''
}
const bearer = (token: string) => ['--header', `Authorization: Bearer ${token}`]
const post = (body: unknown) => ['--header', 'Content-Type: application/json', '--data', JSON.stringify(body)]

t.test('files: whole, ranges, resumed, HEAD', async t => {
  const { machines } = await start(t)
  const url = `${machines}/boot/scout/initrd`
  t.ok((await curl(url)).body.equals(INITRD))
  for (const [range, want] of [
    ['0-9', INITRD.subarray(0, 10)],
    ['2999990-', INITRD.subarray(2_999_990)],
    ['-5', INITRD.subarray(-5)],
  ] as const)
    t.same(await curl('--range', range, url), { status: 206, body: want }, range)
  t.equal((await curl('--range', '3000000-', url)).status, 416)
  t.same(await curl('--continue-at', '2999000', url), { status: 206, body: INITRD.subarray(2_999_000) })
  t.match(
    (await curl('--head', `${machines}/boot/files/ipxe.efi`)).body.toString(),
    /Content-Length: 10\r\n/i,
  )
})

t.test('nothing outside is served, however it is written', async t => {
  const { machines, stateDir } = await start(t)
  symlinkSync(join(stateDir, 'outside'), join(stateDir, 'boot/snponly.efi'))
  symlinkSync(join(stateDir, 'outside'), join(stateDir, 'scout/vmlinuz'))
  for (const path of [
    ...['boot/files/../../outside', 'boot/files/..%2foutside', 'boot/files/%2e%2e%2foutside', '../outside'],
    ...['boot/files/..%5coutside', 'boot/files/..%252foutside', 'boot/files/%c0%ae%c0%ae%c0%afoutside'],
    ...[
      'boot/files/....//outside',
      'boot/files//etc/passwd',
      'boot/files/%2fetc%2fpasswd',
      'boot/files/ipxe.efi%00',
    ],
    ...['boot/files/outside', 'boot/files/snponly.efi', 'boot/scout/vmlinuz', 'boot/scout/../../api-token'],
  ]) {
    const { status, body } = await curl(`${machines}/${path}`)
    t.ok(status === 404 || status === 400, `${path}: ${status}`)
    t.notMatch(body.toString(), /secret|root:/, path)
  }
})

t.test('a machine speaks for itself alone', async t => {
  const { machines, owner, token } = await start(t)
  const [own, other] = [await netboot(machines, FACTS.bootMac), await netboot(machines, '52:54:00:00:00:99')]
  t.equal((await curl(...bearer(other), ...post(FACTS), `${machines}/scout/v1/facts`)).status, 403)
  t.equal((await curl(...bearer('f'.repeat(32)), ...post(FACTS), `${machines}/scout/v1/facts`)).status, 401)
  t.equal(
    (await curl(...bearer(token), ...post(FACTS), `${machines}/scout/v1/facts`)).status,
    401,
    "owner's token",
  )
  t.equal((await curl(...bearer(own), `${owner}/systems`)).status, 401, "a scout's token at the API")
  t.equal((await curl(...bearer(own), ...post(FACTS), `${machines}/scout/v1/facts`)).status, 200)
  const { body } = await curl(...bearer(token), `${owner}/systems`)
  t.match(
    JSON.parse(body.toString()).filter((s: { state: string }) => s.state === 'discovered'),
    [{ macs: [FACTS.bootMac], cores: 2 }],
  )
})

t.test('an order reaches the scout that waits, and it is done once', async t => {
  const { machines, owner, token } = await start(t)
  const scout = await netboot(machines, FACTS.bootMac)
  const posted = await curl(...bearer(scout), ...post(FACTS), `${machines}/scout/v1/facts`)
  const { name } = JSON.parse(posted.body.toString())
  const waiting = curl(...bearer(scout), `${machines}/scout/v1/orders?wait=8`)
  const given = await curl(...bearer(token), ...post({ order: 'reboot' }), `${owner}/systems/${name}/orders`)
  const { id } = JSON.parse(given.body.toString())
  t.same(JSON.parse((await waiting).body.toString()), { order: 'reboot', id })
  const done = [...bearer(scout), '--request', 'POST', `${machines}/scout/v1/orders/${id}/done`]
  t.same([(await curl(...done)).status, (await curl(...done)).status], [200, 404])
})

t.test('bodies that are too long', async t => {
  const { machines, owner, token, stateDir } = await start(t)
  writeFileSync(join(stateDir, 'big'), Buffer.alloc(50_000_000, 'x'))
  const big = ['--header', 'Content-Type: application/json', '--data-binary', `@${join(stateDir, 'big')}`]
  const scout = await netboot(machines, FACTS.bootMac)
  const chunked = ['--header', 'Transfer-Encoding: chunked']
  t.equal((await curl(...bearer(scout), ...big, `${machines}/scout/v1/facts`)).status, 413)
  t.equal((await curl(...bearer(scout), ...chunked, ...big, `${machines}/scout/v1/facts`)).status, 413)
  t.equal(
    (await curl(...big, `${machines}/scout/v1/facts`)).status,
    401,
    'without a token it is not even read',
  )
  t.equal((await curl(...bearer(token), ...big, '--request', 'PATCH', `${owner}/systems/x`)).status, 413)
})
