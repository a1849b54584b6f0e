import express, { type NextFunction, type Request, type Response, type Router } from 'express'
import type { Logger } from 'pino'
import { z } from 'zod'
import type { InstallDocuments } from '../../control/installDocuments.js'
import type { InstallJobs, InstallReport, Peer, PhoneHome } from '../../control/instances.js'
import { ANSWER_NAMES } from '../../core/installValues.js'
import { STATE_OF } from '../../core/instance.js'
import { isRefusal, type Refusal } from '../../core/refusal.js'
import type { Mac } from '../../wire/mac.js'
import { check, problem, refusal, sendText } from '../reply.js'
import { exactRouter, peerAddress } from '../request.js'

export type InstallRoutes = {
  jobs: InstallJobs
  documents: InstallDocuments
  /** The neighbour table. */
  macOf: (address: string) => Promise<Mac | undefined>
  log: Logger
}

const REPORT_LIMIT = 16 * 1024 // bytes
const LOG_LIMIT = 64 * 1024

/** As much as is worth keeping: a reason that is too long must not get lost whole. */
const text = (longest: number) =>
  z.string().transform(told =>
    told
      .replace(/[\p{C}\s]+/gu, ' ')
      .trim()
      .slice(0, longest),
  )

const reportSchema = z.discriminatedUnion('stage', [
  z.object({ stage: z.enum(['started', 'installed', 'wiped']) }),
  z.object({
    stage: z.literal('progress'),
    percent: z.coerce.number().min(0).max(100).exactOptional(),
    note: text(200).exactOptional(),
  }),
  z.object({ stage: z.literal('failed'), reason: text(1000).default('the installer gave no reason') }),
])

/** `ssh-ed25519 AAAA…`: type and key, as sshd(8) writes them. */
const HOST_KEY = /^[a-z0-9][a-z0-9@.-]{2,63} [A-Za-z0-9+/]{16,4096}={0,2}$/
const phoneHomeSchema = z.object({
  hostName: z.string().regex(/^[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$/, 'is not a host name'),
  hostKeys: z.array(z.string().regex(HOST_KEY, 'is not a public key')).min(1).max(8),
})

type Token = { token: string }
type Call = Request<Token>

/**
 * What an installer, and the system that it left, fetch and tell. The token in the path says for which install, so no
 * path is logged here. A refusal is always 403: whoever is told so must stop.
 */
export function installRoutes({ jobs, documents, macOf, log }: InstallRoutes): Router {
  async function peerOf(req: Call): Promise<Peer> {
    const address = peerAddress(req)
    const mac = await macOf(address)
    return mac ? { address, mac } : { address }
  }

  /** Nothing is read from who has no token by its form, and nothing of all this may be kept on the way. */
  function guard(req: Call, res: Response, next: NextFunction) {
    res.set('cache-control', 'no-store')
    if (/^[0-9a-f]{32}$/.test(req.params.token)) return next()
    refuse(req, res, 'unknown token')
  }

  /** What was refused further in is logged there. */
  const deny = (res: Response, { why }: Refusal) => sendText(res, problem('forbidden', why))

  function refuse(req: Request, res: Response, why: string) {
    log.warn({ address: peerAddress(req), why }, 'install call refused')
    sendText(res, problem('forbidden', why))
  }

  function invalid(req: Request, res: Response, bad: Refusal) {
    log.warn({ address: peerAddress(req), why: bad.why }, 'install call is malformed')
    sendText(res, refusal(bad))
  }

  async function answers(req: Call, res: Response) {
    const job = await jobs.answers(req.params.token, await peerOf(req))
    if (isRefusal(job)) return deny(res, job)
    const { instance, profile, machine } = job
    const answers = await documents.answers(job)
    if (typeof answers !== 'string') return refuse(req, res, answers.why)
    log.info({ machine: machine.id, instance: instance.id, profile: profile.name }, 'answers fetched')
    res.type('text/plain').send(answers)
  }

  /** Part of the answers, and refused when they are. */
  async function reporter(req: Call, res: Response) {
    const job = await jobs.answers(req.params.token, await peerOf(req))
    if (isRefusal(job)) return deny(res, job)
    res.type('text/x-shellscript').send(await documents.reporter(job))
  }

  async function finish(req: Call, res: Response) {
    const job = await jobs.finish(req.params.token, await peerOf(req))
    if (isRefusal(job)) return deny(res, job)
    const script = await documents.finish(job)
    log.info({ machine: job.machine.id, instance: job.instance.id }, 'finish script fetched')
    res.type('text/x-shellscript').send(script)
  }

  async function report(req: Call, res: Response) {
    const told = check(reportSchema, fieldsOf(req.body))
    if (isRefusal(told)) return invalid(req, res, told)
    const instance = await jobs.report(req.params.token, told.value as InstallReport, await peerOf(req))
    if (isRefusal(instance)) return deny(res, instance)
    res.json({ phase: instance.phase, state: STATE_OF[instance.phase] })
  }

  async function keepLog(req: Call, res: Response) {
    const refused = await jobs.log(req.params.token, textOf(req.body), await peerOf(req))
    if (refused) return deny(res, refused)
    res.json({})
  }

  async function phoneHome(req: Call, res: Response) {
    const call = check(phoneHomeSchema, fieldsOf(req.body))
    if (isRefusal(call)) return invalid(req, res, call)
    const home: PhoneHome = call.value
    const instance = await jobs.phoneHome(req.params.token, home, await peerOf(req))
    if (isRefusal(instance)) return deny(res, instance)
    res.json({ phase: instance.phase, state: STATE_OF[instance.phase] })
  }

  const body = (limit: number) => express.text({ limit, inflate: false, type: () => true })
  const routes = exactRouter()
  routes.use('/install/v1/:token', guard)
  for (const name of ['answers', ...Object.values(ANSWER_NAMES)])
    routes.get(`/install/v1/:token/${name}`, answers)
  return routes
    .get('/install/v1/:token/reporter', reporter)
    .get('/install/v1/:token/finish', finish)
    .post('/install/v1/:token/report', body(REPORT_LIMIT), report)
    .post('/install/v1/:token/log', body(LOG_LIMIT), keepLog)
    .post('/install/v1/:token/phone-home', body(REPORT_LIMIT), phoneHome)
}

const textOf = (body: unknown) => (typeof body === 'string' ? body : '')

/**
 * JSON, or a form: all that wget in Debian's installer can send. What it is shows in the text; the content type is
 * whatever the client's default was.
 */
function fieldsOf(body: unknown): unknown {
  const told = textOf(body).trim()
  if (!told.startsWith('{')) return Object.fromEntries(new URLSearchParams(told))
  try {
    return JSON.parse(told)
  } catch {
    return undefined
  }
}
