/**
 * The tree, read from its first entry to its last: every entry into every tile above it, and the root at every size that
 * was signed.
 *
 * Only the right edge is kept, so a log of any size is checked in the memory of a few tiles.
 *
 * @module
 */
import {
  CompactTree, decodeEntries, entriesPath, hashLength, leafHashes, subtreeHash, tilePath, tileWidth, type Checkpoint, type EdgeNode,
} from '@claviger/verifier'
import { VerifyProblem } from './problem.ts'
import type { LogSource } from './source.ts'

/** Levels of the tree that one tile spans. */
const tileHeight = 8

export interface TreeWatcher {
  /** Every entry once, in order, after it was found to be the one in its tile. */
  onEntry(index: number, leaf: Buffer): void
  /** Called at every size; `root` costs a few hashes. May answer with a promise at sizes that need one. */
  onSize(size: number, root: () => Buffer): Promise<void> | undefined
}

export class TreeCheck {
  readonly #source: LogSource
  readonly #watcher: TreeWatcher
  /** Entries that were seen. */
  #size = 0
  /** Behind them by a part of a bundle where nobody asked for the root: a whole bundle is then added by its own root. */
  readonly #tree = new CompactTree()
  /** The hashes of the bundle that is being read, or was last. */
  #lowest: Buffer = Buffer.alloc(0)
  /** By tile level above the lowest: the hashes of the tile that is not full. */
  readonly #open: Buffer[][] = []
  #tiles = 0
  readonly #root = (): Buffer => this.root()
  readonly #collect = ({ level, hash }: EdgeNode): void => {
    if (level > 0 && level % tileHeight === 0) (this.#open[level / tileHeight - 1] ??= []).push(hash)
  }

  constructor(source: LogSource, watcher: TreeWatcher) {
    this.#source = source
    this.#watcher = watcher
  }

  get size(): number {
    return this.#size
  }

  /** Hash tiles and entry bundles that were read. */
  get tiles(): number {
    return this.#tiles
  }

  root(): Buffer {
    for (let at = this.#tree.size % tileWidth; this.#tree.size < this.#size; at++) {
      this.#tree.append(Buffer.from(this.#lowest.subarray(at * hashLength, (at + 1) * hashLength)), this.#collect)
    }
    return this.#tree.root()
  }

  /**
   * Reads on, up to the size of a checkpoint.
   *
   * @throws VerifyProblem with the first thing that is wrong
   */
  async advance(checkpoint: Checkpoint): Promise<void> {
    while (this.#size < checkpoint.size) await this.#bundle(checkpoint)
    const root = this.root()
    for (const [at, hashes] of this.#open.entries()) {
      if (hashes.length > 0) await this.#compare(at + 1, Buffer.concat(hashes), checkpoint)
    }
    if (!root.equals(checkpoint.root)) throw new VerifyProblem('checkpoint-differs', 'checkpoint', checkpoint.size)
  }

  async #bundle(checkpoint: Checkpoint): Promise<void> {
    const index = Math.floor(this.#size / tileWidth)
    const width = Math.min(tileWidth, checkpoint.size - index * tileWidth)
    const leaves = await this.#leaves(index, width)
    const hashes = leafHashes(leaves)
    await this.#compare(0, hashes, checkpoint)
    // What an earlier, narrower reading of this bundle saw must still be there.
    const known = this.#size % tileWidth
    const changed = differenceOf(hashes, this.#lowest, known)
    if (changed !== -1) throw new VerifyProblem('entry-altered', 'entry', index * tileWidth + changed)
    this.#lowest = hashes
    for (let at = known; at < width; at++) {
      this.#watcher.onEntry(this.#size, leaves[at]!)
      this.#size++
      if (at === tileWidth - 1) await this.#closeTiles(checkpoint)
      const watched = this.#watcher.onSize(this.#size, this.#root)
      if (watched !== undefined) await watched
    }
  }

  /** The tiles that the last entry filled, from the second level up; the lowest was compared before its entries counted. */
  async #closeTiles(checkpoint: Checkpoint): Promise<void> {
    if (this.#tree.size % tileWidth === 0) this.#tree.appendSubtree(tileHeight, subtreeHash(this.#lowest, 0, tileWidth), this.#collect)
    else this.root()
    for (const [at, hashes] of this.#open.entries()) {
      if (hashes.length < tileWidth) return
      await this.#compare(at + 1, Buffer.concat(hashes), checkpoint)
      hashes.length = 0
    }
  }

  async #leaves(index: number, width: number): Promise<Buffer[]> {
    const path = entriesPath({ index, width })
    const part = await this.#source.tile(path)
    const whole = part ?? (width === tileWidth ? null : await this.#source.tile(entriesPath({ index })))
    if (whole === null) throw new VerifyProblem('bundle-missing', 'tile', path)
    this.#tiles++
    const leaves = decodeEntries(whole, part === null ? tileWidth : width)
    if (leaves === null) throw new VerifyProblem('bundle-malformed', 'tile', path)
    return leaves.slice(0, width)
  }

  /** Compares the tile over the newest entries of a level with the hashes that it must hold. */
  async #compare(level: number, expected: Buffer, checkpoint: Checkpoint): Promise<void> {
    const width = expected.length / hashLength
    const covered = level === 0 ? this.#size : this.#size - 1
    const index = Math.floor(covered / tileWidth ** (level + 1))
    const tile = await this.#tile(level, index, width)
    if (tile.equals(expected)) return
    const at = differenceOf(tile, expected, width)
    if (level > 0 || await this.#isOfTree(index, expected, checkpoint)) throw new VerifyProblem('tile-altered', 'tile', tilePath({ level, index, width }))
    throw new VerifyProblem('entry-altered', 'entry', index * tileWidth + at)
  }

  async #tile(level: number, index: number, width: number): Promise<Buffer> {
    const path = tilePath({ level, index, width })
    const part = await this.#source.tile(path)
    const tile = part ?? (width === tileWidth ? null : await this.#source.tile(tilePath({ level, index })))
    if (tile === null) throw new VerifyProblem('tile-missing', 'tile', path)
    this.#tiles++
    if (tile.length !== (part === null ? tileWidth : width) * hashLength) throw new VerifyProblem('tile-malformed', 'tile', path)
    return Buffer.from(tile.buffer, tile.byteOffset, width * hashLength)
  }

  /** Entries and their tile disagree: whether the entries are what the tree above them was made of. */
  async #isOfTree(index: number, hashes: Buffer, { size, root }: Checkpoint): Promise<boolean> {
    const width = hashes.length / hashLength
    if (width === tileWidth && size > tileWidth) {
      const parentIndex = Math.floor(index / tileWidth)
      const parentWidth = Math.min(tileWidth, Math.floor(size / tileWidth) - parentIndex * tileWidth)
      const parent = await this.#tile(1, parentIndex, parentWidth)
      const offset = (index % tileWidth) * hashLength
      return parent.subarray(offset, offset + hashLength).equals(subtreeHash(hashes, 0, tileWidth))
    }
    const tree = CompactTree.from(this.#tree.size, this.#tree.edge().map(({ hash }) => hash))
    for (let at = this.#tree.size % tileWidth; at < width; at++) tree.append(hashes.subarray(at * hashLength, (at + 1) * hashLength))
    return tree.root().equals(root)
  }
}

/** The first of `count` hashes in which two tiles differ, or -1. */
function differenceOf(one: Buffer, other: Buffer, count: number): number {
  for (let at = 0; at < count; at++) {
    const end = (at + 1) * hashLength
    if (one.compare(other, at * hashLength, end, at * hashLength, end) !== 0) return at
  }
  return -1
}
