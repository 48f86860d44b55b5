/**
 * Receipts: that an entry is in the log, for someone who has no access to it (C2SP tlog-proof, "Format").
 *
 * Guarantee V14: a receipt proves its entry under all keys that were given, or not at all.
 *
 * @module
 */
import { parseBase64 } from './base64.ts'
import { parseCheckpoint, type Checkpoint } from './checkpoint.ts'
import { hashLength, leafHash } from './hash.ts'
import { verifyInclusion } from './merkle.ts'
import { noteMaxLength, openNote } from './note.ts'
import { parseVerifierKey } from './note-key.ts'

export interface Receipt {
  /** The entry's index in the log, from 0. */
  readonly index: number
  /** The audit path, from the leaf's sibling up. */
  readonly proof: readonly Buffer[]
  /** The signed note, verbatim. */
  readonly checkpoint: string
  /** The entry itself, carried as the receipt's `extra` data; null when it is not carried. */
  readonly entry: Buffer | null
}

const header = 'c2sp.org/tlog-proof@v1'
const indexPattern = /^(?:0|[1-9][0-9]{0,15})$/
/** A tree whose size is a safe integer is no higher. */
const proofMaxLength = 53
const entryMaxLength = 65_535
const headMaxLines = 3 + proofMaxLength
const receiptMaxLength = noteMaxLength + 2 * entryMaxLength + 64 * headMaxLines

/** @throws RangeError when a part is not as `Receipt` says */
export function formatReceipt({ index, proof, checkpoint, entry }: Receipt): string {
  const extra = entry === null ? '' : `extra ${entry.toString('base64')}\n`
  const text = `${header}\n${extra}index ${index}\n${proof.map((hash) => `${hash.toString('base64')}\n`).join('')}\n${checkpoint}`
  if (parseReceipt(text)?.checkpoint !== checkpoint) {
    throw new RangeError('a receipt has an index, hashes of 32 bytes, an entry of at most 65,535 bytes and a note')
  }
  return text
}

/** Reads a receipt, or null when it is not spelt as the format says. Proves nothing: see `verifyReceipt`. */
export function parseReceipt(text: string): Receipt | null {
  if (text.length > receiptMaxLength) return null
  const split = text.indexOf('\n\n')
  const lines = split === -1 ? [] : text.slice(0, split).split('\n', headMaxLines + 1)
  if (lines.length > headMaxLines || lines.shift() !== header) return null
  const entry = lines[0]?.startsWith('extra ') === true ? parseBase64(lines.shift()!.slice('extra '.length)) : undefined
  if (entry === null || (entry !== undefined && entry.length > entryMaxLength)) return null
  const indexLine = lines.shift()
  if (indexLine?.startsWith('index ') !== true || !indexPattern.test(indexLine.slice('index '.length))) return null
  const index = Number(indexLine.slice('index '.length))
  const proof = lines.map(parseBase64)
  if (!Number.isSafeInteger(index) || proof.length > proofMaxLength || !proof.every(isHash)) return null
  return { index, proof, checkpoint: text.slice(split + 2), entry: entry ?? null }
}

const isHash = (bytes: Buffer | null): bytes is Buffer => bytes?.length === hashLength

/**
 * Checks a receipt offline. Null unless the entry that it carries is at its index in the tree of its checkpoint, and
 * the checkpoint is signed by all of `vkeys`, one of them at least in the name of the log itself.
 *
 * @param options.requireAll false: signed by one key of the log's name is enough
 * @throws RangeError when a `vkey` is none
 */
export function verifyReceipt(
  text: string, { vkeys, requireAll = true }: { readonly vkeys: readonly string[]; readonly requireAll?: boolean },
): { entry: Buffer; index: number; checkpoint: Checkpoint } | null {
  const receipt = parseReceipt(text)
  const note = openNote(receipt?.checkpoint ?? '', vkeys)
  if (receipt === null || receipt.entry === null || note === null) return null
  const checkpoint = parseCheckpoint(note.body)
  if (checkpoint === null || !isSignedBy(note.verified, vkeys, checkpoint.origin, requireAll)) return null
  const { index, proof, entry } = receipt
  const { size, root } = checkpoint
  return verifyInclusion({ leafHash: leafHash(entry), index, size, proof, root }) ? { entry, index, checkpoint } : null
}

function isSignedBy(verified: readonly string[], vkeys: readonly string[], origin: string, requireAll: boolean): boolean {
  if (requireAll && verified.length !== new Set(vkeys).size) return false
  return verified.some((vkey) => parseVerifierKey(vkey)?.name === origin)
}
