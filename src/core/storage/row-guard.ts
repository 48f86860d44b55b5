/**
 * Row guard: what makes a row that decides access tamper-evident.
 *
 * digest = SHA-256(salt ‖ canonical JSON of {table, row without nulls}); mac = HMAC-SHA-256(row MAC key, digest).
 * The digest stands in the audit log, so the log fixes every version of every row without telling what is in it, and
 * anyone who may read a row can check it; the MAC lets the server refuse a row in microseconds, without the log.
 * Null columns are left out, so that a later migration may add a column without touching old digests.
 *
 * @module
 */
import { createHmacSha256, equalDigest } from '@claviger/verifier'
import { canonicalJson, type JsonValue } from '#core/base/json'
import type { Random } from '#core/base/id'
import { sha256 } from '#core/crypto/hash'
import type { Seal } from './commit.ts'
import type { RowCache } from './row-cache.ts'
import type { RowBase, Table } from './table.ts'

export const saltLength = 16

/** What stands in place of a digest once a row is deleted. */
export const rowHeadDeleted = ''

/** A stored row with the two columns that guard it. */
export type StoredRow<Row extends RowBase> = Row & { readonly salt: Uint8Array; readonly mac: Uint8Array }

export interface RowGuard {
  seal<Row extends RowBase>(table: Table<Row>, row: Row): Seal
  /** Whether the row is one that this system wrote, unchanged. Says nothing of whether it is the newest. */
  isGenuine<Row extends RowBase>(table: Table<Row>, row: StoredRow<Row>): boolean
  /** This version of a row, and any before it, is not genuine, whatever its MAC says: the log knows better (audit A13). */
  distrust(table: string, id: string, version: number): void
  /** Called when a row that was genuine is so no more: whoever remembers rows forgets them. */
  onDistrust(listener: () => void): void
  /** Rows that were found genuine and may be relied on without another look; null where that is not possible. */
  readonly cache: RowCache | null
}

export function createRowGuard(macKey: Uint8Array, random: Random, cache: RowCache | null = null): RowGuard {
  const hmac = createHmacSha256(macKey)
  const distrusted = new Map<string, number>()
  const listeners: (() => void)[] = []
  return {
    cache,
    distrust(table, id, version) {
      const name = `${table}/${id}`
      // An older version may be put back after a newer one: that does not make the newer one good.
      distrusted.set(name, Math.max(version, distrusted.get(name) ?? 0))
      cache?.clear()
      for (const listener of listeners) listener()
    },
    onDistrust: (listener) => void listeners.push(listener),
    seal(table, row) {
      const salt = random.bytes(saltLength)
      const digest = rowDigest(table, row, salt)
      return { salt, digest, mac: hmac.digest(digest) }
    },
    isGenuine(table, row) {
      if (distrusted.size > 0 && row.version <= (distrusted.get(`${table.name}/${row.id}`) ?? 0)) return false
      // SQLite keeps whatever type somebody put into a column.
      if (!(row.mac instanceof Uint8Array && row.salt instanceof Uint8Array)) return false
      return row.mac.length === 32 && equalDigest(hmac.digest(rowDigest(table, row, row.salt)), 0, row.mac)
    },
  }
}

/** The salted digest of a row's content, as it stands in audit entries: 32 bytes. */
export function rowDigest<Row extends RowBase>(table: Table<Row>, row: Row, salt: Uint8Array): Buffer {
  const text = Buffer.from(canonicalJson(rowContent(table, row)), 'utf8')
  return sha256(Buffer.concat([salt, text]))
}

/** What a digest covers, as JSON: blobs as base64url, sensitive columns as the base64url of their SHA-256. */
export function rowContent<Row extends RowBase>(table: Table<Row>, row: Row): { table: string; row: Record<string, JsonValue> } {
  const content: Record<string, JsonValue> = {}
  for (const [name, column] of table.columns) {
    const value = (row as RowBase & Readonly<Record<string, unknown>>)[name]
    if (value === null || value === undefined) continue
    if (column.sensitive === true) content[name] = sha256(toBytes(value)).toString('base64url')
    else if (value instanceof Uint8Array) content[name] = Buffer.from(value).toString('base64url')
    // No row of ours has it, and JSON has no word for it: it fits no seal, and is shown as what it is.
    else if (typeof value === 'number' && !Number.isFinite(value)) content[name] = String(value)
    else content[name] = value as string | number
  }
  return { table: table.name, row: content }
}

const toBytes = (value: unknown): Uint8Array => (value instanceof Uint8Array ? value : Buffer.from(String(value), 'utf8'))
