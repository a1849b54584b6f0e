import { type Request, Router } from 'express'

/** Paths match as they are written: no other case, no extra slash at the end. */
export const exactRouter = () => Router({ caseSensitive: true, strict: true })

/** The client's address; an IPv4 address as such, though the socket may speak IPv6 (`::ffff:192.168.1.5`). */
export const peerAddress = (req: Request) => (req.socket.remoteAddress ?? '').replace(/^::ffff:/i, '')

/** RFC 6750 section 2.1. Undefined when there is none or it is no token of ours by its form. */
export const bearerToken = (req: Request) =>
  /^Bearer ([0-9a-f]{32,64})$/i.exec(req.headers.authorization ?? '')?.[1]

/** The path as it may be logged: without its query, and without the tokens that installers have in it. */
export const loggedPath = ({ path }: Request) => path.replace(/[0-9a-f]{32}/gi, '[secret]')
