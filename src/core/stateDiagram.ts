import { NEXT as INSTANCE_NEXT, PHASES } from './instance.js'
import { MACHINE_STATES, NEXT } from './machine.js'

/** A lifecycle table as a Mermaid diagram: one arrow for each legal event. */
function diagram<State extends string>(
  first: string,
  states: readonly State[],
  next: Record<State, Partial<Record<string, State>>>,
): string {
  const arrows = states.flatMap(state =>
    Object.entries(next[state]).map(([event, to]) => `  ${state} --> ${to}: ${event}`),
  )
  return ['stateDiagram-v2', `  [*] --> ${states[0]}: ${first}`, ...arrows].join('\n')
}

/** What docs/states.md shows. */
export const machineDiagram = (): string => diagram('first packet', MACHINE_STATES, NEXT)
export const instanceDiagram = (): string => diagram('run-instances', PHASES, INSTANCE_NEXT)
