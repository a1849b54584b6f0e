import type { Profile } from './profile.js'

/**
 * What nodes get is told by roles: folders of files, packages and steps that the planner compares with what a node says
 * about itself. Loading a role makes functions of its templates; all else is values.
 */

/**
 * What a node said in one round trip, as `NAME=VALUE` lines. `os.id`, `os.version`, `os.manager` (apt, dnf) and the like
 * are every node's; `package.NAME` is the version that is installed; `file.PATH` is `MODE OWNER:GROUP`, `sha256.PATH`
 * is of what the file holds; `due.HASH` tells of commands that were cut short; `ROLE.NAME` is a fact of a role. What is
 * absent was not said.
 */
export type NodeFacts = Readonly<Record<string, string>>

/** A node of a pool, as templates of roles see it. Absent text is empty. */
export type NodeValues = {
  readonly id: string // of the instance
  readonly name: string // host name
  readonly address: string
  readonly user: string // who launched it
  readonly profile: string
  readonly distribution: Profile['distribution']
  readonly release: string
  readonly cores: number // physical
  readonly memory: number // bytes
  readonly role: 'master' | 'worker' | '' // empty until the pool has elected
  readonly hostKeys: readonly string[]
  readonly published: Readonly<Record<string, string>> // by its roles, `master.public_key`
}

export type PoolValues = {
  readonly name: string
  readonly nodes: readonly NodeValues[] // by name; those that are installed and neither failed nor shutting down
  readonly elected: boolean
  readonly master: NodeValues // the node itself as long as none is elected
  readonly workers: readonly NodeValues[] // none as long as no master is elected
}

/** What a node is to be: all that the templates of roles are given, beside `facts`, `os` and their own `settings`. */
export type Wanted = {
  readonly node: NodeValues
  readonly pool: PoolValues
  readonly users: {
    readonly owner: string // account of the owner: sudo without a password
    readonly pool: string // account that runs the containers
  }
  readonly ownerKeys: readonly string[] // lines of authorized_keys
  readonly daemon: {
    readonly url: string // http://192.168.1.2:8067
    readonly publicKey: string // that root lets in
  }
  readonly ca: string // PEM
  readonly images: { readonly answer: string /* id, 64 hex digits; empty when it cannot be made */ }
  readonly now: Date
}

/** What the daemon sends to a step's standard input. */
export type StepInput =
  | { readonly kind: 'certificate'; readonly request: string /* PKCS#10, PEM or base64 of DER */ } // PEM: leaf
  | { readonly kind: 'image'; readonly name: 'answer' } // docker-archive of the health check's image

/** One thing to do on a node, as root. */
export type Step = {
  readonly id: string // `ROLE/STEP`
  readonly reason: string // why it is due; one line, no secrets
  readonly script: string // POSIX shell
  readonly input?: StepInput
  readonly timeout: number // seconds
  readonly tries: number // until the node fails
}

/** A file as a role wants it. */
export type RoleFile = {
  readonly path: string
  readonly content?: string // absent: the file must not be there
  readonly mode: string // octal, as stat(1) prints it: 644
  readonly owner: string // USER:GROUP
  readonly after: string // shell, run when the file was changed; empty: nothing
}

/** What a role may be called: its folder's name. */
export const ROLE_NAME = /^[a-z][a-z0-9-]{0,31}$/

/** A role with the folder's templates turned into functions. All are pure; they throw a template's complaint. */
export type Role = {
  readonly name: string
  readonly description: string
  readonly order: number // the lower ones are planned first
  /** Names of its facts that other nodes of the pool may see. */
  readonly publishes: readonly string[]
  /** By `debian`, `debian-12`, `rocky`, `rocky-9`: what is meant for the node's system adds up. */
  readonly packages: Readonly<Record<string, readonly string[]>>
  /** Whether this node gets it. */
  applies(wanted: Wanted): boolean
  /** Why it cannot go on yet (`waiting for the master's key`); undefined when it can. */
  waits(wanted: Wanted, facts: NodeFacts): string | undefined
  /** Shell for each of its facts, by name without the role's: what it prints is the fact. */
  factScripts(wanted: Wanted): Readonly<Record<string, string>>
  /** Every path that `files` may tell of: their state is asked of the node. */
  paths(wanted: Wanted): readonly string[]
  /** While the role waits, those that are to go: what a node had of another pool is not to stay that long. */
  files(wanted: Wanted, facts: NodeFacts): readonly RoleFile[]
  /** In order; only those that are due by the facts. */
  steps(wanted: Wanted, facts: NodeFacts): readonly Step[]
  /** Shell that ends with 0 when the node works as the role promises; empty: nothing to check. */
  check(wanted: Wanted, facts: NodeFacts): string
}

/** What is to be done now, in order; an empty list means that the node is as wanted, as far as it can be yet. */
export type Plan = {
  readonly steps: readonly Step[]
  readonly waiting?: string // what the node waits for before the rest can be planned
}
