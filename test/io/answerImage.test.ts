import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { Parser } from 'tar'
import { imageOf, openAnswerImage } from '../../src/io/answerImage.js'

type Entry = { path: string; mode: number | undefined; mtime: Date | undefined; content: Buffer }

/** What a tar holds, read by the package's own parser. */
async function entriesOf(archive: Buffer): Promise<Entry[]> {
  const found: Entry[] = []
  await new Promise<void>((resolve, reject) => {
    const parser = new Parser({
      onReadEntry(entry) {
        const parts: Buffer[] = []
        entry.on('data', (part: Buffer) => parts.push(part))
        entry.on('end', () =>
          found.push({
            path: entry.path,
            mode: entry.mode,
            mtime: entry.mtime,
            content: Buffer.concat(parts),
          }),
        )
      },
    })
    parser.on('end', resolve).on('error', reject)
    parser.end(archive)
  })
  return found
}

t.test('what podman load reads', async t => {
  const { id, archive } = imageOf(Buffer.from('the program'))
  const [config, layer, manifest] = await entriesOf(archive)
  t.equal(config?.path, `${id}.json`)
  t.same(JSON.parse(String(manifest?.content)), [
    { Config: `${id}.json`, RepoTags: ['localhost/muster/answer:latest'], Layers: ['layer.tar'] },
  ])
  const files = await entriesOf(layer?.content ?? Buffer.alloc(0))
  t.same(
    files.map(({ path }) => path),
    ['bin/', 'bin/busybox', 'answer', 'tmp/'],
  )
  t.equal(String(files[1]?.content), 'the program')
  t.ok(files.every(({ mode }) => mode === 0o755))
})

t.test('equal programs make equal images, others make others', async t => {
  const [one, two, three] = ['a', 'a', 'b'].map(text => imageOf(Buffer.from(text)))
  t.same(one, two)
  t.not(one?.id, three?.id)
})

t.test('the program is the one of the scout', async t => {
  const stateDir = t.testdir()
  const image = openAnswerImage(stateDir)
  t.equal(await image(), undefined, 'there is no scout')
  mkdirSync(join(stateDir, 'scout'))
  writeFileSync(join(stateDir, 'scout/busybox'), 'the program')
  t.same(await image(), imageOf(Buffer.from('the program')))
  t.equal(await image(), await image(), 'made once')
})
