import type { Request, Response, Router } from 'express'
import type { Logger } from 'pino'
import type { BootScripts } from '../../control/bootScripts.js'
import { bootQuerySchema } from '../../core/bootQuery.js'
import { isRefusal } from '../../core/refusal.js'
import { check, problem, refusal, sendText } from '../reply.js'
import { exactRouter, peerAddress } from '../request.js'
import { type Bytes, sendBytes } from '../sendBytes.js'

const BINARY = 'application/octet-stream'

export type BootRoutes = {
  scripts: BootScripts
  /** A network boot program by name; undefined for any name but those on offer. */
  nbp: (name: string) => Promise<Buffer | undefined>
  /** The scout's kernel or initrd; undefined until it has been built. */
  scoutFile: (name: 'vmlinuz' | 'initrd') => Promise<Bytes | undefined>
  now: () => Date
  log: Logger
}

/** What firmware and iPXE fetch. Plain text and files; nothing here changes a machine's state. */
export function bootRoutes({ scripts, nbp, scoutFile, now, log }: BootRoutes): Router {
  const sendScript = (res: Response, script: string | Buffer) =>
    void res.set({ 'content-type': 'text/plain; charset=utf-8', 'cache-control': 'no-store' }).send(script)

  async function script(req: Request, res: Response) {
    const query = check(bootQuerySchema, req.query)
    if (isRefusal(query)) {
      log.warn({ address: peerAddress(req), why: query.why }, 'script refused')
      return sendText(res, refusal(query))
    }
    const report = { ...query.value, address: peerAddress(req), at: now() }
    const decided = await scripts.decide(report)
    if (isRefusal(decided)) {
      log.warn({ mac: report.mac, address: report.address, why: decided.why }, 'script refused')
      return sendText(res, refusal(decided))
    }
    log.info({ mac: report.mac, address: report.address, what: decided.what }, 'script')
    sendScript(res, decided.script)
  }

  async function program(req: Request<{ name: string }>, res: Response) {
    const { name } = req.params
    const file = await nbp(name)
    if (!file) return sendText(res, problem('not-found', `no boot program ${JSON.stringify(name)}`))
    sendBytes(req, res, { bytes: file }, name.endsWith('.efi') ? 'application/efi' : BINARY)
  }

  const scout = (name: 'vmlinuz' | 'initrd') => async (req: Request, res: Response) => {
    const file = await scoutFile(name)
    if (!file) return sendText(res, problem('not-found', 'the scout is not built: run "muster scout build"'))
    sendBytes(req, res, file, BINARY)
  }

  return exactRouter()
    .get('/boot/ipxe', (_req, res) => sendScript(res, scripts.identify))
    .get('/boot/script', script)
    .get('/boot/files/:name', program)
    .get('/boot/scout/vmlinuz', scout('vmlinuz'))
    .get('/boot/scout/initrd', scout('initrd'))
}
