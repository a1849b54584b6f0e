import { writeFile } from 'node:fs/promises'
import { clientOptions, fail, hasFailed, openClient } from './client.js'
import { command, EXIT } from './command.js'

export const savePackets = command({
  name: 'save-packets',
  summary: 'Write the last DHCP packets that the daemon heard and sent to a pcap file.',
  operands: { file: { required: true, describe: 'the file, for wireshark or muster replay' } },
  options: clientOptions,
  examples: [['$0 save-packets boot.pcap', 'then: muster replay boot.pcap']],
  async run(args, context) {
    const client = openClient(args, context)
    if (hasFailed(client)) return fail(client, context)
    const answer = await client.bytes('/packets.pcap')
    if (hasFailed(answer)) return fail(answer, context)
    const [file = ''] = args.operands.file ?? []
    const fault = await writeFile(file, answer.value).catch((error: Error) => error)
    if (fault)
      return fail({ failed: EXIT.failed, why: `cannot write the packets: ${fault.message}` }, context)
    context.out(`${answer.value.length} bytes written to ${file}`)
    return EXIT.ok
  },
})
