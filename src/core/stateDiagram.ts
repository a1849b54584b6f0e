import { MACHINE_STATES, NEXT } from './machine.js'

/** The lifecycle table as a Mermaid diagram, which docs/states.md shows: one arrow for each legal event. */
export function stateDiagram(): string {
  const arrows = MACHINE_STATES.flatMap(state =>
    Object.entries(NEXT[state]).map(([event, next]) => `  ${state} --> ${next}: ${event}`),
  )
  return ['stateDiagram-v2', `  [*] --> ${MACHINE_STATES[0]}: first packet`, ...arrows].join('\n')
}
