import { readFileSync } from 'node:fs'
import t from 'tap'
import { instanceDiagram, machineDiagram } from '../../src/core/stateDiagram.js'
import { golden } from '../golden.js'

t.test('docs/states.md shows the tables', async t => {
  const kept = readFileSync(new URL('../../docs/states.md', import.meta.url), 'utf8')
  const diagrams = [machineDiagram(), instanceDiagram()]
  t.equal(kept.match(/^```mermaid$/gm)?.length, diagrams.length, 'one place for each')
  golden(
    t,
    'docs/states.md',
    kept.replace(/(?<=^```mermaid\n).*?(?=\n```$)/gms, () => diagrams.shift() ?? ''),
  )
})
