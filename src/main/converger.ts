import { randomBytes } from 'node:crypto'
import type { Config } from '../config.js'
import { type ConvergeOptions, type Converger, createConverger } from '../control/converging.js'
import type { Around } from '../control/wanted.js'
import type { InstanceRecord } from '../core/instance.js'
import { isRefusal, type Refusal } from '../core/refusal.js'
import { answerImage } from '../io/answerImage.js'
import { readAuthorizedKeys } from '../io/authorizedKeys.js'
import type { Authority } from '../io/certificates.js'
import { openNode } from '../io/nodeSession.js'
import { openRoles } from '../io/roles.js'
import type { SshKey } from '../io/sshKey.js'
import { urlOf } from './url.js'

type Parts = Pick<ConvergeOptions, 'store' | 'commits' | 'rules' | 'now' | 'log'> & {
  readonly sshKey: SshKey
  readonly authority: Authority
}

/** What works on nodes, with all that it needs of the world. */
export function convergerOf(config: Config, { sshKey, authority, ...parts }: Parts): Converger {
  const roles = openRoles({ folder: config.rolesDir, log: parts.log })
  return createConverger({
    ...parts,
    roles: roles.named,
    around: () => aroundOf(config, sshKey, authority),
    connect: (node, end) => openNode({ ...node, user: 'root', key: sshKey.private, end }),
    inputOf: async (input, instance) =>
      input.kind === 'image'
        ? (await answerImage(config.stateDir)).archive
        : certificate(authority, input.request, instance, parts.now()),
    ...{ atOnce: config.convergeAtOnce, driftCheck: config.driftCheck },
  })
}

async function aroundOf(config: Config, sshKey: SshKey, authority: Authority): Promise<Around> {
  const ownerKeys = await readAuthorizedKeys(config.authorizedKeys)
  if (isRefusal(ownerKeys)) throw new Error(ownerKeys.why)
  return {
    users: { owner: config.ownerUser, pool: config.poolUser },
    ownerKeys,
    daemon: { url: urlOf(config), publicKey: sshKey.public },
    ca: authority.view.certificate,
    images: {
      answer: await answerImage(config.stateDir).then(
        ({ id }) => id,
        () => '',
      ),
    },
  }
}

/** Names in a certificate are those by which others of the pool, and the owner, call the node. */
async function certificate(
  authority: Authority,
  request: string,
  { name, hostName = name, group, address }: InstanceRecord,
  now: Date,
): Promise<Buffer | Refusal> {
  const names = [...new Set([name, hostName, group])]
  const addresses = address === undefined ? [] : [address]
  const signed = await authority.signNode({
    ...{ request, names, addresses, now, random: randomBytes },
  })
  return isRefusal(signed) ? signed : Buffer.from(signed.certificate)
}
