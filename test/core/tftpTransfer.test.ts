import t from 'tap'
import {
  type Action,
  acknowledged,
  begin,
  negotiate,
  nextLook,
  repeated,
  requestedName,
  type Terms,
  type Transfer,
  timedOut,
} from '../../src/core/tftpTransfer.js'

const options = (text: string) =>
  text
    .split(' ')
    .filter(Boolean)
    .map(pair => pair.split('=') as [string, string])

for (const [name, asked, mtu, granted] of [
  ['nothing asked, nothing said', '', 1500, ''],
  ['EDK2', 'tsize=0 blksize=1468 windowsize=4', 1500, 'tsize=7000 blksize=1468 windowsize=4'],
  ['iPXE', 'blksize=1432 tsize=0', 1500, 'blksize=1432 tsize=7000'],
  ['a block as large as the frame', 'blksize=65464', 1500, 'blksize=1468'],
  ['jumbo frames', 'blksize=65464', 9000, 'blksize=8968'],
  ['loopback', 'blksize=65535', 65_536, 'blksize=65464'],
  ['the smallest block', 'blksize=8', 1500, 'blksize=8'],
  ['a block that is too small', 'blksize=7', 1500, ''],
  ['a window that is too large', 'windowsize=65535', 1500, 'windowsize=64'],
  ['no window', 'windowsize=0', 1500, ''],
  ['the longest timeout', 'timeout=255', 1500, 'timeout=255'],
  ['a timeout out of range', 'timeout=256', 1500, ''],
  ['names in any case, echoed as asked', 'BLKSIZE=600 TSize=0', 1500, 'BLKSIZE=600 TSize=7000'],
  ['an option twice: the first counts', 'blksize=600 blksize=700', 1500, 'blksize=600'],
  ['unknown options', 'multicast= rollover=1 constructor=1 blksize=600', 1500, 'blksize=600'],
  ['no number', 'blksize=-5 windowsize=1e3 timeout=0x10 tsize=', 1500, ''],
] as const)
  t.test(`negotiate: ${name}`, async t => t.same(negotiate(options(asked), 7000, mtu).oack, options(granted)))

/** What happens at which millisecond, and the answer: `1-4` sends these blocks, `-` nothing, else the outcome. */
type Row = readonly [at: number, event: string, answer: string]

const shown = (action: Action) => {
  if (action.kind === 'send') return `${action.first}-${action.last}`
  return action.kind === 'end' ? action.outcome : '-'
}

function happens(transfer: Transfer, event: string, size: number, now: number) {
  const [what, block] = event.split(' ')
  if (what === 'ack') return acknowledged(transfer, Number(block), now)
  return what === 'request' ? repeated(transfer, size, now) : timedOut(transfer, now)
}

function story(name: string, terms: Partial<Terms>, size: number, rows: readonly Row[]) {
  t.test(name, async t => {
    const full = { blksize: 512, windowsize: 1, timeout: 1000, adaptive: true, oack: [], ...terms }
    let [transfer, action] = begin(full, size, 0)
    for (const [at, event, answer] of rows) {
      if (event !== 'begin') [transfer, action] = happens(transfer, event, size, at)
      t.equal(shown(action), answer, `${at} ms: ${event}`)
    }
  })
}

const oack = [['tsize', '0']] as const

