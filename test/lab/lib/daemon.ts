import type { Lan } from './namespaces.js'
export type LabDaemon = { x: number }
export async function createDaemon(_lan: Lan, _folder: string): Promise<LabDaemon> {
  return { x: 1 }
}
