import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { SHIPPED } from '../../src/io/profiles.js'
import { profilesCheck } from '../../src/local/profiles.js'
import { fakeContext } from '../commands/fakeApi.js'

const FINE = 'distribution: debian\nrelease: 12\ninstaller: image\n'

t.test('profiles check', async t => {
  const dir = t.testdir({ 'fine.yaml': FINE })
  const check = async (files: string[], own = dir) => {
    const lines: string[] = []
    const context = {
      ...fakeContext(''),
      out: (text: string) => lines.push(text),
      err: (text: string) => lines.push(`! ${text}`),
    }
    const args = { 'profiles-dir': own, config: undefined, operands: { files } }
    return { exit: await profilesCheck.run(args, context), lines }
  }
  t.match(await check([]), {
    exit: 0,
    lines: [
      /^debian-12\tfine\t/,
      /-image/,
      /-13/,
      /-image/,
      `fine\tfine\t${dir}/fine.yaml`,
      `${SHIPPED}/rocky-9.yaml`,
    ],
  })
  const file = join(t.testdirName, 'bad.yaml')
  writeFileSync(file, `${FINE}keymap: 7\n`)
  t.same(await check([file, join(dir, 'fine.yaml')]), {
    exit: 1,
    lines: [`fine\tfine\t${dir}/fine.yaml`, `! ${file}:4: keymap: must be a keyboard such as us or de`],
  })
  t.match(await check([], 'own'), { exit: 2, lines: [/profiles-dir must be an absolute path/] })
})