story('an empty file is one empty block', {}, 0, [
  [0, 'begin', '1-1'],
  [1, 'ack 1', 'complete'],
])
story('511 bytes are one block', {}, 511, [
  [0, 'begin', '1-1'],
  [1, 'ack 1', 'complete'],
])
story('a whole block is followed by an empty one', {}, 512, [
  [0, 'begin', '1-1'],
  [1, 'ack 1', '2-2'],
  [2, 'ack 2', 'complete'],
])
story('the OACK is acknowledged as block 0', { oack }, 10, [
  [0, 'begin', '0-0'],
  [1, 'ack 0', '1-1'],
  [2, 'ack 1', 'complete'],
])
story('nothing but ACK 0 answers an OACK', { oack }, 10, [
  [0, 'begin', '0-0'],
  [1, 'ack 1', '-'],
  [1, 'ack 65535', '-'],
  [1, 'ack 0', '1-1'],
])
story('a second copy of an ACK sends nothing', {}, 2000, [
  [1, 'ack 1', '2-2'],
  [1, 'ack 1', '-'],
  [2, 'ack 2', '3-3'],
  [2, 'ack 1', '-'],
  [2, 'ack 2', '-'],
])
story('an ACK from the future sends nothing', {}, 2000, [
  [1, 'ack 2', '-'],
  [1, 'ack 32768', '-'],
  [1, 'ack 1', '2-2'],
])
story('windows', { oack, windowsize: 4 }, 512 * 9, [
  [0, 'begin', '0-0'],
  [1, 'ack 0', '1-4'],
  [2, 'ack 4', '5-8'],
  [3, 'ack 8', '9-10'],
  [4, 'ack 10', 'complete'],
])
story('a loss within a window: on from the last ACK', { oack, windowsize: 4 }, 512 * 20, [
  [1, 'ack 0', '1-4'],
  [2, 'ack 2', '3-6'],
  [2, 'ack 2', '-'],
  [3, 'ack 6', '7-10'],
])
story('a loss after a window that was waited for', { oack, windowsize: 4 }, 512 * 20, [
  [900, 'ack 0', '1-4'],
  [1899, 'time', '-'],
  [1900, 'time', '1-4'],
  [1901, 'ack 4', '5-8'],
  [2900, 'time', '-'],
  [2901, 'time', '5-8'],
])
story('retransmissions grow, five at most', {}, 2000, [
  [999, 'time', '-'],
  [1000, 'time', '1-1'],
  [2999, 'time', '-'],
  [3000, 'time', '1-1'],
  [7000, 'time', '1-1'],
  [15_000, 'time', '1-1'],
  [22_999, 'time', '-'],
  [23_000, 'time', '1-1'],
  [31_000, 'time', 'timed-out'],
])
story('an ACK starts the count of retransmissions again', {}, 2000, [
  [1000, 'time', '1-1'],
  [3000, 'time', '1-1'],
  [3001, 'ack 1', '2-2'],
  [4000, 'time', '-'],
  [4001, 'time', '2-2'],
  [6000, 'time', '-'],
  [6001, 'time', '2-2'],
])
story('a client that answers fast is helped early', {}, 2000, [
  [1, 'ack 1', '2-2'],
  [250, 'time', '-'],
  [251, 'time', '2-2'],
  [1250, 'time', '-'],
  [1251, 'time', '2-2'],
  [3251, 'time', '2-2'],
])
story('one slow answer makes it patient again', {}, 2000, [
  [1, 'ack 1', '2-2'],
  [201, 'ack 2', '3-3'],
  [202, 'ack 3', '4-4'],
  [1001, 'time', '-'],
  [1002, 'time', '4-4'],
])
story('the answer to a retransmission tells no time', {}, 2000, [
  [1000, 'time', '1-1'],
  [1001, 'ack 1', '2-2'],
  [2000, 'time', '-'],
  [2001, 'time', '2-2'],
])
story("the client's own timeout", { timeout: 3000, adaptive: false }, 2000, [
  [1, 'ack 1', '2-2'],
  [3000, 'time', '-'],
  [3001, 'time', '2-2'],
  [9000, 'time', '-'],
  [9001, 'time', '2-2'],
])
story('the last ACK may be missing', {}, 10, [
  [1000, 'time', '1-1'],
  [3000, 'time', '1-1'],
  [7000, 'time', '1-1'],
  [15_000, 'time', '1-1'],
  [23_000, 'time', '1-1'],
  [31_000, 'time', 'unconfirmed'],
])
story('a client that asks again is answered again', { oack }, 2000, [
  [300, 'request', '0-0'],
  [301, 'ack 0', '1-1'],
])
story('a copy of the request that the network made undoes nothing', { oack, windowsize: 4 }, 5000, [
  [1, 'request', '-'],
  [1, 'ack 0', '1-4'],
  [2, 'request', '-'],
  [3, 'ack 4', '5-8'],
])
story('a client that starts again is served from the start', { oack }, 2000, [
  [1, 'ack 0', '1-1'],
  [2, 'ack 1', '2-2'],
  [1000, 'request', '0-0'],
  [1001, 'ack 2', '-'],
  [1001, 'ack 0', '1-1'],
])

for (const [name, terms, now, want] of [
  ['a quarter of a second ahead', {}, 0, 250],
  ['at the deadline when that is nearer', {}, 900, 100],
  ['at once when it has passed', {}, 2000, 0],
  ["at the client's own timeout", { adaptive: false, timeout: 3000 }, 0, 3000],
] as const)
  t.test(`the next look is ${name}`, async t => {
    const full = { blksize: 512, windowsize: 1, timeout: 1000, adaptive: true, oack: [], ...terms }
    t.equal(nextLook(begin(full, 10, 0)[0], now), want)
  })

for (const windowsize of [1, 16, 64])
  t.test(`block numbers roll over at window ${windowsize}`, async t => {
    const size = 70_000 * 8
    let [transfer, action] = begin(
      { blksize: 8, windowsize, timeout: 1000, adaptive: true, oack: [] },
      size,
      0,
    )
    let next = 1
    while (action.kind === 'send') {
      if (action.first !== next) return t.equal(action.first, next)
      next = action.last + 1
      ;[transfer, action] = acknowledged(transfer, action.last & 0xffff, 0)
    }
    t.equal(next - 1, 70_001)
    t.same(action, { kind: 'end', outcome: 'complete' })
  })

for (const [name, from, to] of [
  ['as it is', 'ipxe.efi', 'ipxe.efi'],
  ['a leading slash', '/ipxe.efi', 'ipxe.efi'],
  ['a DOS path', '\\boot\\x64\\ipxe.efi', 'boot/x64/ipxe.efi'],
  ['nothing is resolved', '../../etc/passwd', '../../etc/passwd'],
] as const)
  t.test(`name: ${name}`, async t => t.equal(requestedName(from), to))
