import type { Tags } from '../core/instance.js'
import { type Refusal, refuse } from '../core/refusal.js'
import { whyNotTags, whyNotTheirs } from '../core/tags.js'
import type { Act } from './act.js'
import { lookUp } from './owning.js'
import { tell } from './phases.js'

type Tagged = { readonly id: string; readonly tags: Tags; readonly say: (text: string) => Promise<void> }

export async function tag(
  act: Act,
  resources: readonly string[],
  tags: Tags,
): Promise<{ tagged: number } | Refusal> {
  const theirs = whyNotTheirs(Object.keys(tags))
  if (theirs) return refuse('invalid', theirs)
  const found = await taggedOf(act, resources)
  if ('refused' in found) return found
  const invalid = found.map(one => whyNotTags({ ...one.tags, ...tags })).find(Boolean)
  if (invalid) return refuse('invalid', invalid)
  const text = Object.entries(tags).map(([key, value]) => `${key}=${value}`)
  for (const { id, say } of found) {
    await act.tx.setTags(id, tags)
    await say(`tagged ${text.join(', ')}`)
  }
  return { tagged: found.length }
}

export async function untag(
  act: Act,
  resources: readonly string[],
  keys: readonly string[],
): Promise<{ untagged: number } | Refusal> {
  const theirs = whyNotTheirs(keys)
  if (theirs) return refuse('invalid', theirs)
  const found = await taggedOf(act, resources)
  if ('refused' in found) return found
  let untagged = 0
  for (const { id, say } of found) {
    const removed = await act.tx.removeTags(id, keys)
    untagged += removed
    if (removed > 0) await say(`tags removed: ${keys.join(', ')}`)
  }
  return { untagged }
}

/** An id means what it is the id of; a name means the instance of that name before the system. */
async function taggedOf(act: Act, resources: readonly string[]): Promise<Tagged[] | Refusal> {
  const found: Tagged[] = []
  for (const resource of resources) {
    const instance =
      (await act.tx.instanceNamed(resource)) ??
      (/^i-/.test(resource) ? await act.tx.findInstance(resource) : undefined)
    const machine = instance ? undefined : await lookUp(act.tx, resource)
    if (instance) found.push({ ...instance, say: text => tell(act, instance, text) })
    else if (machine)
      found.push({
        id: machine.id,
        tags: machine.tags ?? {},
        say: text => act.note(machine.id, 'changed', text),
      })
    else return refuse('not-found', `there is no instance or system ${resource.slice(0, 80)}`)
  }
  return found
}
