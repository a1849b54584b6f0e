import { transcriptOf } from '../core/masked.js'
import { runOnNode } from '../io/ssh.js'
import type { SshKey } from '../io/sshKey.js'
import type { RebootNode } from './rebooting.js'

/**
 * Shell, for the node. Installers put their own entry in front of UEFI's boot order, and the machine would never ask us
 * again: the network's entry is named as the next one, IPv4 first, where there is one. The command ends before the node
 * does, so that it can still tell how.
 */
export const REBOOT = `
if command -v efibootmgr >/dev/null; then
  entries=$(efibootmgr 2>/dev/null | sed -n 's/^Boot\\([0-9A-Fa-f]\\{4\\}\\)[*[:space:]]*/\\1 /p')
  for kind in 'PXE.*v4\\|IPv4' 'PXE\\|Network'; do
    next=$(printf '%s\\n' "$entries" | grep -i -m 1 "$kind") || continue
    efibootmgr --quiet --bootnext "\${next%% *}"
    break
  done
fi
nohup sh -c 'sleep 1; systemctl reboot' >/dev/null 2>&1 </dev/null &
`

const STDERR_KEPT = 200 // characters

/** Over SSH, as root with the daemon's own key, which the finish script let in. */
export const rebootNodeBy =
  ({ private: key }: SshKey): RebootNode =>
  async ({ address, hostKeys }, end) => {
    const { code, stderr } = await runOnNode({ address, hostKeys, user: 'root', key, command: REBOOT, end })
    if (code !== 0)
      throw new Error(
        `${address} did not reboot: ${transcriptOf(stderr, STDERR_KEPT).trim() || `exit code ${code}`}`,
      )
  }
