import { type Row, table, verdict } from './rows.js'

/** `npm run bench [-- NAME…]`: every bench, or the named ones, one after the other, as one table of ratios. */
const BENCHES: Record<string, () => Promise<{ run(): Promise<Row[]> }>> = {
  boot: () => import('./boot.js'),
  dhcp: () => import('./dhcp.js'),
  http: () => import('./http.js'),
  mirror: () => import('./mirror.js'),
  pool: () => import('./pool.js'),
  run: () => import('./run.js'),
  tftp: () => import('./tftp.js'),
  storm: () => import('./storm.js'),
}

const wanted = process.argv.slice(2)
const unknown = wanted.filter(name => !(name in BENCHES))
if (unknown.length > 0) {
  console.error(`no bench called ${unknown.join(', ')}; there are: ${Object.keys(BENCHES).join(', ')}`)
  process.exit(2)
}

const rows: Row[] = []
for (const [name, load] of Object.entries(BENCHES)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue
  console.error(`bench ${name} …`)
  rows.push(...(await (await load()).run()))
}
console.log(table(rows))
const missed = rows.filter(row => verdict(row) === 'MISSED').length
console.log(missed === 0 ? 'every mark kept' : `${missed} of ${rows.length} figures miss their mark`)
