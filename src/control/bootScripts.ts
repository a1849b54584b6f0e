import { handover } from '../core/handover.js'
import { isRefusal, type Refusal, refuse } from '../core/refusal.js'
import type { IpxeReport } from '../core/sighting.js'
import type { Templates, Values } from '../io/templates.js'
import type { Mac } from '../wire/mac.js'
import type { InstallDocuments } from './installDocuments.js'
import type { Inventory } from './inventory.js'

export type BootScripts = {
  /** The script that every machine runs first. The same for all, so made once. */
  readonly identify: Buffer
  /** The script for the machine that reports itself, or why it gets none. */
  decide(report: IpxeReport): Promise<{ script: string; what: string } | Refusal>
}

type Parts = {
  url: string // where machines reach us, `http://192.168.1.2:8067`
  scoutArguments: string // added to the scout's kernel line
  templates: Templates
  inventory: Pick<Inventory, 'booted'>
  documents: Pick<InstallDocuments, 'boot'>
  macOf: (address: string) => Promise<Mac | undefined> // the neighbour table; answers undefined when not asked to look
}

// A daemon that is restarted is back within this time; a machine whose daemon is gone reaches its disk soon after.
const PATIENCE = { tries: 20, pause: 6 } // seconds

export function createBootScripts(parts: Parts): BootScripts {
  const { url, scoutArguments, templates, inventory, documents, macOf } = parts
  const render = (name: string, values: Values) =>
    templates.render(`ipxe/${name}.ipxe.njk`, { url, ...PATIENCE, ...values })

  return {
    identify: Buffer.from(render('identify', {})),
    async decide(report) {
      const owner = await macOf(report.address)
      if (owner && owner !== report.mac) return impostor(report, owner)
      const boot = await inventory.booted(report)
      const { id, name, state, localBoot } = boot.machine
      const common = { id, name, state, handover: handover(localBoot, firmwareOf(report)) }
      if (boot.target === 'disk') return { script: render('disk', common), what: `${name}: local disk` }
      if (boot.target === 'installer') {
        const { profile, instance } = boot.job
        const installer = await documents.boot(boot.job, report.mac)
        if (isRefusal(installer)) return installer
        const script = render('installer', { ...common, ...installer, profile: profile.name })
        return { script, what: `${name}: installer of ${profile.name} for ${instance.id}` }
      }
      const scout = { ...common, mac: report.mac, token: boot.scoutToken, arguments: scoutArguments }
      return { script: render('scout', scout), what: `${name}: scout` }
    },
  }
}

const impostor = ({ address, mac }: IpxeReport, owner: Mac): Refusal =>
  refuse(
    'forbidden',
    `${address} belongs to ${owner}, so it may not speak for ${mac} (check-neighbours: false allows it)`,
  )

const firmwareOf = ({ platform }: IpxeReport) =>
  platform === 'pcbios' ? 'bios' : platform === 'efi' ? 'uefi' : undefined
