/**
 * The tree, read from its first entry to its last: every entry into every tile above it, and the root at every size that
 * was signed.
 *
 * Only the right edge is kept, so a log of any size is checked in the memory of a few tiles.
 *
 * @module
 */
import { CompactTree, decodeEntries, entriesPath, hashLength, leafHash, tilePath, tileWidth, type Checkpoint, type EdgeNode } from '@claviger/verifier'
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
  readonly #tree = new CompactTree()
  /** By tile level: the hashes of the tile that is not full. */
  readonly #open: Buffer[][] = []
  #tiles = 0
  readonly #root = (): Buffer => this.#tree.root()
  readonly #collect = ({ level, hash }: EdgeNode): void => {
    if (level % tileHeight === 0) (this.#open[level / tileHeight] ??= []).push(hash)
  }

  constructor(source: LogSource, watcher: TreeWatcher) {
    this.#source = source
    this.#watcher = watcher
  }

  get size(): number {
    return this.#tree.size
  }

  /** Hash tiles and entry bundles that were read. */
  get tiles(): number {
    return this.#tiles
  }

  root(): Buffer {
    return this.#tree.root()
  }

  /**
   * Reads on, up to the size of a checkpoint.
   *
   * @throws VerifyProblem with the first thing that is wrong
   */
  async advance(checkpoint: Checkpoint): Promise<void> {
    while (this.#tree.size < checkpoint.size) await this.#bundle(checkpoint)
    for (const [level, hashes] of this.#open.entries()) {
      if (level > 0 && hashes.length > 0) await this.#compare(level, Buffer.concat(hashes), checkpoint)
    }
    if (!this.#tree.root().equals(checkpoint.root)) throw new VerifyProblem('checkpoint-differs', 'checkpoint', checkpoint.size)
  }

  async #bundle(checkpoint: Checkpoint): Promise<void> {
    const index = Math.floor(this.#tree.size / tileWidth)
    const width = Math.min(tileWidth, checkpoint.size - index * tileWidth)
    const leaves = await this.#leaves(index, width)
    const hashes = leaves.map(leafHash)
    await this.#compare(0, Buffer.concat(hashes), checkpoint)
    // What an earlier, narrower reading of this bundle saw must still be there.
    const known = this.#tree.size % tileWidth
    const changed = hashes.slice(0, known).findIndex((hash, at) => !this.#open[0]![at]!.equals(hash))
    if (changed !== -1) throw new VerifyProblem('entry-altered', 'entry', index * tileWidth + changed)
    for (let at = known; at < width; at++) {
      this.#watcher.onEntry(this.#tree.size, leaves[at]!)
      this.#tree.append(hashes[at]!, this.#collect)
      if (this.#tree.size % tileWidth === 0) await this.#closeTiles(checkpoint)
      const watched = this.#watcher.onSize(this.#tree.size, this.#root)
      if (watched !== undefined) await watched
    }
  }

  /** The tiles that the last entry filled, from the second level up; the lowest was compared before its entries counted. */
  async #closeTiles(checkpoint: Checkpoint): Promise<void> {
    for (const [level, hashes] of this.#open.entries()) {
      if (hashes.length < tileWidth) return
      if (level > 0) await this.#compare(level, Buffer.concat(hashes), checkpoint)
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
    const covered = level === 0 ? this.#tree.size : this.#tree.size - 1
    const index = Math.floor(covered / tileWidth ** (level + 1))
    const tile = await this.#tile(level, index, width)
    if (tile.equals(expected)) return
    const at = Array.from({ length: width }, (_, place) => place * hashLength).findIndex((offset) =>
      !tile.subarray(offset, offset + hashLength).equals(expected.subarray(offset, offset + hashLength)))
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
      return parent.subarray(offset, offset + hashLength).equals(treeOf(hashes).root())
    }
    const tree = CompactTree.from(this.#tree.size, this.#tree.edge().map(({ hash }) => hash))
    for (let at = this.#tree.size % tileWidth; at < width; at++) tree.append(hashes.subarray(at * hashLength, (at + 1) * hashLength))
    return tree.root().equals(root)
  }
}

function treeOf(hashes: Buffer): CompactTree {
  const tree = new CompactTree()
  for (let offset = 0; offset < hashes.length; offset += hashLength) tree.append(hashes.subarray(offset, offset + hashLength))
  return tree
}
