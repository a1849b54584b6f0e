import { type Request, type Response, Router } from 'express'
import type { Logger } from 'pino'
import type { BootScripts } from '../../control/bootScripts.js'
import { bootQuerySchema } from '../../core/bootQuery.js'
import { isRefusal } from '../../core/refusal.js'
import { check, problem, refusal, sendText } from '../reply.js'
import { peerAddress } from '../request.js'

export type BootRoutes = {
  scripts: BootScripts
  /** A network boot program by name; undefined for any name but those on offer. */
  nbp: (name: string) => Promise<Buffer | undefined>
  /** Where the scout's kernel or initrd is; undefined until it has been built. */
  scoutFile: (name: 'vmlinuz' | 'initrd') => string | undefined
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
    // RFC 7230: UEFI HTTP boot asks HEAD first and believes its Content-Length.
    res.set('content-type', name.endsWith('.efi') ? 'application/efi' : 'application/octet-stream').send(file)
  }

  function scout(name: 'vmlinuz' | 'initrd', res: Response) {
    const path = scoutFile(name)
    if (!path) return sendText(res, problem('not-found', 'the scout is not built: run "muster scout build"'))
    res.sendFile(path)
  }

  return Router()
    .get('/boot/ipxe', (_req, res) => sendScript(res, scripts.identify))
    .get('/boot/script', script)
    .get('/boot/files/:name', program)
    .get('/boot/scout/vmlinuz', (_req, res) => scout('vmlinuz', res))
    .get('/boot/scout/initrd', (_req, res) => scout('initrd', res))
}
