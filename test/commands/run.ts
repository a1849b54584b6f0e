import type { Command, Context } from '../../src/commands/command.js'
import { type Answers, fakeApi, fakeContext } from './fakeApi.js'

/** Runs a command against the fake daemon, with the defaults that yargs would set. */
export async function runAgainst(
  answers: Answers,
  command: Command,
  operands: object,
  options: object = {},
  world: Partial<Context> = {},
) {
  const api = await fakeApi(answers)
  const context = Object.assign(fakeContext(api.url), world) // a copy would hold the time
  const defaults = Object.fromEntries(Object.entries(command.options).map(([key, o]) => [key, o.default]))
  const exit = await command.run({ ...defaults, ...options, operands } as never, context)
  await api.close()
  return { exit, stdout: context.stdout(), stderr: context.stderr(), seen: api.seen }
}
