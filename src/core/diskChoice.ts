import type { Facts } from './facts.js'
import type { DiskRule } from './profile.js'
import { diskSize } from './quantity.js'
import { type Refusal, refuse } from './refusal.js'

type Disk = Facts['disks'][number]

/** `path` is what the installer writes: by-id where udev made one that is this disk's alone, else /dev/NAME. */
export type ChosenDisk = { readonly path: string; readonly name: string; readonly size: number /* bytes */ }

/** 8 GB as disks are sold; an 8 GB stick or eMMC is somewhat smaller than 8 GiB. */
export const DEFAULT_DISK_RULE: DiskRule = { pick: 'smallest', minSize: 8_000_000_000, removable: false }

/**
 * What the kernel also lists as disks. The boot and RPMB parts of an eMMC (mmcblk0boot0) hold firmware. A name goes
 * into scripts and answers, so what no kernel would give is refused here.
 */
const NO_DISK = /^(loop|z?ram|sr|fd|nbd|dm-|md|mtd)\d|^mmcblk\d+(boot\d+|rpmb|gp\d+)$/
const KERNEL_NAME = /^[a-z][a-z0-9]{1,30}$/
/**
 * The characters that udev leaves unescaped, without those that a shell or an installer reads as syntax. Links to
 * what is on the disk (LVM, RAID) go when it is written.
 */
const BY_ID = /^\/dev\/disk\/by-id\/(?!lvm-|md-|dm-)[A-Za-z0-9][A-Za-z0-9+.:=@_-]{0,200}$/

/** The disk that the rule picks. The refusal says of every disk why it is not taken. */
export function chooseDisk({ disks }: Pick<Facts, 'disks'>, rule: DiskRule): ChosenDisk | Refusal {
  const fitting = disks.filter(disk => whyNot(disk, rule) === undefined)
  const direction = rule.pick === 'smallest' ? 1 : -1
  const [disk] = fitting.sort((a, b) => direction * (a.size - b.size) || byIdentity(a, b))
  if (disk) return { path: pathOf(disk, disks), name: disk.name, size: disk.size }
  const reasons = disks.map(disk => `${disk.name.slice(0, 40)} ${whyNot(disk, rule)}`)
  return refuse('conflict', `no suitable disk: ${reasons.join('; ') || 'none is known'}`)
}

function whyNot(disk: Disk, rule: DiskRule): string | undefined {
  const { name, size, removable, transport, model } = disk
  if (!KERNEL_NAME.test(name) || NO_DISK.test(name)) return 'is no disk of its own'
  if (size === 0) return 'has no medium'
  if (removable && !rule.removable) return 'is removable'
  if (!transportFits(transport, rule)) return `is attached by ${transport ?? 'something unknown'}`
  if (size < rule.minSize) return `has ${diskSize(size)}, less than ${diskSize(rule.minSize)}`
  if (rule.maxSize !== undefined && size > rule.maxSize)
    return `has ${diskSize(size)}, more than ${diskSize(rule.maxSize)}`
  if (rule.model !== undefined && !model?.toLowerCase().includes(rule.model.toLowerCase()))
    return `is a ${model ?? 'disk of unknown model'}`
  return undefined
}

const transportFits = (transport: string | undefined, { transports }: DiskRule) =>
  transports ? transport !== undefined && transports.includes(transport) : transport !== 'usb'

/** Kernel names change between boots, so they decide last. */
const byIdentity = (a: Disk, b: Disk) =>
  compare(a.byId ?? '~', b.byId ?? '~') || a.name.length - b.name.length || compare(a.name, b.name)

const compare = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0)

/** The disk that a path of `chooseDisk` means, as the scout told it. */
export const diskAt = ({ disks }: Pick<Facts, 'disks'>, path: string): Disk | undefined =>
  disks.find(({ byId, name }) => path === byId || path === `/dev/${name}`)

/** Cheap USB bridges and cloned disks share a serial number, and then their link leads to either. */
function pathOf({ byId, name }: Disk, disks: readonly Disk[]): string {
  const own = byId !== undefined && BY_ID.test(byId) && disks.filter(disk => disk.byId === byId).length === 1
  return own ? byId : `/dev/${name}`
}
