import { once } from 'node:events'
import { connect } from 'node:net'
import type { Random } from './random.js'

/** How inputs are spoilt, and how they reach a service. */

/** Acts; what it throws tells the input. */
export async function telling<T>(input: string, act: () => Promise<T>): Promise<T> {
  try {
    return await act()
  } catch (cause) {
    throw new Error(`input ${JSON.stringify(input)}`, { cause })
  }
}

const SPICE = [
  ...[
    '%00',
    '%0a',
    '%0d%0a',
    '%ff',
    '%',
    '\0',
    '\r\n',
    '\n\n',
    '${',
    '{{',
    '{%',
    '..%2f',
    '&',
    '=',
    '[]',
    '"',
    '\\',
  ],
  ...[
    '__proto__',
    'constructor',
    '-1',
    '1e309',
    '99999999999999999999',
    'null',
    '{',
    '}',
    '\u2028',
    'x'.repeat(300),
  ],
]

/** Bytes changed, cut out, doubled, and bits that are known to hurt put in. */
export function mutated(random: Random, text: string): string {
  let out = text
  for (let n = random.below(3); n >= 0; n--) {
    const at = random.below(out.length + 1)
    const length = random.below(8)
    const changes = [
      () => out.slice(0, at) + String.fromCharCode(random.below(256)) + out.slice(at + 1),
      () => out.slice(0, at) + out.slice(at + length),
      () => out.slice(0, at) + out.slice(Math.max(0, at - length), at) + out.slice(at),
      () => out.slice(0, at) + random.pick(SPICE) + out.slice(at),
      () => (random.below(4) === 0 ? out.slice(0, at) : out),
    ]
    out = random.pick(changes)()
  }
  return out
}

const STRANGE = [
  null,
  '',
  -1,
  1.5,
  true,
  [],
  {},
  'x'.repeat(257),
  Number.MAX_SAFE_INTEGER + 1,
  [[[]]],
  '\u0000',
]

/** The same value with one of its parts, at any depth, replaced by something that does not belong there. */
export function misplaced(random: Random, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || random.below(4) === 0) return random.pick(STRANGE)
  const entries = Object.entries(value)
  const [chosen] = random.pick(entries.length > 0 ? entries : [['new', 0]])
  const changed = { ...value, [chosen]: misplaced(random, Reflect.get(value, chosen)) }
  return Array.isArray(value) ? Object.values(changed) : changed
}

const HELD_MS = 1_000 // a mutated request may be a long poll

/** Bytes on a socket, whose other half is closed; what is heard until the service hangs up. */
export async function converse(port: number, request: string): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  let heard = ''
  socket.on('data', data => {
    heard += data.toString('latin1')
  })
  socket.on('error', () => {}) // hanging up while we still send is an answer too
  socket.setTimeout(HELD_MS, () => socket.destroy())
  socket.end(Buffer.from(request, 'latin1'))
  await once(socket, 'close')
  return heard
}
