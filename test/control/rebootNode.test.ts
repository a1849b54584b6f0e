import { execFileSync } from 'node:child_process'
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import t from 'tap'
import { REBOOT } from '../../src/control/rebootNode.js'

const OVMF = `BootCurrent: 0004
BootOrder: 0004,0001,0002,0003
Boot0000* UiApp
Boot0001* UEFI PXEv6 (MAC:5254004D0200)
Boot0002* UEFI PXEv4 (MAC:5254004D0200)
Boot0003* UEFI HTTPv4 (MAC:5254004D0200)
Boot0004* debian
`
const LENOVO = 'BootOrder: 0001\nBoot0001* debian\nBoot0019* PCI LAN: EFI Network (IPv4)\nBoot001A* CD\n'
const OLD = 'Boot0000* Rocky Linux\nBoot0080  Network Card\n'

for (const [name, entries, want] of [
  ['the IPv4 entry of OVMF', OVMF, '--quiet --bootnext 0002\n'],
  ['the IPv4 entry of a notebook', LENOVO, '--quiet --bootnext 0019\n'],
  ['the only network entry, though it is not active', OLD, '--quiet --bootnext 0080\n'],
  ['no network entry', 'Boot0000* debian\n', ''],
  ['no EFI variables', '', ''],
] as const)
  t.test(`what a node is told to boot next: ${name}`, async t => {
    const dir = t.testdir({ entries })
    const program = (file: string, text: string) => {
      writeFileSync(join(dir, file), `#!/bin/sh\n${text}\n`)
      chmodSync(join(dir, file), 0o755)
    }
    program('efibootmgr', `[ $# = 0 ] && cat ${dir}/entries || echo "$@" >>${dir}/told`)
    program('systemctl', `echo "$@" >${dir}/rebooted`)
    program('sleep', ':')
    execFileSync('sh', ['-c', REBOOT], { env: { PATH: `${dir}:/usr/bin:/bin` } })
    while (!existsSync(join(dir, 'rebooted'))) await setTimeout(5)
    t.equal(existsSync(join(dir, 'told')) ? readFileSync(join(dir, 'told'), 'utf8') : '', want)
  })
