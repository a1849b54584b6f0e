import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Header } from 'tar'
import { stampOf } from './stamp.js'

/** A container image: `archive` is what `podman load` reads; `id` is what it is known by in there, 64 hex digits. */
export type ContainerImage = { readonly id: string; readonly archive: Buffer }

export const ANSWER_NAME = 'localhost/muster/answer:latest'

/** Answers every request for `/` with the name of its host, on port 8080. */
const PROGRAM = `#!/bin/busybox sh
/bin/busybox mkdir -p /www
/bin/busybox hostname >/www/index.html
exec /bin/busybox httpd -f -p 8080 -h /www
`

/** The image as it is now; undefined as long as there is no scout. */
export type AnswerImage = () => Promise<ContainerImage | undefined>

/**
 * The image by which nodes prove that they run containers: the scout's static busybox as a web server of one page. It is
 * made here, as no registry may be in reach, and again when the scout is.
 */
export function openAnswerImage(stateDir: string): AnswerImage {
  const path = join(stateDir, 'scout', 'busybox')
  let known: { stamp: string; image: ContainerImage | undefined } | undefined
  return async () => {
    const stamp = await stampOf(path)
    if (known?.stamp !== stamp) {
      const busybox = await readIfThere(path)
      known = { stamp, image: busybox && imageOf(busybox) }
    }
    return known.image
  }
}

async function readIfThere(path: string): Promise<Buffer | undefined> {
  try {
    return await readFile(path)
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw cause
  }
}

/**
 * Equal programs make equal bytes.
 * @param busybox a static one, for the nodes' architecture
 */
export function imageOf(busybox: Buffer): ContainerImage {
  const layer = archive([
    ['bin/', undefined],
    ['bin/busybox', busybox],
    ['answer', Buffer.from(PROGRAM)],
    ['tmp/', undefined],
  ])
  const config = Buffer.from(JSON.stringify(configFor(sha256(layer))))
  const id = sha256(config)
  const manifest = [{ Config: `${id}.json`, RepoTags: [ANSWER_NAME], Layers: ['layer.tar'] }]
  return {
    id,
    archive: archive([
      [`${id}.json`, config],
      ['layer.tar', layer],
      ['manifest.json', Buffer.from(JSON.stringify(manifest))],
    ]),
  }
}

/** OCI image configuration; the scout, and so its busybox, is of amd64. */
const configFor = (layer: string) => ({
  architecture: 'amd64',
  os: 'linux',
  config: {
    Entrypoint: ['/answer'],
    ExposedPorts: { '8080/tcp': {} },
    StopSignal: 'SIGKILL', // there is nothing to save, and PID 1 hears no other signal
  },
  rootfs: { type: 'layers', diff_ids: [`sha256:${layer}`] },
  history: [{ created_by: 'muster' }],
})

const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex')

type Entry = readonly [path: string, content: Buffer | undefined /* a folder */]

/** Everybody may read and run everything; nothing tells when it was made. */
function archive(entries: readonly Entry[]): Buffer {
  const parts = entries.flatMap(([path, content]) => {
    const size = content?.length ?? 0
    const header = new Header({
      ...{ path, size, type: content ? 'File' : 'Directory', mode: 0o755, mtime: new Date(0) },
      ...{ uid: 0, gid: 0 },
    })
    header.encode()
    return [header.block as Buffer, content ?? Buffer.alloc(0), Buffer.alloc(-size & 511)]
  })
  return Buffer.concat([...parts, Buffer.alloc(1024)]) // two empty blocks end it
}
