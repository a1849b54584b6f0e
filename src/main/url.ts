import type { Config } from '../config.js'

/** Where machines find the daemon. */
export const urlOf = ({ address, httpPort }: Pick<Config, 'address' | 'httpPort'>) =>
  `http://${address}:${httpPort}`
