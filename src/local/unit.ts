/** What the unit file needs to know of this host. Paths are absolute. */
export type Installed = { node: string; program: string; settings: readonly string[] }

/** systemd splits ExecStart= at blanks, expands `%` and `$`, and knows C escapes (systemd.service(5), "COMMAND LINES"). */
const quoted = (word: string) =>
  `"${word.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('%', '%%').replaceAll('$', '$$$$')}"`

/** MiB for young and old objects; as in the first line of cli.ts. A thousand machines need half of it. */
const LIMITS = ['--max-semi-space-size=1', '--max-old-space-size=256']

/**
 * The daemon as a service with one right, to open ports below 1024. The kernel's neighbour table is read from
 * /proc/net/arp, so /proc stays whole where other users' processes are hidden (ProtectProc), and AF_NETLINK is for
 * the list of interfaces. No MemoryDenyWriteExecute: V8 compiles to memory that it executes.
 */
export const unitFile = ({ node, program, settings }: Installed) => `[Unit]
Description=muster: netboot and hardware inventory of this LAN
Documentation=file:${program.replace(/dist\/cli\.js$/, 'README.md')}
Wants=network-online.target
After=network-online.target

[Service]
ExecStart=${[node, ...LIMITS, program, 'serve', ...settings].map(quoted).join(' ')}
Restart=on-failure
RestartSec=2
TimeoutStopSec=30

User=muster
Group=muster
StateDirectory=muster
StateDirectoryMode=0700
UMask=0077

AmbientCapabilities=CAP_NET_BIND_SERVICE
CapabilityBoundingSet=CAP_NET_BIND_SERVICE
NoNewPrivileges=yes
LockPersonality=yes
PrivateDevices=yes
PrivateTmp=yes
ProtectClock=yes
ProtectControlGroups=yes
ProtectHome=${program.startsWith('/home/') || program.startsWith('/root/') ? 'read-only' : 'yes'}
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectProc=invisible
ProtectSystem=strict
RemoveIPC=yes
RestrictAddressFamilies=AF_INET AF_INET6 AF_NETLINK AF_UNIX
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
SystemCallArchitectures=native
SystemCallErrorNumber=EPERM
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @resources

[Install]
WantedBy=multi-user.target
`
