import { parseFilters, SYSTEM_FIELDS } from '../../src/core/filter.js'
import { type InstallSurroundings, installValues } from '../../src/core/installValues.js'
import { parsePreference } from '../../src/core/preference.js'
import type { Profile } from '../../src/core/profile.js'
import { isRefusal } from '../../src/core/refusal.js'
import { judge, readWritten } from '../../src/io/profileFile.js'
import { openTemplates, type Templates } from '../../src/io/templates.js'
import { INSTANCE, JOB_TOKEN } from '../support/installJobs.js'
import { machine } from '../support/inventory.js'
import { mutated, telling } from './mutate.js'
import { chance, type Random } from './random.js'

/** What people write: filters, preferences and profiles. */

const FILTERS = ['cores>=4', 'memory>=8GiB', 'disk>200.5G', 'vendor~dell', 'tag:rack!=2', 'name=node-1']
const PREFERENCES = ['smallest', 'largest', '-memory,cores', 'disk']
const PROFILE = `description: a web server
extends: debian-12
distribution: debian
release: 12
installer: image
kernelArguments: quiet console=ttyS0,115200
packages: [nginx, vim]
users:
  - { name: ada, fullName: Ada Lovelace, sudo: true, passwordHash: "$y$j9T$abcdefgh$01234567890123456789", groups: [adm] }
timezone: Europe/Berlin
locale: de_DE.UTF-8
keymap: &keymap de
disk: &disk { pick: largest, minSize: 20G, transports: [nvme, sata] }
partitioning: { layout: lvm, swap: 2G }
lateCommands:
  - |
    echo 'done' > /etc/motd
deadlines: { installing: 20min }
`
const AROUND: InstallSurroundings = {
  url: 'http://192.168.1.2:8067',
  mirrors: { debian: 'http://deb.debian.org/debian' },
  throughCache: true,
  ownerKeys: ['ssh-ed25519 AAAA owner'],
  rootKey: 'ssh-ed25519 BBBB muster',
  nameServer: '192.168.1.1',
}

/**
 * Throws, with the input, when a promise is broken: refusals are values, a message is one line, and whatever a profile
 * that was taken holds stays inside the quotes of the plan that is made of it.
 */
export async function run(seed: number, count: number) {
  const random = chance(seed)
  const templates = openTemplates()
  const skeleton = bare(planOf(templates, taken(PROFILE)))
  const judges = [judgeFilter, judgePreference, (r: Random) => judgeProfile(r, templates, skeleton)]
  const outcomes: Record<string, number> = {}
  for (let i = 0; i < count; i++) {
    const outcome = await random.pick(judges)(random)
    outcomes[outcome] = (outcomes[outcome] ?? 0) + 1
  }
  return outcomes
}

const judgeFilter = (random: Random) => {
  const text = mutated(random, random.pick(FILTERS))
  return telling(text, async () => told('filter', parseFilters([text], SYSTEM_FIELDS)))
}

const judgePreference = (random: Random) => {
  const text = mutated(random, random.pick(PREFERENCES))
  return telling(text, async () => told('preference', parsePreference(text)))
}

function told(what: string, read: object): string {
  if (!isRefusal(read)) return what
  if (read.why.length > 600) throw new Error(`a long story: ${read.why}`)
  return `${what} refused`
}

function judgeProfile(random: Random, templates: Templates, skeleton: string): Promise<string> {
  const text = mutated(random, PROFILE)
  return telling(text, async () => {
    const profile = readProfile(text)
    if ('problems' in profile) {
      for (const problem of profile.problems)
        if (!/^web\.yaml:\d+: /.test(problem)) throw new Error(`without its line: ${problem}`)
      return 'profile refused'
    }
    const plan = planOf(templates, profile)
    if (bare(plan) !== skeleton) throw new Error(`out of its quotes: ${plan}`)
    return 'profile'
  })
}

const readProfile = (text: string) => judge(readWritten('web', 'web.yaml', text), [])

function taken(text: string): Profile {
  const profile = readProfile(text)
  if ('problems' in profile) throw new Error(profile.problems.join('\n'))
  return profile
}

function planOf(templates: Templates, profile: Profile): string {
  const subject = { instance: INSTANCE, machine: machine(), profile, token: JOB_TOKEN }
  const image = { url: 'http://192.168.1.2:8067/boot/media/web/1/root.tar.zst', size: 1, sha256: '00' }
  return templates.render('node/plan.sh.njk', { ...installValues(subject, AROUND), image })
}

/** A script without what stands in single quotes. */
const bare = (script: string) => script.replace(/'[^']*'(?:\\''[^']*')*/g, "''")
