import type { MachineId } from './machine.js'

/** What can be told of a machine. Every observation and every decision is kept as one. */
export const EVENT_KINDS = [
  'seen', // a netboot packet
  'netbooted', // iPXE asked for its script
  'facts', // the scout's first inventory
  'facts-changed',
  'state',
  'changed', // name, group or local boot set by the owner
  'held', // reserved for somebody, or given back
  'instance', // its instance came into another phase, or why it does not
  'join', // a join rule took it, or could not
  'step', // something was done on a node, or failed there
  'pool', // what its pool waits for, or whom it elected
  'order',
  'order-done',
  'wake', // it was asked to switch itself on, by a magic packet
  'merged', // this record and another are one machine
  'split', // what was taken for one machine are two
  'suspected', // may be another record's machine, but the evidence does not suffice
  'refused', // it said something that it may not
] as const
export type EventKind = (typeof EVENT_KINDS)[number]

export type Event = {
  id: number // increasing, never used twice
  at: Date
  machine?: MachineId
  kind: EventKind
  text: string // for people, one line
  data?: Record<string, unknown>
}
