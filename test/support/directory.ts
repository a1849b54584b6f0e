import type { Directory } from '../../src/control/directory.js'
import { ansibleInventory } from '../../src/core/ansible.js'
import type { AuthorityView } from '../../src/core/authorityView.js'

/** An authority as the API tells it; nothing was signed with it. */
export const pretendAuthority: AuthorityView = {
  certificate: '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n',
  subject: 'O=muster, CN=muster CA 1f2e3d4c',
  fingerprint: Array(32).fill('AB').join(':'),
  notBefore: '2026-01-01T03:04:05.000Z',
  notAfter: '2036-01-02T03:04:05.000Z',
}

export const pretendDirectory: Directory = {
  knownHosts: async () => 'web-1,192.168.1.31 ssh-ed25519 AAAA\n',
  inventory: async () => ansibleInventory([], 'owner'),
}
