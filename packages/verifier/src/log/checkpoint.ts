import { parseBase64 } from './base64.ts'
import { hashLength } from './hash.ts'

/** What a log says of itself at one size (C2SP tlog-checkpoint, "Note text"). */
export interface Checkpoint {
  /** The log's identity, for example `claviger/wsp_…`. */
  readonly origin: string
  /** Entries in the tree. */
  readonly size: number
  /** 32 bytes. */
  readonly root: Buffer
}

// oxlint-disable-next-line no-control-regex -- they are what is refused
const originPattern = /^[^\u0000-\u001f]+$/
const sizePattern = /^(?:0|[1-9][0-9]{0,15})$/
const bodyMaxLength = 4096

/**
 * The body of the note: origin, size and root, a line each.
 *
 * @throws RangeError when one of them is none
 */
export function formatCheckpoint({ origin, size, root }: Checkpoint): string {
  const body = `${origin}\n${size}\n${root.toString('base64')}\n`
  if (parseCheckpoint(body) === null) throw new RangeError('a checkpoint has an origin of one line, a size and a root of 32 bytes')
  return body
}

/**
 * Reads a note's body (guarantee V13: one spelling). Null when it is none, also when it has extension lines: an ML-DSA-44 signature does not cover
 * them, and ours have none.
 */
export function parseCheckpoint(body: string): Checkpoint | null {
  if (body.length > bodyMaxLength || !body.isWellFormed()) return null
  const [origin, sizeText, rootText, end, ...extensions] = body.split('\n')
  if (end !== '' || extensions.length > 0 || !originPattern.test(origin!) || !sizePattern.test(sizeText!)) return null
  const size = Number(sizeText)
  const root = parseBase64(rootText!)
  return Number.isSafeInteger(size) && root?.length === hashLength ? { origin: origin!, size, root } : null
}
