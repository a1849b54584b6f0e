import { command, EXIT } from '../commands/command.js'
import { run } from './replay.js'

export const replay = command({
  name: 'replay',
  summary: 'Tell for each DHCP packet of a capture what it is, and what muster would answer or why not.',
  operands: { file: { required: true, describe: 'a pcap file, of tcpdump or save-packets' } },
  options: { json: { type: 'boolean', default: false, describe: 'one JSON object a line' } },
  examples: [['$0 replay boot.pcap', 'for a bug report, say']],
  async run({ operands, json }, { out, err }) {
    const [file = ''] = operands.file ?? []
    const wrong = await run(file, { json }, out)
    if (wrong) err(`muster: ${wrong}`)
    return wrong ? EXIT.failed : EXIT.ok
  },
})
