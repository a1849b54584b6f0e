import type { ConsoleView, InstanceView } from '../core/instanceView.js'
import type { Description } from '../core/summary.js'
import { type Answer, type Client, hasFailed } from './client.js'
import { diskSize } from './units.js'

/** What several commands ask about one instance. */

export const instance = (client: Client, name: string): Promise<Answer<InstanceView>> =>
  client.json<InstanceView>('GET', `/instances/${encodeURIComponent(name)}`)

/** What was logged after the `next` of an earlier answer. */
export const consoleOf = (client: Client, name: string, after = 0) =>
  client.json<ConsoleView>('GET', `/instances/${encodeURIComponent(name)}/console?after=${after}`)

/** What the path of an instance's disk stands for: `sda 480 GB INTEL SSDSC2BB48`; nothing when that is not known. */
export async function diskOf(client: Client, { machine, disk }: InstanceView): Promise<string> {
  const answer = await client.json<Description>('GET', `/systems/${machine}`)
  if (hasFailed(answer)) return ''
  const found = answer.value.facts?.disks.find(d => d.byId === disk || `/dev/${d.name}` === disk)
  return found ? [found.name, diskSize(found.size), found.model ?? ''].join(' ').trim() : ''
}
