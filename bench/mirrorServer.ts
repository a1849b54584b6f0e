import express from 'express'
import { pino } from 'pino'
import { openMirrorCache } from '../src/io/mirrorCache.js'
import { listen } from '../src/servers/http.js'
import { mirrorRoutes } from '../src/servers/routes/mirror.js'

/**
 * usage: mirrorServer FOLDER URL [BYTES]
 * The mirror cache alone: keeps in FOLDER what it fetches from URL, as long as BYTES of the disk stay free; prints its port.
 */
const [folder = '', url = '', leaveFree] = process.argv.slice(2)
const log = pino({ level: 'silent' })
const closing = new AbortController()
const cache = await openMirrorCache({
  ...{ folder, mirrors: { debian: url }, limit: 10e9, log, now: Date.now },
  ...(leaveFree !== undefined && { leaveFree: Number(leaveFree) }),
})
const app = express().use(mirrorRoutes({ mirror: cache.get, log }))
const { port } = await listen(app, { address: '127.0.0.1', port: 0, closing, log })
console.log(port)
process.stdin.on('end', () => process.exit()).resume()
