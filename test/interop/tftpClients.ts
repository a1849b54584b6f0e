import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { promisify } from 'node:util'

/** TFTP clients that other people wrote: each reads `file` into the path `to`. */
export type Get = {
  host: string
  port: number
  file: string
  to: string
  blksize: number
  windowsize: number
}
export type Peer = { name: string; options: boolean; windows: boolean; get(o: Get): Promise<void> }

type NodeTftp = {
  createClient(o: object): {
    get(remote: string, local: string, done: (error: Error | null) => void): void
  }
}

const TIMEOUT = 90_000 // ms
const exec = promisify(execFile)

/** @param netns a network namespace; none is the host's own */
const run = (netns: string | undefined, command: string, args: string[]) =>
  netns
    ? exec('ip', ['netns', 'exec', netns, command, ...args], { timeout: TIMEOUT })
    : exec(command, args, { timeout: TIMEOUT })

const option = (name: string, value: number) => ['--option', `${name} ${value}`]

export const tftpHpa = (netns?: string, mode = 'binary'): Peer => ({
  name: `tftp-hpa ${mode}`,
  options: false,
  windows: false,
  get: async ({ host, port, file, to }) => {
    const { stdout, stderr } = await run(netns, 'tftp', ['-m', mode, host, `${port}`, '-c', 'get', file, to])
    if (/error/i.test(stdout + stderr)) throw new Error(stdout + stderr) // its exit code is 0 all the same
  },
})

export const atftp = (netns?: string): Peer => ({
  name: 'atftp',
  options: true,
  windows: true,
  get: async ({ host, port, file, to, blksize, windowsize }) => {
    const options = [
      ...option('blksize', blksize),
      ...(windowsize > 1 ? option('windowsize', windowsize) : []),
    ]
    await run(netns, 'atftp', [...options, '--get', '-r', file, '-l', to, host, `${port}`])
  },
})

export const curl = (netns?: string): Peer => ({
  name: 'curl',
  options: true,
  windows: false,
  get: async ({ host, port, file, to, blksize }) => {
    const url = `tftp://${host}:${port}/${file}`
    // curl takes `tsize 0` in an OACK for an error, so it reads the empty file without options
    const options = file === '0' ? ['--tftp-no-options'] : ['--tftp-blksize', `${blksize}`]
    await run(netns, 'curl', ['-sS', '-m', '80', ...options, '-o', to, url])
  },
})

export const nodeTftp = (): Peer => ({
  name: 'npm tftp',
  options: true,
  windows: true,
  get: ({ host, port, file, to, blksize, windowsize }) => {
    const tftp: NodeTftp = createRequire(import.meta.url)('tftp')
    const client = tftp.createClient({ host, port, blockSize: blksize, windowSize: windowsize })
    return new Promise((done, fail) => client.get(file, to, error => (error ? fail(error) : done())))
  },
})

/** @returns the bytes that the peer wrote */
export async function fetched(peer: Peer, o: Get): Promise<Buffer> {
  await peer.get(o)
  return readFile(o.to)
}
