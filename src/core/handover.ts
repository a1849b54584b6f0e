import type { Firmware, LocalBoot } from './machine.js'

/** The iPXE command that gives a machine to its own disk. */
export type Handover = 'sanboot' | 'exit' | 'exit 1'

/**
 * `exit 1` tells UEFI to try its next boot entry; `exit` (0) lands some Dell and Lenovo in their set-up. BIOS ROMs
 * often do not go on after iPXE, so there the disk is booted by iPXE itself. Not knowing the firmware, `exit 1`
 * leaves the choice to it.
 */
export function handover(choice: LocalBoot, firmware: Firmware | undefined): Handover {
  if (choice === 'auto') return firmware === 'bios' ? 'sanboot' : 'exit 1'
  return choice === 'exit-1' ? 'exit 1' : choice
}
