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
  ['a URL of answers', `GET /install/v1/${'a'.repeat(32)}/finish`, 'GET /install/v1/[secret]/finish'],
  ['progress', '10 %\r20 %\r\nend', '10 %\n20 %\nend'],
  ['colours and bells', '\u001b[31mred\u001b[0m\u0007', 'red'],
] as const)
  t.test(`transcript: ${name}`, async t => t.equal(transcriptOf(output, 1000), want))

t.test('transcript: the end of it is kept', async t => t.equal(transcriptOf('abcdef', 3), 'def'))

t.test('pauses grow up to a minute', async t =>
  t.same(
    [1, 2, 3, 4, 5, 6, 7, 100].map(tries => pauseAfter(tries) / 1000),
    [2, 4, 8, 16, 32, 60, 60, 60],
  ),
)
