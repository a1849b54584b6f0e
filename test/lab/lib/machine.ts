import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Duplex } from 'node:stream'
import { FIRMWARE, firmwareArgs, type LabFirmware, type NicModel } from './firmware.js'
import type { Lan } from './namespaces.js'
import { disguise } from './plainRom.js'
import { type Service, startIn } from './process.js'
import { connectQmp, type Qmp } from './qmp.js'
import { createTranscript, type Transcript } from './transcript.js'

export type DiskBus = 'virtio' | 'sata' | 'nvme'

export type DiskSpec = {
  readonly bus: DiskBus
  readonly image: string // a raw file
  readonly serial: string
  readonly size: number // bytes
}

export type MachineSpec = {
  readonly name: string
  readonly firmware: LabFirmware
  readonly cores: number
  readonly memoryMiB: number
  readonly uuid: string
  readonly serial: string
  readonly nics: readonly { readonly mac: string; readonly model: NicModel }[]
  /** Which NIC the firmware boots from; 0 is the first on the PCI bus. */
  readonly bootNic: number
  readonly disks: readonly DiskSpec[]
}

/** A pretend computer with real firmware. */
export type LabMachine = {
  readonly spec: MachineSpec
  readonly mac: string // of the NIC it boots from
  /** What the serial console said since it was last switched on. */
  serial(): Transcript
  /** When it was last switched on, in ms since 1970. */
  poweredOnAt(): number
  isOn(): boolean
  powerOn(): Promise<void>
  /** Pulls the plug. */
  powerOff(): Promise<void>
  /** Resolves when the machine has switched itself off; false when it did not within the time. */
  switchesOff(timeoutMs: number): Promise<boolean>
  /** Grows when it resets itself; one reboot of a kernel may count twice, as it tries more than one way. */
  resets(): number
  /** Bytes that were written to its disks since it was last switched on. */
  written(): Promise<number>
  /** Writes what its screen shows as a PNG and returns the path. */
  screenshot(label: string): Promise<string>
}

type BlockStats = { device: string; stats: { wr_bytes: number } }
type Power = { service: Service; qmp: Qmp }

export async function createMachine(lan: Lan, folder: string, spec: MachineSpec): Promise<LabMachine> {
  const boot = spec.nics[spec.bootNic]
  if (!boot) throw new Error(`${spec.name}: a machine needs a NIC to boot from`)
  const taps: string[] = []
  for (const _ of spec.nics) taps.push(await lan.addTap())
  const args = [...(await firmwareArgs(spec.firmware, folder, spec.name)), ...qemuArgs(spec, taps)]
  let power: Power | undefined
  let serial = createTranscript(spec.name)
  let resets = 0
  let poweredOnAt = 0

  const powerOn = async () => {
    if (power) throw new Error(`${spec.name} is on already`)
    poweredOnAt = Date.now()
    const service = startIn(lan.machines, 'qemu-system-x86_64', args, {
      name: `serial console of ${spec.name}`,
      logFile: join(folder, `${spec.name}.serial.log`),
      extra: ['pipe', 'pipe', 'pipe'],
    })
    serial = service.output
    const rom = FIRMWARE[spec.firmware].plainRom
      ? disguise(extraPipe(service, 4), extraPipe(service, 5))
      : undefined
    const qmp = await connectQmp(extraPipe(service, 3)).catch((cause: unknown) => {
      throw new Error(`cannot switch ${spec.name} on: ${service.output.text()}`, { cause })
    })
    qmp.on('RESET', ({ guest }) => {
      if (guest) resets++ // QEMU itself resets the machine once when it is switched on
      rom?.reset()
    })
    const on = { service, qmp }
    power = on
    service.exited.then(() => {
      if (power === on) power = undefined
    })
  }

  return {
    spec,
    mac: boot.mac,
    serial: () => serial,
    poweredOnAt: () => poweredOnAt,
    isOn: () => power !== undefined,
    powerOn,
    async powerOff() {
      await power?.service.stop('SIGKILL')
    },
    async switchesOff(timeoutMs) {
      if (!power) return true
      return await Promise.race([
        power.service.exited.then(() => true),
        new Promise<false>(resolve => setTimeout(() => resolve(false), timeoutMs).unref()),
      ])
    },
    resets: () => resets,
    async written() {
      if (!power) throw new Error(`${spec.name} is off`)
      const drives = (await power.qmp.execute('query-blockstats')) as BlockStats[]
      const disks = drives.filter(({ device }) => /^disk\d+$/.test(device))
      return disks.reduce((sum, { stats }) => sum + stats.wr_bytes, 0)
    },
    async screenshot(label) {
      if (!power) throw new Error(`${spec.name} is off`)
      const filename = join(folder, `${spec.name}-${label}.png`)
      await power.qmp.execute('screendump', { filename, format: 'png' })
      return filename
    },
  }
}

