import { isMalformed, type Malformed, MESSAGE, OPT, type Packet } from '../wire/dhcp.js'
import { subOption } from './client.js'

const NO_PXEDHCP = 176 // iPXE option 175.176: do not wait for a ProxyDHCP offer

/**
 * What in an offer of the LAN's own DHCP server keeps machines from us, in words for its owner; undefined when
 * nothing does.
 */
export function routerWarning(offer: Packet | Malformed): string | undefined {
  if (isMalformed(offer)) return undefined
  const type = offer.options.get(OPT.messageType)?.[0]
  if (type !== MESSAGE.offer && type !== MESSAGE.ack) return undefined
  if (offer.yiaddr === '0.0.0.0') return undefined // a ProxyDHCP server, of which PXEClient is expected
  if (offer.options.get(OPT.vendorClass)?.toString('latin1').startsWith('PXEClient'))
    return 'its offers carry option 60 PXEClient: UEFI machines take it for their boot server and ignore us'
  if (subOption(offer.options.get(OPT.ipxe), NO_PXEDHCP)?.some(byte => byte !== 0))
    return 'its offers carry iPXE option 175.176 (no-pxedhcp): iPXE does not wait for us'
  return undefined
}
