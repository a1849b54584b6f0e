import t from 'tap'
import type { Options } from 'yargs'
import { COMMANDS, EXIT_CODES } from '../../src/cli/commands.js'
import { type Command, usageOf } from '../../src/commands/command.js'
import { golden } from '../golden.js'

const INTRODUCTION = `# Commands

\`muster COMMAND --help\` tells the same in the shell; \`eval "$(muster completion)"\` completes commands and options there. A
link called \`muster-COMMAND\` or \`metaleuca-COMMAND\` to the program is that command. ${EXIT_CODES}
Where several systems are named, each is done by itself, and the first that failed decides.

Settings of \`serve\` are in [configuration.md](configuration.md). This page is made from \`src/cli/commands.ts\` by
\`npm run golden\`.
`

function section(command: Command): string {
  const { summary, operands = {}, options, examples, name, aliases = [], details } = command
  const rows = [
    ...Object.entries(operands).map(([word, o]) => `- \`${word}\`: ${o.describe}`),
    ...Object.entries(name === 'serve' ? {} : options).map(option),
  ]
  const shell = examples.map(([line, means]) => `${line.replace('$0', 'muster')}${means && `   # ${means}`}`)
  return [
    `## ${usageOf(command)}`,
    '',
    summary,
    '',
    ...aliases.flatMap(alias => [`Also called \`${alias}\`.`, '']),
    ...rows,
    ...(rows.length ? [''] : []),
    '```sh',
    ...shell,
    '```',
    '',
    ...(details ? ['```text', details, '```', ''] : []),
  ].join('\n')
}

function option([name, o]: [string, Options]): string {
  const choices = o.choices ? `; one of ${o.choices.join(', ')}` : ''
  const otherwise = o.default === undefined || o.default === false ? '' : `; ${o.default} unless given`
  const letters = [o.alias ?? []].flat().filter(alias => alias.length === 1)
  return `- ${[...letters.map(l => `\`-${l}\``), `\`--${name}\``].join(', ')}: ${o.describe}${choices}${otherwise}`
}

t.test('docs/commands.md describes every command', async t =>
  golden(t, 'docs/commands.md', `${INTRODUCTION}\n${COMMANDS.map(section).join('\n')}`),
)
