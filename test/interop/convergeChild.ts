import { randomBytes } from 'node:crypto'
import { createCommits } from '../../src/control/commits.js'
import { createConverger } from '../../src/control/converging.js'
import { startReconciler } from '../../src/control/reconciler.js'
import { openNode } from '../../src/io/nodeSession.js'
import { openStore } from '../../src/io/store.js'
import { quiet } from '../control/example.js'
import { AROUND, role, step } from '../support/fakeNode.js'

/**
 * The part of the daemon that works on nodes, to be killed: `STATE PORT KEY FOLDER`. Its one role writes down in FOLDER how
 * often its step was begun and ended.
 */
const [stateDir = '', port = '', key = '', folder = ''] = process.argv.slice(2)

const slow = step('slow', {
  script: `echo begun >>${folder}/begun; sleep 3; echo ended >>${folder}/ended`,
})
const roles = [role([slow], { factScripts: () => ({ slow: `cat ${folder}/ended` }) })]

const store = await openStore(stateDir, quiet)
const now = () => new Date()
const commits = createCommits({ store, log: quiet, now, random: randomBytes, eventsKept: 1_000 })
const rules = { attempts: 3, deadlines: {}, started: now(), roles: ['base'] }
const parts = { store, commits, rules, now, log: quiet }
startReconciler({
  ...parts,
  converger: createConverger({
    ...parts,
    roles: async () => roles,
    around: async () => AROUND,
    connect: (node, end) => openNode({ ...node, port: Number(port), user: 'root', key, end }, folder),
    inputOf: async ({ kind }) => Buffer.from(kind),
    atOnce: 1,
  }),
  rebootNode: async () => undefined,
  wake: async () => undefined,
})
