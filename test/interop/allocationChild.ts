import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createCommits } from '../../src/control/commits.js'
import { createInstances } from '../../src/control/instances.js'
import type { ReservationView } from '../../src/core/instanceView.js'
import { isRefusal, type Refusal } from '../../src/core/refusal.js'
import type { Medium } from '../../src/io/media.js'
import { openStore } from '../../src/io/store.js'
import { quiet } from '../control/example.js'
import { chance } from '../fuzz/random.js'
import { PROFILE } from '../support/installJobs.js'

/**
 * One of several processes that want the same machines: allocationChild.ts STATE-DIR SEED RACES. What it had, and from
 * when to when, is told line by line: `MACHINE FROM TO`, by the monotonic clock that all processes share.
 */

const [stateDir = '', seed = '', races = ''] = process.argv.slice(2)
const { below, pick } = chance(Number(seed))
const store = await openStore(stateDir, quiet)
const now = () => new Date()
const commits = createCommits({ store, log: quiet, now, random: randomBytes, eventsKept: 1_000 })
const file = { name: PROFILE.name, file: 'x.yaml', profile: PROFILE }
const instances = createInstances({
  ...{ store, commits, now },
  rules: { attempts: 3, deadlines: {}, started: now(), roles: [] },
  profiles: { list: async () => [file], find: async () => file },
  media: { current: async () => ({}) as Medium },
  ownerKeys: async () => ['ssh-ed25519 AAAA owner'],
  rebootNode: async () => undefined,
})

type Taken = { readonly view: ReservationView; readonly from: bigint }
const taken = new Set<Taken>()

/** Who is not told no, has what he asked for from here on. */
async function take(user: string): Promise<boolean> {
  const wish = { user, count: 1 + below(3) }
  const view = granted(
    below(2) === 0
      ? await instances.run({ ...wish, profile: PROFILE.name, clientToken: user })
      : await instances.reserve(wish),
  )
  if (!view) return false
  if (view.systems.length !== wish.count) throw new Error(`asked ${wish.count}, got ${view.systems.length}`)
  taken.add({ view, from: process.hrtime.bigint() })
  return true
}

async function giveBack(one: Taken): Promise<void> {
  const { user, systems, instances: ran } = one.view
  const to = process.hrtime.bigint()
  const given = granted(
    ran.length > 0 ? await instances.terminate({ user }) : await instances.release({ user }),
  )
  if (!given) throw new Error(`${user} has nothing to give back`)
  taken.delete(one)
  for (const { id } of systems) process.stdout.write(`${id} ${one.from} ${to}\n`)
}

function granted<T extends object>(answer: T | Refusal): T | undefined {
  if (!isRefusal(answer)) return answer
  if (answer.why.startsWith('not enough resources')) return undefined
  throw new Error(answer.why)
}

process.stdout.write('ready\n')
await once(process.stdin, 'data')
let won = 0
for (let n = 0; n < Number(races); n++) {
  if (await take(`user-${seed}-${n}`)) won++
  if (taken.size > 2 || (taken.size > 0 && below(3) === 0)) await giveBack(pick([...taken]))
}
for (const one of taken) await giveBack(one)
await commits.settled()
await store.close()
process.stdout.write(`won ${won}\n`)
