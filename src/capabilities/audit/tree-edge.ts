/**
 * The right edge of a log's tree, tile by tile: all it takes to go on growing, and to know the root.
 *
 * Invariant A1: the tree is RFC 6962's. A level holds the hashes of its one tile that is not full; a tile that becomes
 * full is handed out, and its root is the next hash of the level above.
 *
 * @module
 */
import { emptyRoot, hashLength, nodeHash, subtreeHash, tileWidth } from '@claviger/verifier'
import { assert } from '#core/base/assert'

/** A tile that has become full. */
export interface FullTile {
  readonly level: number
  readonly index: number
  /** 8,192 bytes. */
  readonly hashes: Buffer
}

export const tileLength = tileWidth * hashLength

/** How many full tiles a log of `size` has at a level. */
export const fullTilesOf = (size: number, level: number): number => Math.floor(size / tileWidth ** (level + 1))

/** How many hashes stand in the tile of a level that is not full. */
export const partialWidthOf = (size: number, level: number): number => Math.floor(size / tileWidth ** level) % tileWidth

/** Levels that a log of `size` has any tile of. */
export function levelsOf(size: number): number {
  let levels = 0
  while (Math.floor(size / tileWidth ** levels) > 0) levels++
  return levels
}

export class TreeEdge {
  #size = 0
  /** By level, lowest first: room for a tile. How much of it is filled follows from the size. */
  #levels: Buffer[] = []

  /** The edge that `encode` wrote for a log of `size`; null when it is not one of that size. */
  static from(size: number, bytes: Uint8Array): TreeEdge | null {
    const edge = new TreeEdge()
    let offset = 0
    for (let level = 0; level < levelsOf(size); level++) {
      const length = partialWidthOf(size, level) * hashLength
      const room = Buffer.alloc(tileLength)
      room.set(bytes.subarray(offset, offset + length))
      edge.#levels.push(room)
      offset += length
    }
    edge.#size = size
    return offset === bytes.length ? edge : null
  }

  get size(): number {
    return this.#size
  }

  clone(): TreeEdge {
    const copy = new TreeEdge()
    copy.#size = this.#size
    copy.#levels = this.#levels.map((room) => Buffer.from(room))
    return copy
  }

  /** Adds the next entry by its leaf hash. @param onFull told of each tile that this fills, the lowest first */
  append(leaf: Uint8Array, onFull: (tile: FullTile) => void): void {
    let hash = leaf
    for (let level = 0; ; level++) {
      const room = (this.#levels[level] ??= Buffer.alloc(tileLength))
      const width = partialWidthOf(this.#size, level)
      room.set(hash, width * hashLength)
      if (width + 1 < tileWidth) break
      onFull({ level, index: fullTilesOf(this.#size, level), hashes: Buffer.from(room) })
      hash = subtreeHash(room, 0, tileWidth)
    }
    this.#size++
  }

  /** The hashes of the tile of a level that is not full; empty when there is none. A view: copy what outlives a change. */
  partial(level: number): Buffer {
    return this.#levels[level]?.subarray(0, partialWidthOf(this.#size, level) * hashLength) ?? Buffer.alloc(0)
  }

  root(): Buffer {
    let root: Buffer | null = null
    for (let level = 0; level < this.#levels.length; level++) {
      const hashes = this.partial(level)
      // Complete subtrees of the right edge, the smallest and rightmost first.
      for (let end = hashes.length / hashLength; end > 0; ) {
        const count = end & -end
        const peak = subtreeHash(hashes, end - count, count)
        root = root === null ? peak : nodeHash(peak, root)
        end -= count
      }
    }
    assert((root === null) === (this.#size === 0), 'A1: a tree with entries has a right edge')
    return root ?? emptyRoot
  }

  encode(): Buffer {
    return Buffer.concat(this.#levels.map((_, level) => this.partial(level)))
  }
}
