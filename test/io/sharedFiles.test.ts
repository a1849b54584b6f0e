import { renameSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { createSharedFiles } from '../../src/io/sharedFiles.js'

t.test('one buffer for all who ask', async t => {
  const path = join(t.testdir({ initrd: 'one' }), 'initrd')
  const read = createSharedFiles()
  const [a, b] = await Promise.all([read(path), read(path)])
  t.equal(a?.bytes.toString(), 'one')
  t.equal(a?.bytes, b?.bytes)
  t.equal((await read(path))?.bytes, a?.bytes)
})

t.test('a file that was replaced is read anew; the old content stays whole', async t => {
  const dir = t.testdir({ initrd: 'one', next: 'two' })
  const read = createSharedFiles()
  const before = await read(join(dir, 'initrd'))
  renameSync(join(dir, 'next'), join(dir, 'initrd'))
  const after = await read(join(dir, 'initrd'))
  t.same([before?.bytes.toString(), after?.bytes.toString()], ['one', 'two'])
  t.not(before?.etag, after?.etag)
})

t.test('what is not used is forgotten', async t => {
  const path = join(t.testdir({ initrd: 'one' }), 'initrd')
  const read = createSharedFiles(1)
  const before = await read(path)
  await new Promise(resolve => setTimeout(resolve, 20))
  const after = await read(path)
  t.not(before?.bytes, after?.bytes)
  t.equal(before?.etag, after?.etag)
})

t.test('no file, a link and a folder', async t => {
  const dir = t.testdir({ secret: 'x', scout: {} })
  symlinkSync(join(dir, 'secret'), join(dir, 'scout/initrd'))
  const read = createSharedFiles()
  t.equal(await read(join(dir, 'scout/vmlinuz')), undefined)
  t.equal(await read(join(dir, 'scout/initrd')), undefined)
  t.equal(await read(join(dir, 'scout')), undefined)
})

t.test('a file that could not be read is tried again', async t => {
  const dir = t.testdir({})
  const read = createSharedFiles()
  t.equal(await read(join(dir, 'initrd')), undefined)
  writeFileSync(join(dir, 'initrd'), 'one')
  t.equal((await read(join(dir, 'initrd')))?.bytes.toString(), 'one')
})
