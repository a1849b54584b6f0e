import type { InstanceRecord } from './instance.js'

/**
 * What a node's certificate says: the names by which its pool and its owner call it, all given by the daemon, and its
 * address. What the machine calls itself is none of them: the authority would vouch for any name that it likes.
 */
export const certified = ({ name, group, address }: Pick<InstanceRecord, 'name' | 'group' | 'address'>) => ({
  names: [...new Set([name, group])],
  addresses: address === undefined ? [] : [address],
})
