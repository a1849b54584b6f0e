import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { chooseLan, defaultRoutes } from '../src/config/interface.js'
import {
  CLIENT_SETTINGS,
  envName,
  loadClientConfig,
  loadConfig,
  loadLocalConfig,
  parseConfigFile,
  SETTINGS,
  type Setting,
} from '../src/config.js'
import { suggest } from '../src/core/suggest.js'
import { golden } from './golden.js'

const eth0 = { interface: 'eth0', address: '192.168.1.2' }
const eth1 = { interface: 'eth1', address: '10.0.0.1' }
const lo = { interface: 'lo', address: '127.0.0.1' }
const network = { addresses: [lo, eth0], defaultRoutes: ['eth0'] }
const dir = mkdtempSync(join(tmpdir(), 'muster-config-'))
t.teardown(() => import('node:fs/promises').then(fs => fs.rm(dir, { recursive: true })))

const file = (text: string) => {
  const path = join(dir, `${Math.random().toString(36).slice(2)}.yaml`)
  writeFileSync(path, text)
  return path
}
const problemsOf = (x: object): string[] => ('problems' in x ? (x.problems as string[]) : [])

t.test('a flag wins over the environment, that over the file, that over the default', async t => {
  const config = file('dhcp-port: 1\npxe-port: 1\ntftp-port: 1\ndebug: [dhcp, tftp]\n')
  const env = { MUSTER_DHCP_PORT: '2', MUSTER_PXE_PORT: '2' }
  const got = loadConfig({ config, 'dhcp-port': '3' }, env, network)
  t.match(got, { dhcpPort: 3, pxePort: 2, tftpPort: 1, httpPort: 8067, debug: ['dhcp', 'tftp'], ...eth0 })
  t.ok(Object.isFrozen(got))
})

for (const [name, flags, env, text, want] of [
  [
    'a flag',
    { 'dhcp-port': '70000' },
    {},
    '',
    "--dhcp-port must be a whole number from 1 to 65535, not '70000'",
  ],
  [
    'the environment',
    {},
    { MUSTER_LOG_LEVEL: 'loud' },
    '',
    /^MUSTER_LOG_LEVEL in the environment must be one of/,
  ],
  ['a line of the file', {}, {}, 'a: 1\n', /\.yaml:1: there is no setting 'a'$/],
  ['a slip of the pen', {}, {}, '# x\ninterfase: eth0\n', /\.yaml:2: .*did you mean interface\?/],
  [
    'a value in the file',
    {},
    {},
    'log-level: info\napi-port: off\n',
    /\.yaml:2: api-port must be a whole number/,
  ],
  ['what is no YAML', {}, {}, 'a: [\n', /\.yaml:\d: /],
  ['a list as file', {}, {}, '- a\n', /\.yaml:1: must be a map/],
  ['a map as value', {}, {}, 'debug: dhcp\ninterface: {a: b}\n', /\.yaml:2: interface must be one value/],
  ['a key twice', {}, {}, 'debug: dhcp\ndebug: tftp\n', /\.yaml:2: .*unique/],
  ['a relative path', { 'state-dir': 'x' }, {}, '', /^--state-dir must be an absolute path/],
  ['an unknown area', { debug: 'dhcp,dns' }, {}, '', /^--debug must be some of/],
  [
    'one account for owner and containers',
    { 'owner-user': 'pool' },
    {},
    '',
    "owner-user and pool-user must be two accounts, not both 'pool'",
  ],
] as const)
  t.test(`refused with its source: ${name}`, async t => {
    const [problem = ''] = problemsOf(loadConfig({ config: file(text), ...flags }, env, network))
    if (typeof want === 'string') t.equal(problem, want)
    else t.match(problem, want)
  })

t.test('the scout is built where the daemon looks for it', async t => {
  const config = file('state-dir: /data\ndhcp-port: 70000\n')
  const profilesDir = '/etc/muster/profiles'
  t.match(loadLocalConfig({ config }, {}), { stateDir: '/data', profilesDir }, 'whatever else is in the file')
  t.match(loadLocalConfig({ config }, { MUSTER_STATE_DIR: '/env' }), { stateDir: '/env', profilesDir })
  t.match(problemsOf(loadLocalConfig({ 'state-dir': 'x' }, { MUSTER_CONFIG: '/dev/null' })), [/absolute/])
})

t.test('a file that was asked for must be there', async t =>
  t.match(problemsOf(loadConfig({ config: '/absent/x.yaml' }, {}, network)), [
    /cannot read the configuration: ENOENT/,
  ]),
)

t.test('an empty file sets nothing', async t => t.same(parseConfigFile('', 'x').problems, []))

for (const [name, wanted, addresses, routes, want] of [
  ['the default route', {}, [lo, eth0, eth1], ['eth1'], eth1],
  ['no route: the only one', {}, [lo, eth0], [], eth0],
  ['a route over an interface without IPv4', {}, [lo, eth0], ['wwan0'], eth0],
  ['asked for', { interface: 'eth1' }, [lo, eth0, eth1], ['eth0'], eth1],
  ['by address', { address: '127.0.0.1' }, [lo, eth0], ['eth0'], lo],
  ['both', { interface: 'eth0', address: '192.168.1.2' }, [lo, eth0], [], eth0],
] as const)
  t.test(`interface: ${name}`, async t =>
    t.same(chooseLan(wanted, { addresses, defaultRoutes: routes }), want),
  )

