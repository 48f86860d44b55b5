/**
 * The order of the log: read from its beginning, every entry is one that could be made at that moment, by whoever made
 * it. Whoever was told of what first does not matter here; what came first in the log does.
 *
 * @module
 */
import { operations } from '../../src/apps/operations.ts'
import { narrowed, permissionsOf } from './model-verification.ts'
import { demand } from './model.ts'

export interface LoggedEntry {
  readonly id: string
  readonly event: string
  readonly operation: string
  readonly target: string
  readonly workspace: string
  readonly actor: { readonly system?: string; readonly principal?: string; readonly key?: string; readonly workspace?: string }
  readonly facts: Readonly<Record<string, unknown>>
}

interface Credential {
  readonly principal: string
  readonly permissions: readonly string[]
}

/** Events that end something, for good or until it is enabled. */
const ends = /^(api|environment|consumer|key|principal|workspace)\.(revoked|erased|disabled)$/
/** Events of entries that give something more than it had, and the facts that name what that stands under. */
const grants: Readonly<Record<string, readonly string[]>> = {
  'environment.created': ['api'],
  'key.created': ['api', 'environment', 'consumer'],
  'key.updated': ['api', 'environment', 'consumer'],
  'key.enabled': ['api', 'environment', 'consumer', 'principal'],
  'credential.created': ['principal'],
}

const permissionOf = new Map<string, string>(operations.map(({ id, permission }) => [id, permission]))

/** One workspace, as its log has it up to some entry. */
export class LogOrder {
  readonly #over = new Set<string>()
  readonly #roles = new Map<string, string>()
  readonly #credentials = new Map<string, Credential>()

  take(entry: LoggedEntry): void {
    this.#requireStanding(entry)
    if (entry.actor.workspace === entry.workspace) this.#requireAuthority(entry)
    this.#learn(entry)
  }

  /** Invariant K7 and its like: nothing is given under what is over. */
  #requireStanding({ id, event, facts }: LoggedEntry): void {
    for (const fact of grants[event] ?? []) {
      const under = facts[fact]
      const mayBe = event === 'key.enabled' && fact === 'principal'
      demand(mayBe || typeof under !== 'string' || !this.#over.has(under), () => `the entry ${id} (${event}) comes after the end of ${String(under)}`)
    }
  }

  /** Invariants P1, P2 and P6: at this moment the actor held what it took, and what it gave. */
  #requireAuthority({ id, event, operation, target, actor, facts }: LoggedEntry): void {
    const { principal = '', key = '' } = actor
    demand(!this.#over.has(principal) && !this.#over.has(key), () => `the entry ${id} (${event}) was made by ${principal} with ${key}, one of which was over`)
    const held = narrowed(permissionsOf(this.#roles.get(principal) ?? ''), { permissions: this.#credentials.get(key)?.permissions ?? [] })
    demand(held.has(permissionOf.get(operation) ?? ''), () => `the entry ${id} (${event}) was made by ${principal}, who may not`)
    const given: (string | undefined)[] = []
    if (event.startsWith('principal.')) given.push(this.#roles.get(target), facts['role'] as string)
    if (event === 'credential.created') given.push(this.#roles.get(String(facts['principal'])))
    for (const role of given) demand(role === undefined || permissionsOf(role).isSubsetOf(held), () => `the entry ${id} (${event}) gives or takes what ${principal} does not hold`)
  }

  #learn({ event, target, facts }: LoggedEntry): void {
    if (event === 'workspace.created' && typeof facts['owner'] === 'string') {
      this.#roles.set(facts['owner'], 'owner')
      this.#credentials.set(String(facts['credential']), { principal: facts['owner'], permissions: ['*'] })
    }
    if (event === 'principal.created' || event === 'principal.updated') this.#roles.set(target, String(facts['role']))
    if (event === 'credential.created') this.#credentials.set(target, { principal: String(facts['principal']), permissions: facts['permissions'] as string[] })
    if (ends.test(event)) this.#over.add(target)
    if (event === 'key.enabled' || event === 'principal.enabled') this.#over.delete(target)
  }
}
