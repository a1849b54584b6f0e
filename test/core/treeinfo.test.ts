import t from 'tap'
import { treeOf } from '../../src/core/treeinfo.js'

const SUM = 'ab'.repeat(32)
const TREE = `[checksums]
images/pxeboot/initrd.img = sha256:${SUM}
images/pxeboot/vmlinuz = sha256:${SUM}

[general]
; WARNING.0 = This section provides compatibility with pre-productmd treeinfos.
arch = x86_64
family = Rocky Linux
name = Rocky Linux 9.4
version = 9.4

[images-x86_64]
initrd = images/pxeboot/initrd.img
kernel = images/pxeboot/vmlinuz

[release]
name = Rocky Linux
short = Rocky
version = 9.4
`

t.test('a tree', async t =>
  t.same(treeOf(TREE), {
    family: 'Rocky Linux',
    version: '9.4',
    kernel: { path: 'images/pxeboot/vmlinuz', sha256: SUM },
    initrd: { path: 'images/pxeboot/initrd.img', sha256: SUM },
  }),
)

for (const [name, from, to, want] of [
  ['a web page', TREE, '<html>', /no \.treeinfo/],
  ['another architecture', '[images-x86_64]', '[images-aarch64]', /no kernel for x86_64/],
  ['no checksum', `vmlinuz = sha256:${SUM}`, 'vmlinuz = md5:00', /no SHA-256 of images\/pxeboot\/vmlinuz/],
  ['a file elsewhere', 'kernel = images', 'kernel = ../images', /not below it/],
  ['a file of another host', 'kernel = images', 'kernel = http://x/images', /not below it/],
] as const)
  t.test(`${name} is refused`, async t => t.match(treeOf(TREE.replace(from, to)), { problem: want }))
