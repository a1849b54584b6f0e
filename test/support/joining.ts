import type { ExplanationView, JoinRulesView } from '../../src/core/joinView.js'
import { refuse } from '../../src/core/refusal.js'
import type { JoiningRoutes } from '../../src/servers/routes/joining.js'
import { machine } from './inventory.js'

export const JOIN_RULES_VIEW: JoinRulesView = {
  file: '/etc/muster/join-rules.yaml',
  problems: [],
  rules: [
    {
      ...{ name: 'small', match: ['cores<=2'], group: 'pool', profile: 'debian-12-image' },
      ...{ maximum: 3, minNodes: 2, user: 'muster', enabled: true, instances: 1 },
    },
  ],
}

export const EXPLANATION: ExplanationView = {
  ...{ id: machine().id, name: 'oak-1', joins: false, why: 'no rule is for it: oak-1 waits in the scout' },
  rules: [{ name: 'small', verdict: 'unmatched', why: 'cores<=2 does not hold: cores is 4' }],
}

/** One rule, and what it says to `oak-1`. */
export const pretendJoining: JoiningRoutes['joining'] = {
  rules: async () => JOIN_RULES_VIEW,
  explain: async idOrName =>
    idOrName === 'oak-1' ? EXPLANATION : refuse('not-found', `there is no machine ${idOrName}`),
  allow: async idOrName =>
    idOrName === 'oak-1' ? machine() : refuse('not-found', `there is no machine ${idOrName}`),
}
