import t from 'tap'
import { COMMANDS } from '../../src/cli/commands.js'
import { wordsOf } from '../../src/cli/words.js'

const linked = (program: string) => wordsOf(['/usr/bin/node', program, '--help'])

for (const name of COMMANDS.flatMap(({ name, aliases = [] }) => [name, ...aliases]))
  t.test(`links to ${name}`, async t => {
    const link = name.replace(' ', '-')
    t.same(linked(`/usr/local/bin/muster-${link}`), [...name.split(' '), '--help'])
    t.same(linked(`/usr/local/bin/metaleuca-${link}`), [...name.split(' '), '--help'])
  })

for (const program of [
  '/usr/bin/muster',
  'cli.js',
  'muster-nothing',
  'other-status',
  '/muster-status/muster',
])
  t.test(`no command in ${program}`, async t => t.same(linked(program), ['--help']))
