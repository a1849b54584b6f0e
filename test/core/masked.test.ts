import t from 'tap'
import { transcriptOf } from '../../src/core/masked.js'
import { pauseAfter } from '../../src/core/pauses.js'

const KEY = 'OPENSSH PRIVATE KEY-----'

for (const [name, output, want] of [
  ['plain text', 'Setting up podman …\n', 'Setting up podman …\n'],
  ['a key', `a\n-----BEGIN ${KEY}\nAAAA\n-----END ${KEY}\nb`, 'a\n[secret]\nb'],
  [
    'two keys',
    `-----BEGIN ${KEY}\nA\n-----END ${KEY}\nx\n-----BEGIN ${KEY}\nB\n-----END ${KEY}`,
    '[secret]\nx\n[secret]',
  ],
  ['a key without its end', `a\n-----BEGIN ${KEY}\nAAAA`, 'a\n[secret]'],
  ['a key without its beginning', `AAAA\n-----END ${KEY}\nb`, '[secret]\nb'],
  ['a public key', 'ssh-ed25519 AAAA muster', 'ssh-ed25519 AAAA muster'],
  ['a certificate', '-----BEGIN CERTIFICATE-----\nM', '-----BEGIN CERTIFICATE-----\nM'],
  ['a hash of a password', 'root:$y$j9T$abcdefgh$ijkl:19000', 'root:[secret]:19000'],
  ['a password', 'password: hunter2 done', 'password: [secret] done'],
  ['a variable', 'DB_PASSWORD=hunter2\nx', 'DB_PASSWORD=[secret]\nx'],
  ['two words', "PASSWORD='hunter two' x", 'PASSWORD=[secret] x'],
  ['JSON', '{"password": "hun\\"ter 2", "n": 1}', '{"password": [secret], "n": 1}'],
  ['a field', 'api_token=abc&n=1', 'api_token=[secret]&n=1'],
  ['a passphrase', 'Passphrase: x', 'Passphrase: [secret]'],
  ['an option', 'mysql --password hunter2 --user a', 'mysql --password [secret] --user a'],
  ['an option without a value', 'ssh --no-password --user a', 'ssh --no-password --user a'],
  ['a header', 'Authorization: Bearer abc.def', 'Authorization: Bearer [secret]'],
  ['another header', '> authorization: Basic dTpw', '> authorization: Basic [secret]'],
  ['a user in a URL', 'GET https://u:hunter2@host/x', 'GET https://u:[secret]@host/x'],
  ['a URL with a port', 'GET http://10.77.0.2:8067/a@b', 'GET http://10.77.0.2:8067/a@b'],
  ['a URL of answers', `GET /install/v1/${'a'.repeat(32)}/finish`, 'GET /install/v1/[secret]/finish'],
  ['progress', '10 %\r20 %\r\nend', '10 %\n20 %\nend'],
  ['colours and bells', '\u001b[31mred\u001b[0m\u0007', 'red'],
] as const)
  t.test(`transcript: ${name}`, async t => t.equal(transcriptOf(output, 1000), want))

t.test('transcript: long runs of one character are soon read', async t => {
  for (const run of [' ', ':', '-', 'a', '"', 'token ', 'password: ', '://', '@'])
    t.ok(transcriptOf(run.repeat((1 << 20) / run.length), 100).length <= 100, JSON.stringify(run))
})

t.test('transcript: the end of it is kept', async t => t.equal(transcriptOf('abcdef', 3), 'def'))

t.test('pauses grow up to a minute', async t =>
  t.same(
    [1, 2, 3, 4, 5, 6, 7, 100].map(tries => pauseAfter(tries)),
    [2, 4, 8, 16, 32, 60, 60, 60],
  ),
)
