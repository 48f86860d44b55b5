/** A small log of a workspace that never was, with real keys: what the tests of this folder tamper with. */
import assert from 'node:assert/strict'
import {
  CompactTree, encodeEntries, entriesPath, formatCheckpoint, leafHash, messageToSign, parseTilePath, signatureLine, tilePath,
  tileWidth, verifierKey,
} from '@claviger/verifier'
import { toTimestamp } from '#core/base/clock'
import { canonicalJson, type JsonObject } from '#core/base/json'
import { sha256 } from '#core/crypto/hash'
import { systemRandom } from '#core/crypto/random'
import { signatureAlgorithms, type SignatureAlgorithmName } from '#core/crypto/sign'
import { encodeEntry, type DetailMark, type RowMark } from '../entry.ts'
import { sectionsCommitment } from '../sections.ts'
import type { BlockRecord, LogSource, RowRecord } from './source.ts'
import { verifyLog, type VerifyOptions } from './verify-log.ts'

export const workspaceId = 'wsp_0123456789abcdef'
export const environmentId = 'env_0123456789abcdef'
export const origin = `claviger/${workspaceId}`
export const startMs = Date.UTC(2026, 10, 25)

interface Signer {
  readonly algorithm: SignatureAlgorithmName
  readonly seed: Buffer
  readonly publicKey: Buffer
}

export const newSigners = (): readonly Signer[] =>
  (['ed25519', 'ml-dsa-44'] as const).map((algorithm) => {
    const seed = systemRandom.bytes(32)
    return { algorithm, seed, publicKey: signatureAlgorithms[algorithm].publicKey(seed) }
  })

export const signers = newSigners()
export const vkeysOf = (keys: readonly Signer[], name = origin): string[] =>
  keys.map(({ algorithm, publicKey }) => verifierKey(name, algorithm, publicKey))

export function signCheckpoint(size: number, root: Buffer, options: { keys?: readonly Signer[]; name?: string } = {}): string {
  const { keys = signers, name = origin } = options
  const body = formatCheckpoint({ origin: name, size, root })
  const lines = keys.map(({ algorithm, seed, publicKey }) => {
    const signature = signatureAlgorithms[algorithm].sign(seed, messageToSign(algorithm, { name, body, atS: 1_764_028_800 }))
    return signatureLine({ name, algorithm, publicKey, signature, atS: 1_764_028_800 })
  })
  return `${body}\n${lines.join('')}`
}

/** Everything a source hands out, to be changed at will. */
export interface TestLog {
  vkeys: string[]
  entries: Buffer[]
  rows: RowRecord[]
  blocks: BlockRecord[]
  /** Signed notes, smallest first. */
  history: string[]
  checkpoint: string | null
  /** By path: what is served instead of what the entries give. */
  readonly tiles: Map<string, Buffer | null>
  /** Entries that no checkpoint covers. */
  leaves: Buffer[]
}

interface Part {
  readonly event?: string
  readonly target?: string
  readonly facts?: JsonObject
  readonly rows?: readonly RowMark[]
  readonly details?: readonly DetailMark[]
  readonly atMs?: number
  readonly workspace?: string
}

export function entryOf(index: number, part: Part = {}): Buffer {
  return encodeEntry({
    id: `ent_${String(index).padStart(16, '0')}`, workspace: part.workspace ?? workspaceId, atMs: part.atMs ?? startMs + index * 1000,
    event: part.event ?? 'key.updated', operation: 'keys.update', actor: { system: 'test' }, target: part.target ?? '', facts: part.facts ?? {},
    rows: part.rows ?? [], details: part.details ?? [],
  })
}

export function rowOf(id: string, version: number, more: JsonObject = {}): { record: RowRecord; mark: RowMark } {
  const row: JsonObject = { id, version, workspace_id: workspaceId, status: 'active', ...more }
  const salt = sha256(Buffer.from(`${id} ${version}`)).subarray(0, 16)
  const digest = sha256(Buffer.concat([salt, Buffer.from(canonicalJson({ table: 'keys', row }))])).toString('base64url')
  return { record: { table: 'keys', id, row, salt, head: { version, digest } }, mark: { table: 'keys', id, version, digest } }
}

export function blockOf(id: string): { record: BlockRecord; facts: JsonObject } {
  const commitment = sha256(Buffer.from(id)).toString('base64url')
  const sections = Buffer.from(JSON.stringify([
    { mark: { subject: 'con_0123456789abcdef', commitment }, detail: { subject: 'con_0123456789abcdef', sealed: 'c2VhbGVk' } },
    { mark: { subject: 'con_fedcba9876543210', commitment: '' }, detail: null },
  ]))
  const [from, to] = [toTimestamp(startMs), toTimestamp(startMs + 5000)]
  return {
    record: { id, environment: environmentId, uses: 7, from, to, sections },
    facts: { block: id, uses: 7, denied: 2, from, to, sections: sectionsCommitment(sections) },
  }
}

/**
 * A log in which rows are made, changed and deleted, blocks are cut, and somebody is erased.
 *
 * `key_00` to `key_09` are made by entries 0 to 9, and written again by every tenth entry from there, up to version 40;
 * `key_09` is deleted by entry 49. Entries 60 to 62 cut blocks and 63 erases somebody: they write no row. A shorter log
 * is the beginning of a longer one.
 */
