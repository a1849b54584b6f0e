import { randomBytes } from 'node:crypto'
import type { Config } from '../config.js'
import { type ConvergeOptions, type Converger, createConverger } from '../control/converging.js'
import type { Around } from '../control/wanted.js'
import { certified } from '../core/certified.js'
import type { InstanceRecord } from '../core/instance.js'
import { isRefusal, type Refusal, refuse } from '../core/refusal.js'
import type { StepInput } from '../core/role.js'
import { type AnswerImage, openAnswerImage } from '../io/answerImage.js'
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
  const image = openAnswerImage(config.stateDir)
  const roles = openRoles({ folder: config.rolesDir, log: parts.log })
  return createConverger({
    ...parts,
    roles: roles.named,
    around: () => aroundOf(config, { sshKey, authority, image }),
    connect: (node, end) => openNode({ ...node, user: 'root', key: sshKey.private, end }),
    inputOf: (input, instance) => inputOf({ authority, image }, input, instance, parts.now()),
    ...{ atOnce: config.convergeAtOnce, driftCheck: config.driftCheck },
  })
}

type Means = { readonly sshKey: SshKey; readonly authority: Authority; readonly image: AnswerImage }

async function aroundOf(config: Config, { sshKey, authority, image }: Means): Promise<Around> {
  const ownerKeys = await readAuthorizedKeys(config.authorizedKeys)
  if (isRefusal(ownerKeys)) throw new Error(ownerKeys.why)
  return {
    users: { owner: config.ownerUser, pool: config.poolUser },
    ownerKeys,
    daemon: { url: urlOf(config), publicKey: sshKey.public },
    ca: authority.view.certificate,
    images: { answer: (await image())?.id ?? '' },
  }
}

async function inputOf(
  { authority, image }: Omit<Means, 'sshKey'>,
  input: StepInput,
  instance: InstanceRecord,
  now: Date,
): Promise<Buffer | Refusal> {
  if (input.kind === 'image')
    return (await image())?.archive ?? refuse('conflict', 'the scout is missing: run "muster scout build"')
  const { request } = input
  const signed = await authority.signNode({ request, ...certified(instance), now, random: randomBytes })
  return isRefusal(signed) ? signed : Buffer.from(signed.certificate)
}
