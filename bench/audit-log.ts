/**
 * B8: the audit log, in process: entries acknowledged when durable and numbered, with the publisher at work beside them;
 * inclusion proofs at a million entries; and the check of the whole tree against a bare loop of its hashes.
 */
import { leafHash, nodeHash } from '@claviger/verifier'
import { toTimestamp } from '#core/base/clock'
import { newId } from '#core/base/id'
import { canonicalJson } from '#core/base/json'
import { systemRandom } from '#core/crypto/random'
import { emptyCommit, type LogAppend } from '#core/storage/commit'
import { createLogKeys, createLogReader, storageSource } from '#cap/audit'
import { TreeCheck } from '../src/capabilities/audit/verify/tree-check.ts'
import { startTestInstance, type TestInstance } from '../tests/support/instance.ts'
import { interleave, median, ms, perSecond, ratioRow, spreadOf, type Row } from './support/table.ts'

const entriesTotal = 1_000_000
const rounds = 5
const roundMs = 2_000
const entriesPerRound = 200_000
const proofs = 5_000
const proofBudgetMs = 1
const checkRatio = 0.8

export async function measure(): Promise<readonly Row[]> {
  const test = await startTestInstance({ keyProcess: 'child' })
  try {
    const rows: Row[] = []
    for (const [inFlight, least] of [[64, 30_000], [1_024, 80_000]] as const) rows.push(await appending(test, inFlight, least))
    await fill(test, entriesTotal)
    rows.push(await proving(test), await checking(test))
    return rows
  } finally {
    await test.close()
  }
}

/** An entry as an ordinary change leaves it: about 400 bytes. */
function entryOf(workspaceId: string, atMs: number, index: number): LogAppend {
  const id = newId('ent', systemRandom)
  const target = newId('key', systemRandom)
  const leaf = Buffer.from(canonicalJson({
    v: 1, id, workspace: workspaceId, at: toTimestamp(atMs), event: 'key.revoked', operation: 'keys.revoke',
    actor: { principal: newId('prn', systemRandom), key: newId('key', systemRandom), workspace: workspaceId }, target,
    facts: { status: 'revoked', reason: 'key-compromise', index }, rows: [], details: [],
  }), 'utf8')
  return { stream: workspaceId, id, atMs, target, leaf, details: Buffer.alloc(0) }
}

const append = ({ instance }: TestInstance, entry: LogAppend): Promise<unknown> =>
  instance.storage.commit({ ...emptyCommit, atMs: entry.atMs, appends: [entry] })

async function appending(test: TestInstance, inFlight: number, least: number): Promise<Row> {
  const rates: number[] = []
  for (let round = 0; round <= rounds; round++) {
    // Made beforehand: it is the log that is measured.
    const atMs = test.instance.clock.now()
    const entries = Array.from({ length: entriesPerRound }, (_, index) => entryOf(test.workspaceId, atMs, index))
    const startedMs = performance.now()
    let next = 0
    await Promise.all(Array.from({ length: inFlight }, async () => {
      while (next < entries.length && performance.now() - startedMs < roundMs) await append(test, entries[next++] as LogAppend)
    }))
    // The first warms up.
    if (round > 0) rates.push(next / ((performance.now() - startedMs) / 1000))
  }
  const rate = median(rates)
  return {
    budget: 'B8', what: `audit entries, durable and numbered, ${inFlight} in flight`, measured: perSecond(rate), against: '', wanted: `≥ ${perSecond(least)}`,
    reached: perSecond(rate), spread: spreadOf(rates, perSecond), holds: rate >= least,
  }
}

async function fill(test: TestInstance, size: number): Promise<void> {
  const { instance, workspaceId } = test
  await instance.publisher.publishNow(workspaceId)
  const reader = createLogReader({ storage: instance.storage, keys: createLogKeys(instance.keyring) })
  for (let have = (await reader.open(workspaceId))?.size ?? 0; have < size; have += 1_000) {
    const atMs = instance.clock.now()
    const appends = Array.from({ length: Math.min(1_000, size - have) }, (_, index) => entryOf(workspaceId, atMs, index))
    await instance.storage.commit({ ...emptyCommit, atMs, appends })
  }
  await instance.publisher.publishNow(workspaceId)
}

async function proving({ instance, workspaceId }: TestInstance): Promise<Row> {
  const reader = createLogReader({ storage: instance.storage, keys: createLogKeys(instance.keyring) })
  const tookMs: number[] = []
  const log = await reader.open(workspaceId)
  if (log === null) throw new Error('the log is not published')
  for (let count = 0; count < proofs; count++) {
    const index = systemRandom.bytes(6).readUIntBE(0, 6) % log.size
    const startedMs = performance.now()
    await log.inclusion(index, log.size)
    tookMs.push(performance.now() - startedMs)
  }
  tookMs.sort((a, b) => a - b)
  const [p50, p99] = [tookMs[Math.floor(proofs * 0.5)] ?? 0, tookMs[Math.floor(proofs * 0.99)] ?? 0]
  return {
    budget: 'B8', what: `inclusion proof, ${(log.size / 1e6).toFixed(1)} M entries, any index (p50 ${ms(p50)})`, measured: `p99 ${ms(p99)}`, against: '',
    wanted: `p99 < ${proofBudgetMs} ms`, reached: `p99 ${ms(p99)}`, spread: spreadOf([tookMs[0] ?? 0, tookMs.at(-1) ?? 0], ms), holds: p99 < proofBudgetMs,
  }
}

/** Every entry into every tile above it, and the root, with all bytes at hand; against a loop that only hashes. */
async function checking({ instance, workspaceId }: TestInstance): Promise<Row> {
  const keys = createLogKeys(instance.keyring)
  const vkeys = (await keys.verifierKeys(workspaceId)).map((key) => key.verifierKey)
  const source = storageSource({ storage: instance.storage, workspaceId, vkeys, blocks: noBlocks, isLive: true })
  const checkpoint = await keys.open(workspaceId, (await source.checkpoint()) ?? '')
  if (checkpoint === null) throw new Error('the log is not published')
  const tiles = new Map<string, Uint8Array | null>()
  const atHand = {
    ...source,
    async tile(path: string) {
      const known = tiles.get(path)
      if (known !== undefined) return known
      const bytes = await source.tile(path)
      tiles.set(path, bytes)
      return bytes
    },
  }
  await new TreeCheck(atHand, { onEntry() {}, onSize: () => undefined }).advance(checkpoint)
  const ours = async (): Promise<number> => {
    const startedMs = performance.now()
    await new TreeCheck(atHand, { onEntry() {}, onSize: () => undefined }).advance(checkpoint)
    return checkpoint.size / ((performance.now() - startedMs) / 1000)
  }
  const comparison = await interleave(3, ours, async () => bareLoop(workspaceId, checkpoint.size))
  return ratioRow('B8', 'the whole tree checked', comparison, checkRatio, 'leaf and node hashes alone')
}

async function* noBlocks(): AsyncGenerator<never> {}

/** Entries a second: one leaf hash and one node hash each, as a tree of any size takes. */
function bareLoop(workspaceId: string, entries: number): number {
  const leaves = Array.from({ length: 1_000 }, (_, index) => entryOf(workspaceId, 0, index).leaf)
  const startedMs = performance.now()
  let node = leafHash(leaves[0]!)
  for (let index = 0; index < entries; index++) node = nodeHash(node, leafHash(leaves[index % 1_000]!))
  return entries / ((performance.now() - startedMs) / 1000)
}
