import { join } from 'node:path'
import { pino } from 'pino'
import { createBootScripts } from '../src/control/bootScripts.js'
import { createSharedFiles } from '../src/io/sharedFiles.js'
import { openTemplates } from '../src/io/templates.js'
import { bootApp } from '../src/servers/apps.js'
import { listen } from '../src/servers/http.js'
import { noInstalls, pretendDocuments } from '../test/support/installJobs.js'
import { pretendInventory } from '../test/support/inventory.js'

/** The service for machines alone, for bench/http.ts: prints its port, serves FOLDER's initrd, ends with its parent. */
const [folder = ''] = process.argv.slice(2)
const log = pino({ level: 'silent' })
const closing = new AbortController()
const { inventory } = pretendInventory()
const read = createSharedFiles()
const app = bootApp({
  ...noInstalls(log),
  scripts: createBootScripts({
    documents: pretendDocuments,
    url: 'http://127.0.0.1',
    scoutArguments: '',
    templates: openTemplates(),
    inventory,
    macOf: async () => undefined,
  }),
  nbp: async () => undefined,
  scoutFile: name => read(join(folder, name)),
  now: () => new Date(),
  inventory,
  closing: closing.signal,
  log,
  scoutLog: log,
})
const { port } = await listen(app, { address: '127.0.0.1', port: 0, closing, log })
console.log(port)
process.stdin.on('end', () => process.exit()).resume()
