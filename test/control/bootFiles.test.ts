import { rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { openBootFiles } from '../../src/control/bootFiles.js'

t.test('what is on the list and there is served', async t => {
  const dir = t.testdir({ boot: { 'ipxe.efi': 'MZ', 'other.efi': 'MZ' }, scout: { initrd: 'cpio' } })
  const files = openBootFiles(dir)
  t.same(files.names(), ['ipxe.efi'])
  t.equal((await files.read('ipxe.efi'))?.toString(), 'MZ')
  t.equal(files.scoutFile('initrd'), join(dir, 'scout/initrd'))
  t.equal((await files.readScout('initrd'))?.bytes.toString(), 'cpio')
  t.equal(files.scoutFile('vmlinuz'), undefined)
  t.equal(await files.readScout('vmlinuz'), undefined)
})

t.test('a file that comes or changes is seen', async t => {
  const dir = t.testdir({ boot: {} })
  const files = openBootFiles(dir)
  t.notOk(files.has('ipxe.efi'))
  writeFileSync(join(dir, 'boot/ipxe.efi'), 'one')
  t.equal((await files.read('ipxe.efi'))?.toString(), 'one')
  rmSync(join(dir, 'boot/ipxe.efi'))
  t.equal(await files.read('ipxe.efi'), undefined)
})

for (const name of [
  'other.efi',
  '../api-token',
  'boot/ipxe.efi',
  './ipxe.efi',
  'ipxe.efi\0',
  '',
  '.',
  'snponly.efi',
])
  t.test(`${JSON.stringify(name)} is not served`, async t => {
    const dir = t.testdir({ 'api-token': 'secret', boot: { 'ipxe.efi': 'MZ', 'other.efi': 'MZ' } })
    symlinkSync(join(dir, 'api-token'), join(dir, 'boot/snponly.efi'))
    const files = openBootFiles(dir)
    t.equal(await files.read(name), undefined)
    t.notOk(files.has(name))
  })
