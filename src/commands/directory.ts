import type { AnsibleInventory } from '../core/ansible.js'
import { clientOptions, fail, hasFailed, openClient } from './client.js'
import { command, EXIT } from './command.js'
import { json } from './render.js'

export const knownHosts = command({
  name: 'known-hosts',
  summary: 'Print the SSH host keys of the nodes, as they told them when they phoned home, for known_hosts.',
  options: clientOptions,
  examples: [
    ['$0 known-hosts > ~/.ssh/known_hosts.muster', ''],
    ['ssh -o UserKnownHostsFile=~/.ssh/known_hosts.muster owner@192.168.1.31', 'no question is asked'],
  ],
  async run(args, context) {
    const client = openClient(args, context)
    if (hasFailed(client)) return fail(client, context)
    const answer = await client.bytes('/known-hosts')
    if (hasFailed(answer)) return fail(answer, context)
    const lines = answer.value.toString().trimEnd()
    if (lines) context.out(lines)
    return EXIT.ok
  },
})

export const inventory = command({
  name: 'inventory',
  summary: "Print the nodes as Ansible's inventory scripts do: JSON of groups, hosts and their variables.",
  options: {
    ...clientOptions,
    list: { type: 'boolean', conflicts: 'host', describe: 'all of it; this is what happens without --host' },
    host: { type: 'string', requiresArg: true, describe: 'the variables of this host only' },
  },
  examples: [
    ['$0 inventory --list', ''],
    ['$0 inventory --host web-1', ''],
    ['ansible -i ansible/muster-inventory all -m ping', 'docs/ansible.md'],
  ],
  async run(args, context) {
    const client = openClient(args, context)
    if (hasFailed(client)) return fail(client, context)
    const answer = await client.json<AnsibleInventory>('GET', '/inventory')
    if (hasFailed(answer)) return fail(answer, context)
    const { host } = args
    const vars = host === undefined ? undefined : answer.value._meta.hostvars[host]
    if (host !== undefined && !vars)
      return fail({ failed: EXIT.notFound, why: `no node that can be reached is called ${host}` }, context)
    context.out(json(vars ?? answer.value))
    return EXIT.ok
  },
})
