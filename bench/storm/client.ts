import { setTimeout as pause } from 'node:timers/promises'
import { muster, openLan, type Timing } from './machine.js'

/** Run inside the machines' namespace: `client.ts SERVER HTTP_PORT MACHINES SPREAD_SECONDS`; prints one JSON line. */
const [server = '', httpPort, machines, spread] = process.argv.slice(2)
const count = Number(machines)

const lan = await openLan(server, Number(httpPort))
const started = performance.now()
const failures: string[] = []
const timings: Timing[] = []

async function powerOn(n: number) {
  await pause((n / count) * Number(spread) * 1000)
  try {
    timings.push(await muster(lan, n, addressOf(n)))
  } catch (error) {
    failures.push(error instanceof Error ? error.message : String(error))
  }
}

/** The addresses that the bench gave to this namespace: 10.93.1.1 to 10.93.4.250. */
const addressOf = (n: number) => `10.93.${1 + (Math.floor(n / 250) % 4)}.${1 + (n % 250)}`

await Promise.all(Array.from({ length: count }, (_, n) => powerOn(n)))
lan.dhcp.close()
console.log(
  JSON.stringify({
    seconds: (performance.now() - started) / 1000,
    offers: timings.flatMap(timing => timing.offers),
    unanswered: timings.reduce((sum, timing) => sum + timing.unanswered, 0),
    boots: timings.map(timing => timing.boot),
    failures: failures.length,
    firstFailure: failures[0],
  }),
)
