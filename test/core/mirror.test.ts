import t from 'tap'
import { isImmutable, mirrorPath } from '../../src/core/mirror.js'

for (const [name, segments, want] of [
  ['an index', ['dists', 'bookworm', 'InRelease'], 'dists/bookworm/InRelease'],
  ['a package', ['pool', 'g++-12_12.2.0-14+deb12u1_amd64.deb'], 'pool/g++-12_12.2.0-14+deb12u1_amd64.deb'],
  ['an epoch, a tilde and a space', ['a', '1:2~rc1 x'], 'a/1:2~rc1%20x'],
  ['what a URL would end at', ['a?b#c'], 'a%3Fb%23c'],
  ['letters of other scripts', ['ü'], '%C3%BC'],
] as const)
  t.test(name, async t => t.equal(mirrorPath(segments), want))

for (const [name, segments] of [
  ['nothing', []],
  ['a folder', ['dists', '']],
  ['an empty part', ['', 'etc', 'passwd']],
  ['up', ['..', 'x']],
  ['here', ['.', 'x']],
  ['an encoded slash', ['../etc/passwd']],
  ['a backslash', ['..\\x']],
  ['NUL', ['x\0']],
  ['a line end', ['x\r\nHost: y']],
  ['another URL', ['http://10.0.0.1']],
  ['too long', ['x'.repeat(1025)]],
] as const)
  t.test(`${name} is refused`, async t => t.match(mirrorPath(segments), { refused: 'invalid' }))

const HASH = '0123456789abcdef'.repeat(4)
for (const [kept, path] of [
  [true, 'pool/main/b/bash/bash_5.2.15-2+b8_amd64.deb'],
  [true, 'pool/main/b/bash/bash_5.2.15-2.dsc'],
  [true, 'pool/main/b/bash/bash_5.2.15.orig.tar.xz'],
  [true, 'pool/main/l/linux/md-modules-6.1.0-28-amd64-di_6.1.119-1_amd64.udeb'],
  [true, `dists/bookworm/main/binary-amd64/by-hash/SHA256/${HASH}`],
  [true, '9/BaseOS/x86_64/os/Packages/b/bash-5.1.8-9.el9.x86_64.rpm'],
  [true, `9/BaseOS/x86_64/os/repodata/${HASH}-primary.xml.gz`],
  [true, 'dists/bookworm/main/installer-amd64/20230607+deb12u8/images/netboot/netboot.tar.gz'],
  [false, 'dists/bookworm/main/installer-amd64/current/images/netboot/netboot.tar.gz'],
  [false, 'dists/bookworm/InRelease'],
  [false, 'dists/bookworm/main/binary-amd64/Packages.xz'],
  [false, '9/BaseOS/x86_64/os/repodata/repomd.xml'],
  [false, '9/BaseOS/x86_64/os/.treeinfo'],
  [false, '9/BaseOS/x86_64/os/images/pxeboot/vmlinuz'],
  [false, 'pool/main/b/bash/README'],
] as const)
  t.test(path, async t => t.equal(isImmutable(path), kept))
