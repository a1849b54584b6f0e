import { described, rack } from './machines.js'

/** Instances as the API sends them: one that runs, one that is installed just now, one that failed. */
export const running = {
  id: 'i-000000000001',
  reservation: 'r-000000000001',
  machine: rack.id,
  name: 'web-1',
  user: 'demo',
  profile: 'debian-12-image',
  state: 'running',
  since: '2026-01-02T11:58:00.000Z',
  launched: '2026-01-02T11:56:30.000Z',
  installedAt: '2026-01-02T11:57:20.000Z',
  attempts: 1,
  disk: described.facts.disks[0]?.byId ?? '',
  touched: true,
  address: '192.168.1.31',
  hostName: 'web-1',
  hostKeys: ['ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIExampleExampleExampleExampleExampleExample0'],
  wipe: 'none',
  powerOff: false,
  tags: { rack: '2', owner: 'the lab' },
  system: rack.name,
  group: rack.group,
}

export const { installedAt: _, address: __, hostName: ___, hostKeys: ____, ...fresh } = running

export const installing = {
  ...fresh,
  id: 'i-000000000002',
  machine: 'm-ffffffffffff',
  name: 'web-2',
  system: 'node-2',
  group: 'default',
  state: 'pending',
  stage: 'installing',
  since: '2026-01-02T11:59:00.000Z',
  deadline: '2026-01-02T12:19:00.000Z',
  percent: 42,
  note: 'writing the image',
  disk: '/dev/sda',
  tags: {},
}

export const failed = {
  ...fresh,
  id: 'i-000000000003',
  reservation: 'r-000000000002',
  name: 'db-1',
  user: 'kyo',
  profile: 'rocky-9',
  state: 'failed',
  since: '2026-01-02T11:00:00.000Z',
  launched: '2026-01-02T10:00:00.000Z',
  attempts: 3,
  reason: 'no sign of the installer within 15 min',
  wipe: 'quick',
  powerOff: true,
  tags: {},
}

export const demo = {
  id: 'r-000000000001',
  user: 'demo',
  at: '2026-01-02T11:56:30.000Z',
  instances: [running, installing],
  systems: [
    { id: rack.id, name: 'node-1', group: 'rack-2' },
    { id: 'm-ffffffffffff', name: 'node-2', group: 'default' },
  ],
}

export const kyo = {
  id: 'r-000000000002',
  user: 'kyo',
  at: '2026-01-02T10:00:00.000Z',
  instances: [failed],
  systems: [{ id: rack.id, name: 'node-1', group: 'rack-2' }],
}

/** Made by reserve-systems: nothing is installed. */
export const held = {
  id: 'r-000000000003',
  user: 'kyo',
  at: '2026-01-02T11:00:00.000Z',
  instances: [],
  systems: [{ id: 'm-aaaaaaaaaaaa', name: 'node-3', group: 'default' }],
}

export const profiles = [
  {
    name: 'debian-12-image',
    description: 'Debian 12, written by the scout',
    distribution: 'debian',
    release: '12',
    architecture: 'amd64',
    installer: 'image',
    source: '/usr/lib/muster/profiles/debian-12-image.yaml',
    medium: 'ready',
    builtAt: '2026-01-01T12:00:00.000Z',
  },
  {
    name: 'rocky-9',
    description: 'Rocky Linux 9, by its own installer',
    distribution: 'rocky',
    release: '9',
    architecture: 'amd64',
    installer: 'kickstart',
    source: '/usr/lib/muster/profiles/rocky-9.yaml',
    medium: 'missing',
  },
  {
    name: 'web',
    source: '/etc/muster/profiles/web.yaml',
    problems: [
      '/etc/muster/profiles/web.yaml:7: disk.minSize: must be a size such as 512M, 8G or 500GB',
      '/etc/muster/profiles/web.yaml:9: pakages: there is no such field (did you mean packages?)',
    ],
  },
]

export const distros = [
  {
    name: 'debian-12-image',
    distribution: 'debian',
    release: '12',
    installer: 'image',
    kernel: '6.1.0-30-amd64',
    size: 312_000_000,
    builtAt: '2026-01-01T12:00:00.000Z',
    profiles: ['debian-12-image'],
  },
  {
    name: 'rocky-9-amd64-installer',
    distribution: 'rocky',
    release: '9',
    installer: 'kickstart',
    profiles: ['rocky-9'],
  },
]
