import type { Facts } from '../core/facts.js'
import { bytes, factsDiff } from '../core/factsDiff.js'
import { identityOf, keysOf } from '../core/identity.js'
import type { Machine } from '../core/machine.js'
import { withFacts } from '../core/observed.js'
import { type FactsVerdict, judgeFacts } from '../core/recognise.js'
import { type Refusal, refuse } from '../core/refusal.js'
import { type Act, createMachine, foldInto, step } from './act.js'

/** The scout posts its machine's hardware. `own` is the record that its token was made for. */
export async function recordFacts(
  act: Act,
  own: Machine,
  facts: Facts,
  address: string,
): Promise<Machine | Refusal> {
  const machine = await ownerOf(act, own, facts)
  return 'refused' in machine ? machine : keepFacts(act, machine, facts, address)
}

/** The record that the facts belong to, by rule of {@link judgeFacts}. */
async function ownerOf(act: Act, own: Machine, facts: Facts): Promise<Machine | Refusal> {
  const [bootMac] = own.macs
  if (facts.bootMac !== bootMac || !facts.nics.some(nic => nic.mac === bootMac)) {
    const why = `the facts are of a machine that booted from ${facts.bootMac}, the token is for ${bootMac}`
    await act.note(own.id, 'refused', why)
    return refuse('forbidden', why)
  }
  const claim = identityOf(facts)
  const before = own.facts && identityOf(own.facts)
  const verdict = judgeFacts(own, before, claim, await act.tx.sharing(keysOf(claim)))
  return settle(act, own, verdict)
}

async function settle(act: Act, own: Machine, verdict: FactsVerdict<Machine>): Promise<Machine | Refusal> {
  switch (verdict.is) {
    case 'own':
      return foldInto(act, own, verdict.fold)
    case 'known':
      return comeHome(act, own, verdict.machine, verdict.fold)
    case 'new':
      return split(act, own)
    case 'forbidden': {
      const why = `the facts are those of ${verdict.machine.name} (${verdict.machine.id}), the token is for ${own.name} (${own.id})`
      await act.note(own.id, 'refused', why)
      await act.note(verdict.machine.id, 'refused', `${own.name} (${own.id}) posted this machine's facts`)
      return refuse('forbidden', why)
    }
  }
}

/** The token goes with the scout that holds it, and the MAC it booted from comes first. */
async function comeHome(act: Act, own: Machine, known: Machine, fold: readonly Machine[]): Promise<Machine> {
  const token = await act.tx.tokenOf(own.id)
  const machine = await foldInto(act, (await act.tx.find(known.id)) ?? known, fold)
  if (token !== undefined) await act.tx.setToken(machine.id, token)
  return machine
}

/** The scout's machine was taken for `own`, and its facts say otherwise: it gets a record and the token. */
async function split(act: Act, own: Machine): Promise<Machine> {
  const [bootMac, ...others] = own.macs
  if (bootMac === undefined) throw new Error(`${own.id} holds a scout's token and no MAC`)
  const token = await act.tx.tokenOf(own.id)
  const machine = await createMachine(act, bootMac)
  await act.tx.setToken(own.id, null)
  if (token !== undefined) await act.tx.setToken(machine.id, token)
  const before = own.facts?.nics.map(nic => nic.mac) ?? []
  await act.tx.save({ ...own, macs: before.includes(bootMac) ? own.macs : others })
  const text = `${machine.name} (${machine.id}) was taken for ${own.name} (${own.id}): its hardware is another`
  await act.note(own.id, 'split', text, { into: machine.id })
  await act.note(machine.id, 'split', text, { from: own.id })
  return machine
}

async function keepFacts(act: Act, machine: Machine, facts: Facts, address: string): Promise<Machine> {
  const before = machine.facts
  const changes = before && factsDiff(before, facts)
  if (!changes) await act.note(machine.id, 'facts', `hardware recorded: ${inShort(facts)}`)
  else if (changes.length > 0) await act.note(machine.id, 'facts-changed', changes.join('; '), { changes })
  const updated = withFacts(machine, facts, address, act.at)
  const settled = (await step(act, updated, 'facts')) ?? updated
  await act.tx.save(settled)
  if (!changes || changes.length > 0) await act.tx.saveFacts(settled.id, facts)
  return settled
}

const inShort = ({ cpu, memory, disks, firmware }: Facts) =>
  `${some(cpu.cores, 'core')}, ${bytes(memory.installed)}, ${some(disks.length, 'disk')}, ${firmware}`

const some = (count: number, what: string) => `${count} ${what}${count === 1 ? '' : 's'}`
