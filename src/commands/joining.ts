import type { ExplanationView, JoinRulesView, JoinRuleView } from '../core/joinView.js'
import { clientOptions, fail, hasFailed, openClient } from './client.js'
import { command, EXIT, type Exit } from './command.js'
import { clean, json, outputOption, record, table } from './render.js'

export const joinRules = command({
  name: 'join-rules',
  summary: 'List the rules by which free systems are installed and join a group by themselves.',
  options: { ...clientOptions, ...outputOption },
  details: `Text output, tab-separated:
JOINRULE name enabled|disabled group profile instances maximum min-nodes user filters problem
The exit code is 1 when the file of the rules is broken, as then none applies.`,
  examples: [['$0 join-rules', '']],
  async run(args, context) {
    const client = openClient(args, context)
    if (hasFailed(client)) return fail(client, context)
    const answer = await client.json<JoinRulesView>('GET', '/join-rules')
    if (hasFailed(answer)) return fail(answer, context)
    const { file, rules, problems } = answer.value
    if (args.output === 'json') context.out(json(answer.value))
    else if (args.output === 'text') for (const rule of rules) context.out(ruleRow(rule))
    else if (problems.length === 0) context.out(rules.length > 0 ? ruleTable(rules) : without(file))
    let exit: Exit = EXIT.ok
    for (const why of problems)
      exit = fail({ failed: EXIT.failed, why: `no rule applies: ${why}` }, context, exit)
    return exit
  },
})

const without = (file: string) =>
  `There are no join rules in ${file}: a new system waits in the scout until run-instances takes it.`

const text = (value: string | number | undefined) => String(value ?? '')

const ruleRow = (r: JoinRuleView) =>
  record('JOINRULE', [
    ...[r.name, r.enabled ? 'enabled' : 'disabled', r.group, r.profile, text(r.instances)],
    ...[text(r.maximum), text(r.minNodes), r.user, r.match.join(', '), text(r.problem)],
  ])

const ruleTable = (rules: readonly JoinRuleView[]) =>
  table(
    ['rule', 'enabled', 'instances', 'group', 'profile', 'min-nodes', 'user', 'match', 'problem'],
    rules.map(r => [
      ...[r.name, r.enabled ? 'yes' : 'no', `${r.instances}${r.maximum ? ` of ${r.maximum}` : ''}`],
      ...[
        r.group,
        r.profile,
        text(r.minNodes),
        r.user,
        r.match.join(', ') || 'every system',
        text(r.problem),
      ],
    ]),
  )

export const explainSystem = command({
  name: 'explain-system',
  summary: 'Tell which join rule is for a system, or why none is.',
  operands: { system: { required: true, describe: 'id, name or MAC address' } },
  options: { ...clientOptions, ...outputOption },
  details: `Text output, tab-separated:
EXPLANATION id name joins|waits why
RULE name verdict why (wins: it is the first that matches and has room; behind, full, unmatched, disabled)`,
  examples: [['$0 explain-system node-1', '']],
  async run(args, context) {
    const client = openClient(args, context)
    if (hasFailed(client)) return fail(client, context)
    const [system = ''] = args.operands.system ?? []
    const path = `/systems/${encodeURIComponent(system)}/explanation`
    const answer = await client.json<ExplanationView>('GET', path)
    if (hasFailed(answer)) return fail(answer, context)
    const { id, name, joins, why, rules } = answer.value
    const rows = rules.map(r => [r.name, r.verdict, r.why])
    if (args.output === 'json') context.out(json(answer.value))
    else if (args.output === 'text') {
      context.out(record('EXPLANATION', [id, name, joins ? 'joins' : 'waits', why]))
      for (const row of rows) context.out(record('RULE', row))
    } else {
      context.out(clean(why))
      if (rows.length > 0) context.out(`\n${table(['rule', 'verdict', 'why'], rows)}`)
    }
    return EXIT.ok
  },
})
