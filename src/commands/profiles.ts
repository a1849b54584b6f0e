import type { BrokenProfileView, DistroView, ProfileView } from '../core/instanceView.js'
import { clientOptions, fail, hasFailed, openClient } from './client.js'
import { command, EXIT } from './command.js'
import { json, outputOption, record, table } from './render.js'
import { ago, diskSize } from './units.js'

type Listed = ProfileView | BrokenProfileView

export const describeProfiles = command({
  name: 'describe-profiles',
  summary: 'List what can be installed.',
  options: { ...clientOptions, ...outputOption },
  details: `Text output, tab-separated:
PROFILE name distribution release architecture installer medium built file description`,
  examples: [['$0 describe-profiles', '']],
  async run(args, context) {
    const client = openClient(args, context)
    if (hasFailed(client)) return fail(client, context)
    const answer = await client.json<Listed[]>('GET', '/profiles')
    if (hasFailed(answer)) return fail(answer, context)
    if (args.output === 'json') context.out(json(answer.value))
    else if (args.output === 'text') for (const p of answer.value) context.out(profileRow(p))
    else context.out(profileTable(answer.value, context.now))
    return EXIT.ok
  },
})

const profileRow = (p: Listed) =>
  'problems' in p
    ? record('PROFILE', [p.name, '', '', '', '', 'broken', '', p.source, why(p)])
    : record('PROFILE', [
        ...[p.name, p.distribution, p.release, p.architecture, p.installer, p.medium],
        ...[p.builtAt ?? '', p.source, p.description],
      ])

/** The first problem; `muster profiles check` tells all. */
const why = ({ problems }: BrokenProfileView) => problems[0] ?? ''

const profileTable = (profiles: readonly Listed[], now: Date) =>
  table(
    ['name', 'distribution', 'installer', 'medium', 'built', 'description'],
    profiles.map(p =>
      'problems' in p
        ? [p.name, '', '', 'broken', '', why(p)]
        : [
            ...[p.name, `${p.distribution} ${p.release} ${p.architecture}`, p.installer, p.medium],
            ...[p.builtAt ? ago(p.builtAt, now) : '', p.description],
          ],
    ),
  )

export const describeDistros = command({
  name: 'describe-distros',
  summary: 'List what profiles are installed from: images and installers.',
  options: { ...clientOptions, ...outputOption },
  details: `Text output, tab-separated:
DISTRO name distribution release installer kernel size built profiles`,
  examples: [['$0 describe-distros', '']],
  async run(args, context) {
    const client = openClient(args, context)
    if (hasFailed(client)) return fail(client, context)
    const answer = await client.json<DistroView[]>('GET', '/distros')
    if (hasFailed(answer)) return fail(answer, context)
    if (args.output === 'json') context.out(json(answer.value))
    else if (args.output === 'text') for (const d of answer.value) context.out(distroRow(d))
    else context.out(distroTable(answer.value, context.now))
    return EXIT.ok
  },
})

const distroRow = (d: DistroView) =>
  record('DISTRO', [
    ...[d.name, d.distribution, d.release, d.installer, d.kernel ?? '', String(d.size ?? '')],
    ...[d.builtAt ?? '', d.profiles.join(',')],
  ])

const distroTable = (distros: readonly DistroView[], now: Date) =>
  table(
    ['name', 'distribution', 'installer', 'kernel', 'size', 'built', 'profiles'],
    distros.map(d => [
      ...[d.name, `${d.distribution} ${d.release}`, d.installer, d.kernel ?? ''],
      ...[d.size === undefined ? '' : diskSize(d.size), d.builtAt ? ago(d.builtAt, now) : 'missing'],
      d.profiles.join(', '),
    ]),
  )
