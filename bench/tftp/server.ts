import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { pino } from 'pino'
import { startTftp } from '../../src/servers/tftp.js'

/** `server.ts PORT FOLDER`: the real server in a process of its own, which offers the files of a folder. */
const [port = '', folder = ''] = process.argv.slice(2)
const files = new Map(readdirSync(folder).map(name => [name, readFileSync(join(folder, name))]))
await startTftp({
  address: '127.0.0.1',
  port: Number(port),
  open: async name => files.get(name),
  maxTransfers: 100,
  log: pino({ level: 'silent' }),
})
console.log('ready')
