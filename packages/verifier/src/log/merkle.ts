/**
 * Merkle tree hashes and proofs: RFC 6962 §2.1, in the words of RFC 9162 §2.1.
 *
 * Guarantee V9: a proof is refused for any other leaf, index, old size or root.
 *
 * Whoever makes a proof reads hashes of complete subtrees, never entries; whoever checks one needs nothing but the
 * proof. Sizes and indexes are safe integers, so arithmetic is on numbers and never by 32-bit operators.
 *
 * @module
 */
import { timingSafeEqual } from 'node:crypto'
import { emptyRoot, hashLength, nodeHash } from './hash.ts'

/**
 * Hash of the complete subtree at `level` (0 is a leaf) and `index`, which spans the entries from `index * 2 ** level`
 * on. Asked only for subtrees that lie inside the size at hand.
 */
export type ReadHash = (level: number, index: number) => Uint8Array | Promise<Uint8Array>

/**
 * The root of the tree of the first `size` entries (RFC 6962 §2.1, MTH).
 *
 * @throws RangeError when `size` is no tree size
 */
export async function rootHash(size: number, read: ReadHash): Promise<Buffer> {
  requireSize(size)
  return size === 0 ? emptyRoot : rangeHash({ start: 0, end: size }, read)
}

/**
 * The audit path of one entry, from the leaf's sibling up to the root's child (RFC 6962 §2.1.1, PATH).
 *
 * @throws RangeError when there is no entry `index` in a tree of `size`
 */
export async function inclusionProof(index: number, size: number, read: ReadHash): Promise<Buffer[]> {
  requireSize(size)
  if (!isSize(index) || index >= size) throw new RangeError('the index is not in the tree')
  const siblings: Range[] = []
  let start = 0
  let end = size
  while (end - start > 1) {
    const middle = start + splitOf(end - start)
    if (index < middle) {
      siblings.push({ start: middle, end })
      end = middle
    } else {
      siblings.push({ start, end: middle })
      start = middle
    }
  }
  return hashesOf(siblings.reverse(), read)
}

/**
 * That the tree of `oldSize` is the beginning of the tree of `size` (RFC 6962 §2.1.2, PROOF). Empty when the sizes are
 * equal, and for the empty tree, which is the beginning of every tree.
 *
 * @throws RangeError when either is no tree size, or `oldSize` is the larger
 */
export async function consistencyProof(oldSize: number, size: number, read: ReadHash): Promise<Buffer[]> {
  requireSize(size)
  if (!isSize(oldSize) || oldSize > size) throw new RangeError('the older tree is not the smaller')
  if (oldSize === 0 || oldSize === size) return []
  const parts: Range[] = []
  let start = 0
  let end = size
  while (oldSize !== end) {
    const middle = start + splitOf(end - start)
    if (oldSize <= middle) {
      parts.push({ start: middle, end })
      end = middle
    } else {
      parts.push({ start, end: middle })
      start = middle
    }
  }
  // A verifier knows the old root; where the old tree is one complete subtree, that is the first part.
  if (start > 0) parts.push({ start, end })
  return hashesOf(parts.reverse(), read)
}

/** Whether the proof shows that `leafHash` stands at `index` in the tree (RFC 9162 §2.1.3.2). False for anything malformed. */
export function verifyInclusion({ leafHash, index, size, proof, root }: {
  readonly leafHash: Uint8Array
  readonly index: number
  readonly size: number
  readonly proof: readonly Uint8Array[]
  readonly root: Uint8Array
}): boolean {
  if (!isSize(index) || !isSize(size) || index >= size) return false
  if (!isHash(leafHash) || !isHash(root) || !proof.every(isHash)) return false
  let position = index
  let last = size - 1
  let hash = leafHash
  for (const sibling of proof) {
    if (last === 0) return false
    if (isOdd(position) || position === last) {
      hash = nodeHash(sibling, hash)
      // A node at the right edge that has no sibling moves up until it has one.
      while (!isOdd(position) && position !== 0) {
        position = half(position)
        last = half(last)
      }
    } else {
      hash = nodeHash(hash, sibling)
    }
    position = half(position)
    last = half(last)
  }
  return last === 0 && isSame(hash, root)
}

/**
 * Whether the proof shows that the tree of `oldSize` is the beginning of the other (RFC 9162 §2.1.4.2). False for
 * anything malformed. Equal sizes take an empty proof and equal roots; an old size of 0 says nothing, and is true only
 * of the empty root with an empty proof.
 */
