import { JOIN_TAG, type JoinRule, whyNotJoin, winnerOf } from '../core/joinRule.js'
import type { ExplanationView, JoinRulesView, JoinRuleView } from '../core/joinView.js'
import type { Machine } from '../core/machine.js'
import { isRefusal, type Refusal } from '../core/refusal.js'
import { type JoinParts, judgeAll, requestOf } from './joining.js'
import { lookUp, unknown } from './owning.js'
import { planRun, run } from './running.js'

/** The join rules as the API tells them, and what they say to one machine. */

export async function joinRulesView(parts: JoinParts): Promise<JoinRulesView> {
  const { file, rules, problems } = await parts.joinRules.current()
  const live = await parts.store.liveByTag(JOIN_TAG)
  const viewOf = async (rule: JoinRule): Promise<JoinRuleView> => {
    const plan = await planRun(parts, { user: rule.user, profile: rule.profile })
    const match = rule.match.map(({ text }) => text)
    const instances = live.get(rule.name) ?? 0
    return { ...rule, match, instances, ...(isRefusal(plan) && { problem: plan.why }) }
  }
  return { file, problems, rules: await Promise.all(rules.map(viewOf)) }
}

export async function explain(parts: JoinParts, idOrName: string): Promise<ExplanationView | Refusal> {
  const { store, joinRules } = parts
  const machine = await lookUp(store, idOrName)
  if (!machine) return unknown(idOrName)
  const { file, rules, problems } = await joinRules.current()
  const judged = await judgeAll(store, rules, machine)
  const winner = winnerOf(judged)
  const told = (joins: boolean, why: string): ExplanationView => ({
    ...{ id: machine.id, name: machine.name, joins, why },
    rules: judged.map(({ rule, is, why }) => ({ name: rule.name, verdict: is, why })),
  })
  const { name } = machine
  const kept = whyNotJoin(machine)
  if (kept) return told(false, `${name} ${kept}${await launchedBy(parts, machine)}`)
  if (problems.length > 0) return told(false, `no rule applies, as their file is broken: ${problems[0]}`)
  if (rules.length === 0) return told(false, `there is no rule in ${file}: ${name} waits in the scout`)
  if (!winner) return told(false, `no rule is for it: ${name} waits in the scout`)
  const hindered = await tryOut(parts, winner, machine)
  if (hindered) return told(false, `the rule ${winner.name} is for it and cannot take it: ${hindered.why}`)
  return told(
    true,
    `${name} joins ${winner.group} with ${winner.profile} by the rule ${winner.name}, as soon as it waits in the scout`,
  )
}

async function launchedBy({ store }: JoinParts, { instance }: Machine): Promise<string> {
  const rule = instance && (await store.instance(instance.id))?.tags[JOIN_TAG]
  return rule === undefined ? '' : `; the rule ${rule} launched it`
}

/** Why the rule could not take the machine now; nothing is done. */
async function tryOut(parts: JoinParts, rule: JoinRule, machine: Machine): Promise<Refusal | undefined> {
  const plan = await planRun(parts, { ...requestOf(rule, machine), dryRun: true })
  const would = isRefusal(plan) ? plan : await parts.commits.commit(act => run(act, parts.rules, plan))
  return isRefusal(would) ? would : undefined
}
