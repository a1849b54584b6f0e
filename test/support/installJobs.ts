import type { Logger } from 'pino'
import type { InstallDocuments } from '../../src/control/installDocuments.js'
import type { InstallJobs, InstallReport, Job, Peer } from '../../src/control/instances.js'
import { type InstallSurroundings, MEDIUM_FILES } from '../../src/core/installValues.js'
import { after, type Instance, type InstanceEvent, type InstanceId } from '../../src/core/instance.js'
import type { Profile } from '../../src/core/profile.js'
import { refuse } from '../../src/core/refusal.js'
import type { Media } from '../../src/io/media.js'
import { AT, machine } from './inventory.js'

export const JOB_TOKEN = 'aaaaaaaaaaaaaaaabbbbbbbbbbbbbbbb'
export const PHONE_TOKEN = 'ccccccccccccccccdddddddddddddddd'

export const PROFILE: Profile = {
  name: 'debian-12-image',
  description: 'Debian 12',
  distribution: 'debian',
  release: '12',
  architecture: 'amd64',
  installer: 'image',
  template: '',
  mirror: 'debian',
  kernelArguments: '',
  packages: [],
  users: [{ name: 'ada', fullName: 'Ada Lovelace', sshKeys: [], groups: ['adm'], sudo: true }],
  sshKeys: [],
  timezone: 'Europe/Berlin',
  locale: 'en_US.UTF-8',
  keymap: 'us',
  disk: { pick: 'smallest', minSize: 8e9, removable: false },
  partitioning: { layout: 'plain', swap: 2 ** 30 },
  lateCommands: [],
  boot: 'reboot',
  deadlines: {},
}

export const INSTANCE: Instance = {
  id: 'i-0123456789ab' as InstanceId,
  reservation: 'r-0123456789ab' as Instance['reservation'],
  machine: machine().id,
  name: 'oak-1',
  user: 'demo',
  profile: PROFILE.name,
  phase: 'starting',
  since: AT,
  launched: AT,
  attempts: 1,
  disk: '/dev/disk/by-id/virtio-oak',
  wipe: 'none',
  powerOff: false,
  tags: {},
}

export const AROUND: InstallSurroundings = {
  url: 'http://192.168.1.2:8067',
  mirrors: { debian: 'http://deb.debian.org/debian', rocky: 'https://[fd00::1]:8443/pub/rocky' },
  throughCache: true,
  ownerKeys: ['ssh-ed25519 AAAAowner ada@desk'],
  rootKey: 'ssh-ed25519 AAAAroot muster',
  nameServer: '192.168.1.1',
}

/** Media of these names, each with every kind of file. */
export const pretendMedia = (names: readonly string[]): Pick<Media, 'current'> => ({
  async current(medium) {
    if (!names.includes(medium)) return undefined
    const files = Object.fromEntries(
      Object.values(MEDIUM_FILES).map(name => [name, { size: 12, sha256: 'e'.repeat(64) }]),
    )
    const manifest = { medium, profile: medium, inputs: '', builtAt: AT.toISOString(), files }
    return { build: '20260102030405-0123abcd', folder: '/', manifest: { ...manifest, kind: 'image' } }
  },
})

const EVENT_OF: Record<InstallReport['stage'], InstanceEvent> = {
  started: 'install-started',
  progress: 'install-started',
  installed: 'install-ended',
  wiped: 'freed',
  failed: 'install-failed',
}

/** One install of `oak-1` in memory, by the table of phases: enough for the routes. `told` is what came in. */
export function pretendInstallJobs(profile: Profile = PROFILE) {
  let instance = INSTANCE
  const told: unknown[] = []
  const strange = () => refuse('not-found', 'no install waits for this token')
  const job = (): Job => ({ task: 'install', instance, machine: machine(), profile, token: JOB_TOKEN })
  const step = (event: InstanceEvent) => {
    const phase = after(instance.phase, event)
    if (phase === undefined) return refuse('conflict', `${event} is refused while ${instance.phase}`)
    instance = { ...instance, phase }
    return instance
  }
  const note = (call: string, peer: Peer, what?: unknown) => told.push({ call, peer, what })

  const jobs: InstallJobs = {
    async answers(token, peer) {
      note('answers', peer)
      if (token !== JOB_TOKEN) return strange()
      return instance.phase === 'starting' ? job() : refuse('conflict', 'the install has begun')
    },
    async finish(token, peer) {
      note('finish', peer)
      return token === JOB_TOKEN ? { ...job(), phoneToken: PHONE_TOKEN } : strange()
    },
    async report(token, report, peer) {
      note('report', peer, report)
      return token === JOB_TOKEN ? step(EVENT_OF[report.stage]) : strange()
    },
    async log(token, text, peer) {
      note('log', peer, text)
      return token === JOB_TOKEN || token === PHONE_TOKEN ? undefined : strange()
    },
    async phoneHome(token, call, peer) {
      note('phoneHome', peer, call)
      return token === PHONE_TOKEN ? step('phoned-home') : strange()
    },
  }
  return { jobs, told }
}

export const pretendDocuments: InstallDocuments = {
  boot: async () => refuse('conflict', 'nothing to boot'),
  answers: async ({ instance }) => `host_name=${instance.name}\n`,
  reporter: async () => '#!/bin/sh\n',
  finish: async ({ phoneToken }) => `#!/bin/sh\n# ${phoneToken}\n`,
}

/** What the service for machines needs beside the inventory, for those who try something else. */
export const noInstalls = (log: Logger) => ({
  mediumFile: async () => undefined,
  mirror: async () => ({ status: 404, why: 'no mirror' }),
  jobs: pretendInstallJobs().jobs,
  documents: pretendDocuments,
  macOf: async () => undefined,
  installLog: log,
})
