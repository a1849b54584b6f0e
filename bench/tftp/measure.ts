import { readFileSync } from 'node:fs'
import { basename } from 'node:path'
import { read } from './client.js'

/**
 * `measure.ts FILE ROUNDS CLIENTS BLKSIZE WINDOWSIZE PORT…`: reads the file from each server in turn, CLIENTS at once,
 * and prints per port the best time in ms and how many copies were equal. Turns, so that all see the same machine.
 */
const [path = '', ...numbers] = process.argv.slice(2)
const [rounds = 1, clients = 1, blksize = 512, windowsize = 1, ...ports] = numbers.map(Number)
const want = readFileSync(path)
const results = ports.map(port => ({ port, ms: Number.POSITIVE_INFINITY, equal: 0 }))

async function once(port: number) {
  const began = performance.now()
  const options = { port, file: basename(path), size: want.length, blksize, windowsize }
  const reads = await Promise.allSettled(Array.from({ length: clients }, () => read(options)))
  const ms = performance.now() - began
  const equal = reads.filter(r => r.status === 'fulfilled' && r.value.data.equals(want)).length
  return { ms, equal }
}

for (let round = 0; round < rounds; round++)
  for (const result of results) {
    const { ms, equal } = await once(result.port)
    result.equal += equal
    result.ms = Math.min(result.ms, ms)
  }
console.log(JSON.stringify(results))
