import t from 'tap'
import type { Options } from 'yargs'
import { COMMANDS, EXIT_CODES } from '../../src/cli/commands.js'
import { clientOptions } from '../../src/commands/client.js'
import { type Command, usageOf } from '../../src/commands/command.js'
import { golden } from '../golden.js'

const INTRODUCTION = `# Commands

\`muster COMMAND --help\` tells the same in the shell; \`eval "$(muster completion)"\` completes commands and options there. A
link called \`muster-COMMAND\` or \`metaleuca-COMMAND\` to the program is that command. ${EXIT_CODES}
Where several systems are changed, each is done by itself, and the first that failed decides; of instances all are done
or, with one that is refused, none.

The names and letters are those of EC2's and Metaleuca's commands. \`-u\` says whose machines are meant: a name to sort by, not
a permission; unless given it is the setting \`user\`, else \`$USER\`. What takes machines away (\`terminate-instances\`,
\`release-systems\`) asks for it, or for names. Text output is tab-separated, its rows begin with what they tell of, and new
columns are added at the end; JSON is what the API sends.

Commands that talk to the daemon also take:

${Object.entries(clientOptions).map(option).join('\n')}

Settings of \`serve\` are in [configuration.md](configuration.md). This page is made from \`src/cli/commands.ts\` by
\`npm run golden\`.
`

/** Whether a command talks to the daemon; what all those take is told once. */
const isClient = (options: Command['options']) => 'server' in options

function section(command: Command): string {
  const { summary, operands = {}, options, examples, name, aliases = [], details } = command
  const rows = [
    ...Object.entries(operands).map(([word, o]) => `- \`${word}\`: ${o.describe}`),
    ...Object.entries(name === 'serve' ? {} : options)
      .filter(([key]) => !(isClient(options) && key in clientOptions))
      .map(option),
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