export function verifyConsistency({ oldSize, oldRoot, size, root, proof }: {
  readonly oldSize: number
  readonly oldRoot: Uint8Array
  readonly size: number
  readonly root: Uint8Array
  readonly proof: readonly Uint8Array[]
}): boolean {
  if (!isSize(oldSize) || !isSize(size) || oldSize > size) return false
  if (!isHash(oldRoot) || !isHash(root) || !proof.every(isHash)) return false
  if (oldSize === 0 && !isSame(oldRoot, emptyRoot)) return false
  if (size === oldSize) return proof.length === 0 && isSame(oldRoot, root)
  if (oldSize === 0) return proof.length === 0
  let position = oldSize - 1
  let last = size - 1
  while (isOdd(position)) {
    position = half(position)
    last = half(last)
  }
  // The old tree is one complete subtree: its root is where both climbs begin, and is not repeated in the proof.
  const [first, ...rest] = position === 0 ? [oldRoot, ...proof] : proof
  if (first === undefined) return false
  let oldHash = first
  let hash = first
  for (const part of rest) {
    if (last === 0) return false
    if (isOdd(position) || position === last) {
      oldHash = nodeHash(part, oldHash)
      hash = nodeHash(part, hash)
      while (!isOdd(position) && position !== 0) {
        position = half(position)
        last = half(last)
      }
    } else {
      hash = nodeHash(hash, part)
    }
    position = half(position)
    last = half(last)
  }
  return last === 0 && isSame(oldHash, oldRoot) && isSame(hash, root)
}

/** One complete subtree of the right edge. */
export interface EdgeNode {
  readonly level: number
  readonly index: number
  readonly hash: Buffer
}

/** A tree that only grows: of everything before, it keeps the roots of the complete subtrees (at most 53). */
export class CompactTree {
  #size = 0
  readonly #edge: EdgeNode[] = []

  /**
   * The tree of `size` entries again, from the hashes of its complete subtrees, largest first, as `edge()` lists them.
   *
   * @throws RangeError when these are not as many hashes as a tree of that size has complete subtrees
   */
  static from(size: number, hashes: readonly Uint8Array[]): CompactTree {
    requireSize(size)
    const tree = new CompactTree()
    const nodes = completeSubtrees({ start: 0, end: size })
    if (hashes.length !== nodes.length || !hashes.every(isHash)) throw new RangeError('a tree of this size has another edge')
    for (const [at, { level, index }] of nodes.entries()) tree.#edge.push({ level, index, hash: Buffer.from(hashes[at]!) })
    tree.#size = size
    return tree
  }

  /**
   * Adds the next entry by its leaf hash, which is kept, not copied.
   *
   * @param completed told of every subtree that this completes, the leaf first
   */
  append(leafHash: Buffer, completed?: (node: EdgeNode) => void): void {
    this.appendSubtree(0, leafHash, completed)
  }

  /**
   * Adds the next `2 ** level` entries by the root over them, which is kept, not copied.
   *
   * @param completed told of this subtree and of every one that it completes
   * @throws RangeError when the tree has entries of an unfinished subtree of that level
   */
  appendSubtree(level: number, root: Buffer, completed?: (node: EdgeNode) => void): void {
    const width = 2 ** level
    if (!isHash(root)) throw new RangeError('a tree hash has 32 bytes')
    if (this.#size % width !== 0) throw new RangeError('a subtree begins at a multiple of its width')
    let node: EdgeNode = { level, index: this.#size / width, hash: root }
    completed?.(node)
    while (isOdd(node.index)) {
      const left = this.#edge.pop()!
      node = { level: node.level + 1, index: half(node.index), hash: nodeHash(left.hash, node.hash) }
      completed?.(node)
    }
    this.#edge.push(node)
    this.#size += width
  }

  get size(): number {
    return this.#size
  }

  root(): Buffer {
    const last = this.#edge.at(-1)
    if (last === undefined) return emptyRoot
    return this.#edge.slice(0, -1).reduceRight((hash, node) => nodeHash(node.hash, hash), last.hash)
  }

  /** The complete subtrees, largest (leftmost) first. */
  edge(): readonly EdgeNode[] {
    return [...this.#edge]
  }
}

/** Entries from `start` up to and without `end`; `start` is a multiple of the smallest power of two that is not below the length. */
interface Range {
  readonly start: number
  readonly end: number
}

const isOdd = (value: number): boolean => value % 2 === 1
const half = (value: number): number => Math.floor(value / 2)
const isSize = (value: number): boolean => Number.isSafeInteger(value) && value >= 0
const isHash = (value: Uint8Array): boolean => value.length === hashLength
const isSame = (a: Uint8Array, b: Uint8Array): boolean => timingSafeEqual(a, b)

function requireSize(size: number): void {
  if (!isSize(size)) throw new RangeError('a tree size is a safe integer from 0 on')
}

/** The largest power of two below `length`, which is 2 or more. */
function splitOf(length: number): number {
  let power = 1
  while (power * 2 < length) power *= 2
  return power
}

function completeSubtrees({ start, end }: Range): { level: number; index: number }[] {
  const nodes: { level: number; index: number }[] = []
  for (let at = start; at < end; ) {
    let level = 0
    let width = 1
    while (at + width * 2 <= end) {
      width *= 2
      level++
    }
    nodes.push({ level, index: at / width })
    at += width
  }
  return nodes
}

async function rangeHash(range: Range, read: ReadHash): Promise<Buffer> {
  const nodes = completeSubtrees(range)
  const hashes = await Promise.all(nodes.map(async ({ level, index }) => read(level, index)))
  const last = Buffer.from(hashes.at(-1)!)
  return hashes.slice(0, -1).reduceRight<Buffer>((hash, left) => nodeHash(left, hash), last)
}

const hashesOf = (ranges: readonly Range[], read: ReadHash): Promise<Buffer[]> =>
  Promise.all(ranges.map((range) => rangeHash(range, read)))