for (const [name, wanted, addresses, want] of [
  [
    'two and no route',
    {},
    [lo, eth0, eth1],
    /--interface; there are: eth0 \(192.168.1.2\), eth1 \(10.0.0.1\)/,
  ],
  ['none', {}, [lo], /there are: none/],
  ['absent', { interface: 'eth9' }, [eth0], /eth9 is absent, down or has no IPv4.*eth0 \(192/],
  ['wrong address', { address: '1.2.3.4' }, [eth0], /has the address 1.2.3.4/],
  [
    'not its address',
    { interface: 'eth0', address: '10.0.0.1' },
    [eth0, eth1],
    /eth0 has no address 10.0.0.1/,
  ],
] as const)
  t.test(`no interface: ${name}`, async t =>
    t.match(chooseLan(wanted, { addresses, defaultRoutes: [] }), { problem: want }),
  )

t.test('default routes, the lowest metric first', async t => {
  const table = `Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT
wlan0\t00000000\t0101A8C0\t0003\t0\t0\t600\t00000000\t0\t0\t0
eth0\t00000000\t0101A8C0\t0003\t0\t0\t100\t00000000\t0\t0\t0
eth0\t0001A8C0\t00000000\t0001\t0\t0\t100\t00FFFFFF\t0\t0\t0
`
  t.same(defaultRoutes(table), ['eth0', 'wlan0'])
})

for (const [name, text, want] of [
  ['one', 'a=http://x.example/debian', { a: 'http://x.example/debian' }],
  [
    'several, one with a slash at its end',
    'a=http://x/d, b-security=https://[fd00::1]:8/d/',
    { a: 'http://x/d', 'b-security': 'https://[fd00::1]:8/d' },
  ],
  ['no name', 'http://x/debian', undefined],
  ['no URL', 'a=x', undefined],
  ['a name that is a path', '../a=http://x/d', undefined],
  ['a quote', "a=http://x/d'", undefined],
  ['a query', 'a=http://x/d?e', undefined],
  ['nothing between two commas', 'a=http://x/d,,b=http://x/e', undefined],
] as const)
  t.test(`mirrors: ${name}`, async t => t.same(SETTINGS.mirrors.read(text), want))

t.test('a command finds the API and the token', async t => {
  const token = file('secret\n')
  const absent = join(dir, 'absent')
  t.match(loadClientConfig({ 'token-file': token }, {}), { server: 'http://127.0.0.1:8068', token: 'secret' })
  t.match(loadClientConfig({ server: 'http://a:1/' }, { MUSTER_TOKEN: 'x' }), {
    server: 'http://a:1',
    token: 'x',
  })
  t.match(loadClientConfig({ 'token-file': absent }, {}), { why: /cannot read the API token/ })
  t.match(problemsOf(loadClientConfig({ server: 'a' }, {})), [/^--server must be a URL/])
})

t.test("a command finds out who asks, and the owner's habits", async t => {
  const config = file('group: pool\nprofile: debian-12-image\nuser: demo\n')
  const env = { MUSTER_TOKEN: 'x', USER: 'kyo' }
  const defaultsOf = (flags: object, env: object) => {
    const found = loadClientConfig({ ...flags }, { ...env })
    return 'problems' in found ? undefined : found.defaults
  }
  t.match(defaultsOf({ config }, env), { user: 'demo', group: 'pool', profile: 'debian-12-image' })
  t.match(defaultsOf({ config, user: 'me' }, { ...env, MUSTER_GROUP: 'lab' }), { user: 'me', group: 'lab' })
  t.same(defaultsOf({ config: file('') }, env), { user: 'kyo', group: undefined, profile: undefined })
})

for (const [word, want] of [
  ['intreface', 'interface'],
  ['dhcp-prot', 'dhcp-port'],
  ['colour', undefined],
] as const)
  t.test(`suggestion for ${word}`, async t => t.equal(suggest(word, Object.keys(SETTINGS)), want))

t.test('docs/configuration.md describes every setting', async t => {
  const listed = (value: unknown) =>
    value instanceof Object && !Array.isArray(value)
      ? Object.entries(value).map(([name, one]) => `${name}=${one}`)
      : [value].flat()
  const shown = (value: unknown) =>
    value === undefined || value === '' ? '' : `\`${listed(value).join(',') || '-'}\``
  const rows = (table: Readonly<Record<string, Setting>>) =>
    Object.entries(table)
      .map(
        ([key, s]) => `| \`${key}\` | \`${envName(key)}\` | ${s.takes} | ${shown(s.default)} | ${s.means} |`,
      )
      .join('\n')
  golden(
    t,
    'docs/configuration.md',
    `${INTRODUCTION}\n${rows(SETTINGS)}\n${CLIENT}\n${rows(CLIENT_SETTINGS)}\n`,
  )
})

const INTRODUCTION = `# Configuration

Every setting is a flag of \`muster serve\` (\`--dhcp-port 67\`), a key in a flat YAML file (\`dhcp-port: 67\`) and a variable
in the environment. A flag wins over the environment, the environment over the file, the file over the default. The
file is \`/etc/muster/muster.yaml\` when it is there; \`--config FILE\` or \`MUSTER_CONFIG\` names another. A value that is not
understood and a key that does not exist stop the daemon before it starts, with the place that they came from.

This table is made from \`src/config/settings.ts\` by \`npm run golden\`.

| setting | environment | takes | default | means |
|---|---|---|---|---|`

const CLIENT = `
## Commands

The commands that talk to a running daemon need no setting on its own host. From elsewhere they take \`--server
http://ADDRESS:8068\` (\`MUSTER_SERVER\`; the daemon's \`api-address\` must be open to the LAN) and the API token: \`--token-file
FILE\` (\`MUSTER_TOKEN_FILE\`), or the token itself in \`MUSTER_TOKEN\`. It is never an argument, because arguments are
visible to every user of a host.

| setting | environment | takes | default | means |
|---|---|---|---|---|`
