/** A file of an installation tree: its path there, and its SHA-256 in hex. */
export type TreeFile = { readonly path: string; readonly sha256: string }

/** What a .treeinfo tells of the installer's start. */
export type Tree = {
  readonly family: string // Rocky Linux
  readonly version: string // 9.4
  readonly kernel: TreeFile
  readonly initrd: TreeFile
}

/**
 * Reads the .treeinfo of an installation tree for x86_64: an INI file as productmd writes it (productmd.treeinfo,
 * format 1.2), in which [images-x86_64] names kernel and initrd, and [checksums] has `path = type:value`.
 */
export function treeOf(text: string): Tree | { problem: string } {
  const sections = readIni(text)
  const general = sections.get('release') ?? sections.get('general')
  const [family, version] = [general?.get('name'), general?.get('version')]
  if (!family || !version) return { problem: 'this is no .treeinfo: it names no release' }
  const file = (name: string): TreeFile | { problem: string } => {
    const path = sections.get('images-x86_64')?.get(name)
    if (!path) return { problem: `it names no ${name} for x86_64` }
    if (!/^[A-Za-z0-9][A-Za-z0-9._-]*(\/[A-Za-z0-9][A-Za-z0-9._-]*)*$/.test(path))
      return { problem: `its ${name} is not below it: ${JSON.stringify(path)}` }
    const sha256 = /^sha256:([0-9a-f]{64})$/.exec(sections.get('checksums')?.get(path) ?? '')?.[1]
    return sha256 ? { path, sha256 } : { problem: `it has no SHA-256 of ${path}` }
  }
  const [kernel, initrd] = [file('kernel'), file('initrd')]
  if ('problem' in kernel) return kernel
  return 'problem' in initrd ? initrd : { family, version, kernel, initrd }
}

/** Sections of `name = value` lines; `#` and `;` begin a comment line. */
function readIni(text: string): Map<string, Map<string, string>> {
  const sections = new Map<string, Map<string, string>>()
  let section = new Map<string, string>()
  for (const line of text.split(/\r?\n/)) {
    const [, title] = /^\[(.+)\]\s*$/.exec(line) ?? []
    const [, name = '', value = ''] = /^([^#;=:\s][^=:]*?)\s*[=:]\s*(.*?)\s*$/.exec(line) ?? []
    if (title !== undefined) {
      section = sections.get(title) ?? new Map()
      sections.set(title, section)
    } else if (name) section.set(name, value)
  }
  return sections
}
