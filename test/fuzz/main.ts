import { randomInt } from 'node:crypto'
import { readdirSync } from 'node:fs'
import { parseArgs } from 'node:util'

/**
 * `npm run fuzz [-- --total N --seed S --only NAME]`: every part of this folder gets its share of the mutated inputs.
 * A part exports `run(seed, count)`, which throws on the first thing that is wrong. The same seed does the same again.
 */
type Part = { run(seed: number, count: number): unknown }

/** Datagrams are cheap; an HTTP request costs a connection. What is not named here counts as one share. */
const SHARES: Record<string, number> = { dhcp: 12, tftp: 7 }

const { values } = parseArgs({
  options: {
    total: { type: 'string', default: '1050000' },
    seed: { type: 'string', default: String(randomInt(1_000_000)) },
    only: { type: 'string' },
  },
})

const parts: [name: string, part: Part][] = []
for (const file of readdirSync(new URL('.', import.meta.url)).sort()) {
  const name = file.replace(/\.ts$/, '')
  if (name === 'main' || (values.only && values.only !== name)) continue
  const part: Partial<Part> = await import(`./${name}.js`)
  if (part.run) parts.push([name, part as Part])
}

const shares = parts.reduce((sum, [name]) => sum + (SHARES[name] ?? 1), 0)
for (const [name, { run }] of parts) {
  const count = Math.ceil((Number(values.total) * (SHARES[name] ?? 1)) / shares)
  console.log(
    `fuzz ${name}: ${count} mutated inputs, again with: npm run fuzz -- --only ${name} --seed ${values.seed} --total ${count}`,
  )
  const begun = performance.now()
  const report = await run(Number(values.seed), count)
  console.log(`  held, ${((performance.now() - begun) / 1000).toFixed(1)} s`, report ?? '')
}
console.log(`fuzz: ${parts.length} parts held`)
