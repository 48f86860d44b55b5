/**
 * Keyring: the wrapped keys of the vault's hierarchy, as rows.
 *
 * root key → workspace key → environment key → …; what lies here opens only in the key process.
 *
 * Invariant R1: a key's chain of parents follows from its type alone; nobody passes one in.
 * Invariant R3: each wrapping is bound to workspace, environment, type, id and version, so a moved or altered row does not
 * unwrap. These rows therefore need no MAC.
 * Invariant R4: destroying a subject's row is what erases a person; it is gone for every server with the commit.
 *
 * @module
 */
import { assert } from '#core/base/assert'
import { keyTypes, type KeyContext, type KeyType, type WrappedKey } from '#core/crypto/key-context'
import type { KeyProcess } from '#core/crypto/key-process/client'
import type { RowWrite } from '#core/storage/commit'
import type { Migration, Storage } from '#core/storage/storage'
import { defineTable, type RowBase } from '#core/storage/table'

interface KeyringRow extends RowBase {
  readonly workspace_id: string
  readonly environment_id: string
  readonly type: KeyType
  readonly key_id: string
  readonly key_version: number
  readonly wrapped: Uint8Array
}

const keyringTable = defineTable<KeyringRow>('keyring', {
  columns: { workspace_id: 'text', environment_id: 'text', type: 'text', key_id: 'text', key_version: 'integer', wrapped: 'blob' },
})

export const keyringMigration: Migration = {
  id: 'keyring/0001-keyring',
  statements: ({ text, integer, blob }) => [
    `CREATE TABLE keyring (
      id ${text} PRIMARY KEY, version ${integer} NOT NULL,
      workspace_id ${text} NOT NULL, environment_id ${text} NOT NULL,
      type ${text} NOT NULL, key_id ${text} NOT NULL, key_version ${integer} NOT NULL, wrapped ${blob} NOT NULL
    )`,
  ],
}

/** Where a key belongs: '' where a level does not apply. `keyId` is the id of what the key serves. */
export interface KeyPlace {
  readonly type: KeyType
  readonly workspaceId: string
  readonly environmentId: string
  readonly keyId: string
  readonly keyVersion: number
}

export const workspaceKey = (workspaceId: string): KeyPlace => place('workspace', workspaceId, '', workspaceId)
export const environmentKey = (workspaceId: string, environmentId: string): KeyPlace =>
  place('environment', workspaceId, environmentId, environmentId)
export const subjectKey = (workspaceId: string, subjectId: string): KeyPlace => place('subject', workspaceId, '', subjectId)
export const rowMacKey: KeyPlace = place('row-mac', '', '', 'instance')
export const logKey = (type: 'log-ed25519' | 'log-ml-dsa-44', workspaceId: string): KeyPlace => place(type, workspaceId, '', workspaceId)

function place(type: KeyType, workspaceId: string, environmentId: string, keyId: string): KeyPlace {
  return { type, workspaceId, environmentId, keyId, keyVersion: 1 }
}

const rowIdOf = (at: KeyPlace): string => `${at.type}/${at.keyId}/${at.keyVersion}`

const contextOf = (at: KeyPlace): KeyContext => ({
  workspaceId: at.workspaceId,
  environmentId: at.environmentId,
  type: at.type,
  id: at.keyId,
  version: at.keyVersion,
})

/** The keys above a key, from the root down. */
function parentsOf(at: KeyPlace): readonly KeyPlace[] {
  const parent = keyTypes[at.type].parent
  if (parent === 'root') return []
  const above = parent === 'workspace' ? workspaceKey(at.workspaceId) : environmentKey(at.workspaceId, at.environmentId)
  assert(above.type === parent, `R1: the parent of ${at.type} is a ${parent} key`)
  return [...parentsOf(above), above]
}

/** New keys of one commit: they can stand above each other before any of them is stored. */
export interface KeyringDraft {
  create(at: KeyPlace): Promise<void>
  derive(at: KeyPlace, label: string, version: number): Promise<Buffer>
  readonly writes: readonly RowWrite[]
}

export interface Keyring {
  draft(): KeyringDraft
  has(at: KeyPlace): Promise<boolean>
  /**
   * The 32 bytes of a data key; null when it never was, or was destroyed.
   *
   * @param beside writes of a commit that is being made: a key that it brings is there already
   */
  exportKey(at: KeyPlace, beside?: readonly RowWrite[]): Promise<Buffer | null>
  /** 32 bytes derived from a key that itself stays in the key process; another `version`, other bytes. */
  derive(at: KeyPlace, label: string, version: number): Promise<Buffer>
  sign(at: KeyPlace, message: Uint8Array): Promise<Buffer>
  publicKey(at: KeyPlace): Promise<Buffer>
  /** The write that destroys a key for good; null when there is none. */
  destroy(at: KeyPlace): Promise<RowWrite | null>
}