export function newTestLog(size: number): TestLog {
  let log = known.get(size)
  if (log === undefined) known.set(size, (log = makeTestLog(size)))
  const { vkeys, entries, rows, blocks, history, leaves } = log
  return {
    ...log, vkeys: [...vkeys], entries: [...entries], rows: [...rows], blocks: [...blocks], history: [...history], leaves: [...leaves],
    tiles: new Map(),
  }
}

const known = new Map<number, TestLog>()
const historySizes = [1, 5, 70, 256, 257]

function makeTestLog(size: number): TestLog {
  const entries: Buffer[] = []
  const rows = new Map<string, RowRecord>()
  const blocks: BlockRecord[] = []
  const versions = new Map<string, number>()
  for (let index = 0; index < size; index++) {
    if (index >= 60 && index < 63) {
      const block = blockOf(`blk_${index}`)
      blocks.push(block.record)
      entries.push(entryOf(index, { event: 'uses.recorded', target: environmentId, facts: block.facts }))
      continue
    }
    if (index === 63) {
      entries.push(entryOf(index, { event: 'consumer.erased' }))
      continue
    }
    const id = `key_0${index % 10}`
    const version = (versions.get(id) ?? 0) + 1
    if (version > 40 || (id === 'key_09' && !rows.has(id) && version > 1)) {
      entries.push(entryOf(index, { event: 'key.verified' }))
      continue
    }
    versions.set(id, version)
    const isDeletion = index === 49
    const { record, mark } = rowOf(id, version)
    entries.push(entryOf(index, { rows: [isDeletion ? { ...mark, digest: '' } : mark] }))
    if (isDeletion) rows.delete(id)
    else rows.set(id, record)
  }
  const log: TestLog = {
    vkeys: vkeysOf(signers), entries, rows: [...rows.values()], blocks, history: [], checkpoint: null, tiles: new Map(), leaves: [],
  }
  publish(log, historySizes.filter((wanted) => wanted <= size))
  return log
}

/** Signs the log as its entries are now. */
export function publish(log: TestLog, historySizes: readonly number[]): void {
  const tree = new CompactTree()
  const roots = [tree.root()]
  for (const entry of log.entries) {
    tree.append(leafHash(entry))
    roots.push(tree.root())
  }
  log.history = historySizes.map((size) => signCheckpoint(size, roots[size]!))
  log.checkpoint = signCheckpoint(tree.size, tree.root())
}

/** The tile of a log as its entries give it; null when there is none. */
export function tileOf(entries: readonly Buffer[], path: string): Buffer | null {
  const { kind, level, index, width } = parseTilePath(path)!
  if (kind === 'entries') {
    const part = entries.slice(index * tileWidth, index * tileWidth + width)
    return part.length === width ? encodeEntries(part) : null
  }
  const span = tileWidth ** level
  const hashes: Buffer[] = []
  for (let at = index * tileWidth; at < index * tileWidth + width; at++) {
    if ((at + 1) * span > entries.length) return null
    const tree = new CompactTree()
    for (const entry of entries.slice(at * span, (at + 1) * span)) tree.append(leafHash(entry))
    hashes.push(tree.root())
  }
  return Buffer.concat(hashes)
}

// oxlint-disable-next-line typescript/require-await -- what stands in memory is given as what is read would be
async function* each<Item>(items: () => Iterable<Item>): AsyncGenerator<Item> {
  yield* items()
}

export function memorySource(log: TestLog, more: Partial<LogSource> = {}): LogSource {
  return {
    isLive: false,
    vkeys: () => Promise.resolve(log.vkeys),
    checkpoint: () => Promise.resolve(log.checkpoint),
    checkpoints: () => each(() => log.history),
    tile: (path) => Promise.resolve(log.tiles.has(path) ? log.tiles.get(path)! : tileOf(log.entries, path)),
    rows: () => each(() => log.rows),
    blocks: () => each(() => log.blocks),
    leaves: (from) => each(() => log.leaves.slice(from - log.entries.length)),
    ...more,
  }
}

/** Entries of the log that `tampered` changes. */
export const testLogSize = 600

/** What a check finds first, as `code kind name`; 'ok' when nothing. */
export async function findingOf(log: TestLog, options: VerifyOptions = {}, source: Partial<LogSource> = {}): Promise<string> {
  const { ok, problems, checkpoint } = await verifyLog(memorySource(log, source), options)
  assert.equal(ok, problems.length === 0)
  assert.equal(checkpoint !== null, ok && log.checkpoint !== null)
  const [problem] = problems
  return problem === undefined ? 'ok' : `${problem.code} ${problem.place.kind} ${problem.place.name}`.trimEnd()
}

export async function tampered(change: (log: TestLog) => void, options: VerifyOptions = {}, source: Partial<LogSource> = {}): Promise<string> {
  const log = newTestLog(testLogSize)
  change(log)
  return findingOf(log, options, source)
}

/** A log that grows from one size to another while its rows are read. */
export function growing(from: number, to: number): { log: TestLog; source: Partial<LogSource> } {
  const log = newTestLog(to)
  const before = newTestLog(from)
  let asked = 0
  return { log, source: { isLive: true, checkpoint: () => Promise.resolve(asked++ === 0 ? before.checkpoint : log.checkpoint), leaves: undefined as never } }
}

export const flip = (bytes: Uint8Array, at: number): Buffer => {
  const copy = Buffer.from(bytes)
  copy[at]! ^= 1
  return copy
}

export { entriesPath, tilePath }