/** QEMU's arguments. File descriptors 3 to 5 are our pipes: QMP, and the two ends of the frame filter. */
function qemuArgs(spec: MachineSpec, taps: readonly string[]): string[] {
  return [
    ...['-name', spec.name, '-nodefaults', '-display', 'none', '-vga', 'std', '-serial', 'stdio'],
    ...['-accel', hasVirtualisation() ? 'kvm' : 'tcg,thread=multi'],
    ...['-smp', `${spec.cores},sockets=1,cores=${spec.cores},threads=1`, '-m', `${spec.memoryMiB}M`],
    ...['-chardev', 'socket,id=qmp,fd=3', '-mon', 'chardev=qmp,mode=control'],
    ...smbios(spec),
    ...spec.nics.flatMap((_, n) => nicArgs(spec, n, taps[n] ?? '')),
    ...(FIRMWARE[spec.firmware].plainRom ? FRAME_FILTER : []),
    ...spec.disks.flatMap(diskArgs),
  ]
}

/** A /dev/kvm alone means little: in some virtual machines it is there and runs firmware into the void. */
const hasVirtualisation = () =>
  existsSync('/dev/kvm') && /^flags\b.*\b(vmx|svm)\b/m.test(readFileSync('/proc/cpuinfo', 'utf8'))

const FRAME_FILTER = [
  ...['-chardev', 'socket,id=out,fd=4', '-chardev', 'socket,id=in,fd=5'],
  ...['-object', 'filter-redirector,id=filter,netdev=net0,queue=rx,outdev=out,indev=in'],
]

const smbios = ({ uuid, serial, firmware }: MachineSpec) => [
  ...['-uuid', uuid],
  ...[
    '-smbios',
    `type=1,manufacturer=Muster Lab,product=${firmware},version=1,serial=${serial},uuid=${uuid}`,
  ],
  ...['-smbios', `type=2,manufacturer=Muster Lab,product=board,serial=B${serial}`],
]

function nicArgs({ firmware, nics, bootNic }: MachineSpec, n: number, tap: string): string[] {
  const { model, mac } = nics[n] ?? { model: FIRMWARE[firmware].nic, mac: '' }
  const bootIndex = n === bootNic ? ',bootindex=1' : ''
  return [
    ...['-netdev', `tap,id=net${n},ifname=${tap},script=no,downscript=no`],
    ...['-device', `${model},netdev=net${n},mac=${mac}${FIRMWARE[firmware].nicExtra}${bootIndex}`],
  ]
}

const DISK_DEVICE: Record<DiskBus, string> = {
  virtio: 'virtio-blk-pci',
  sata: 'ide-hd', // on the machine's own controller: AHCI on q35, IDE on pc
  nvme: 'nvme',
}

const diskArgs = ({ bus, image, serial }: DiskSpec, n: number) => [
  ...['-drive', `if=none,id=disk${n},file=${image},format=raw,cache=unsafe,discard=unmap`],
  ...['-device', `${DISK_DEVICE[bus]},drive=disk${n},serial=${serial},bootindex=${n + 2}`],
]

/** One of the pipes that `extra` asked for; Node makes them socket pairs, which is what QEMU needs. */
const extraPipe = (service: Service, fd: number) => service.child.stdio[fd as 3] as unknown as Duplex