/** Rows kept in memory, so that a chain costs no reads; they are wrapped, so keeping them reveals nothing. */
const cachedRowsMax = 10_000

export function createKeyring(storage: Pick<Storage, 'reader' | 'onForeignWrite'>, keyProcess: KeyProcess): Keyring {
  const cache = new Map<string, KeyringRow>()
  storage.onForeignWrite(() => cache.clear())

  async function find(at: KeyPlace, drafted?: ReadonlyMap<string, KeyringRow>): Promise<KeyringRow | null> {
    const id = rowIdOf(at)
    const known = drafted?.get(id) ?? cache.get(id)
    if (known !== undefined) return known
    const row = await storage.reader<{ keyring: KeyringRow }>().selectFrom('keyring').selectAll().where('id', '=', id).executeTakeFirst()
    // R4: a subject's row must be seen to be gone at once, on every server; the others are never destroyed.
    if (row === undefined) return null
    if (at.type !== 'subject') {
      if (cache.size >= cachedRowsMax) cache.clear()
      cache.set(id, row)
    }
    return row
  }

  async function chain(places: readonly KeyPlace[], drafted?: ReadonlyMap<string, KeyringRow>): Promise<WrappedKey[] | null> {
    const links: WrappedKey[] = []
    for (const at of places) {
      const row = await find(at, drafted)
      if (row === null) return null
      links.push({ context: contextOf(at), wrapped: row.wrapped })
    }
    return links
  }

  async function chainTo(at: KeyPlace, drafted?: ReadonlyMap<string, KeyringRow>): Promise<WrappedKey[]> {
    const links = await chain([...parentsOf(at), at], drafted)
    assert(links !== null, `R2: the ${at.type} key of ${at.keyId} exists wherever it is used`)
    return links
  }

  return {
    draft() {
      const rows = new Map<string, KeyringRow>()
      return {
        async create(at) {
          const parents = await chain(parentsOf(at), rows)
          assert(parents !== null, `R2: the keys above a new ${at.type} key exist`)
          const wrapped = await keyProcess.createKey({ context: contextOf(at), parents })
          rows.set(rowIdOf(at), {
            id: rowIdOf(at), version: 1, workspace_id: at.workspaceId, environment_id: at.environmentId,
            type: at.type, key_id: at.keyId, key_version: at.keyVersion, wrapped,
          })
        },
        async derive(at, label, version) {
          return keyProcess.derive({ chain: await chainTo(at, rows), label, version })
        },
        get writes() {
          return [...rows.values()].map((row) => ({ kind: 'insert', table: keyringTable, row }) as const)
        },
      }
    },
    async has(at) {
      return (await find(at)) !== null
    },
    async exportKey(at, beside) {
      const links = await chain([...parentsOf(at), at], beside === undefined ? undefined : keysAmong(beside))
      return links === null ? null : keyProcess.exportKey({ chain: links })
    },
    async derive(at, label, version) {
      return keyProcess.derive({ chain: await chainTo(at), label, version })
    },
    async sign(at, message) {
      return keyProcess.sign({ chain: await chainTo(at), message })
    },
    async publicKey(at) {
      return keyProcess.publicKey({ chain: await chainTo(at) })
    },
    async destroy(at) {
      const row = await find(at)
      return row === null ? null : { kind: 'delete', table: keyringTable, id: row.id, version: row.version + 1 }
    },
  }
}

const subjectsPerRead = 1_000

/** The subjects of a workspace whose key is there, by id: what a check of the audit log holds against its entries. */
export async function* subjectsWithKeys(storage: Pick<Storage, 'reader'>, workspaceId: string): AsyncGenerator<string> {
  for (let after = 'subject/'; ; ) {
    const rows = await storage.reader<{ keyring: KeyringRow }>().selectFrom('keyring').select(['id', 'key_id'])
      .where('id', '>', after).where('id', '<', 'subject0').where('workspace_id', '=', workspaceId).orderBy('id').limit(subjectsPerRead).execute()
    const last = rows.at(-1)
    if (last === undefined) return
    for (const row of rows) yield row.key_id
    after = last.id
  }
}

/** Keyring rows that a commit inserts, by id. */
function keysAmong(writes: readonly RowWrite[]): ReadonlyMap<string, KeyringRow> {
  const rows = writes.flatMap((write) => (write.table === keyringTable && write.kind === 'insert' ? [write.row as KeyringRow] : []))
  return new Map(rows.map((row) => [row.id, row]))
}
