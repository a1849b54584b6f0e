import { readFile } from 'node:fs/promises'
import { pino } from 'pino'
import { startTftp } from '../../src/servers/tftp.js'

/** `server.ts PORT FILE`: the real server in a process of its own, which offers one file as `file`. */
const [port = '', path = ''] = process.argv.slice(2)
const file = await readFile(path)
await startTftp({
  address: '127.0.0.1',
  port: Number(port),
  open: async name => (name === 'file' ? file : undefined),
  maxTransfers: 100,
  log: pino({ level: 'silent' }),
})
console.log('ready')
