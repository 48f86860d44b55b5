/**
 * Tiles: the tree as files of 256 hashes, the entries as bundles of 256 (C2SP tlog-tiles, "Merkle Tree" and "Log entries").
 *
 * Guarantees V10 and V11: a tile has one path, and a bundle reads back only as what it is.
 *
 * @module
 */
import { hashLength, subtreeHash } from './hash.ts'
import type { ReadHash } from './merkle.ts'

/** Hashes in a full tile, entries in a full bundle. */
export const tileWidth = 256
/** Levels of the tree that one tile spans. */
const tileHeight = 8
const levelMax = 63
const entryMaxLength = 65_535
const lengthBytes = 2

/** `entries` are bundles; their level is 0. */
export interface TilePath {
  readonly kind: 'hashes' | 'entries'
  readonly level: number
  readonly index: number
  /** 1 to 256. */
  readonly width: number
}

/**
 * `tile/0/x001/x234/067`, with `.p/5` behind it when the width is below 256.
 *
 * @throws RangeError when there is no such tile
 */
export function tilePath({ level, index, width = tileWidth }: { readonly level: number; readonly index: number; readonly width?: number }): string {
  if (!Number.isInteger(level) || level < 0 || level > levelMax) throw new RangeError('a tile has a level from 0 to 63')
  return `tile/${level}/${placeOf(index, width)}`
}

/** `tile/entries/x001/067`, with `.p/5` behind it when the width is below 256. */
export const entriesPath = ({ index, width = tileWidth }: { readonly index: number; readonly width?: number }): string =>
  `tile/entries/${placeOf(index, width)}`

function placeOf(index: number, width: number): string {
  if (!Number.isSafeInteger(index) || index < 0) throw new RangeError('a tile has an index from 0 on')
  if (!Number.isInteger(width) || width < 1 || width > tileWidth) throw new RangeError('a tile has a width from 1 to 256')
  let place = thousandth(index)
  for (let rest = Math.floor(index / 1000); rest > 0; rest = Math.floor(rest / 1000)) place = `x${thousandth(rest)}/${place}`
  return width === tileWidth ? place : `${place}.p/${width}`
}

const thousandth = (value: number): string => String(value % 1000).padStart(3, '0')

/** 2^53 has six groups of three digits. */
const pathPattern = /^tile\/(entries|[0-9]|[1-5][0-9]|6[0-3])\/((?:x[0-9]{3}\/){0,5})([0-9]{3})(?:\.p\/([1-9][0-9]{0,2}))?$/
const pathMaxLength = 60

/** Reads a path, or null when it is not spelt as `tilePath` and `entriesPath` spell it. */
export function parseTilePath(path: string): TilePath | null {
  if (path.length > pathMaxLength) return null
  const match = pathPattern.exec(path)
  if (match === null) return null
  const [, place, high, low, partial] = match
  if (high!.startsWith('x000')) return null
  const index = Number(high!.replaceAll(/[x/]/g, '') + low!)
  const width = partial === undefined ? tileWidth : Number(partial)
  if (!Number.isSafeInteger(index) || (partial !== undefined && width >= tileWidth)) return null
  return place === 'entries' ? { kind: 'entries', level: 0, index, width } : { kind: 'hashes', level: Number(place), index, width }
}

/**
 * An entry bundle: each entry behind its length, 16 bits, big-endian.
 *
 * @throws RangeError when an entry has more than 65,535 bytes, or there are more than 256
 */
export function encodeEntries(entries: readonly Uint8Array[]): Buffer {
  if (entries.length > tileWidth) throw new RangeError('a bundle has at most 256 entries')
  const total = entries.reduce((sum, entry) => sum + lengthBytes + entry.length, 0)
  const bundle = Buffer.allocUnsafe(total)
  let offset = 0
  for (const entry of entries) {
    if (entry.length > entryMaxLength) throw new RangeError('an entry has at most 65,535 bytes')
    offset = bundle.writeUInt16BE(entry.length, offset)
    bundle.set(entry, offset)
    offset += entry.length
  }
  return bundle
}

/** The entries of a bundle, as views of its bytes; null unless it holds exactly `count` and nothing behind them. */
export function decodeEntries(bytes: Uint8Array, count: number): Buffer[] | null {
  const bundle = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  const entries: Buffer[] = []
  let offset = 0
  while (entries.length < count) {
    if (offset + lengthBytes > bundle.length) return null
    const start = offset + lengthBytes
    offset = start + bundle.readUInt16BE(offset)
    if (offset > bundle.length) return null
    entries.push(bundle.subarray(start, offset))
  }
  return offset === bundle.length ? entries : null
}

/** A tile that has not as many hashes as its width says: whoever keeps the tiles has lost or changed bytes. */
export class MalformedTile extends Error {
  override readonly name = 'MalformedTile'
  readonly path: string
  constructor(path: string) {
    super(`malformed tile: ${path}`)
    this.path = path
  }
}

/**
 * Reads hashes of complete subtrees out of the tiles of a log of `size` entries.
 *
 * `readTile` is asked for the widest tile that a log of that size has; it may answer with the full one instead of a
 * partial one, since the beginning is the same. It is asked each time: keep tiles yourself where that is dear.
 *
 * The promise rejects with `MalformedTile` when a tile is too short, with a RangeError when the subtree is not in the log.
 */
export function readHashFromTiles(
  size: number, readTile: (level: number, index: number, width: number) => Uint8Array | Promise<Uint8Array>,
): ReadHash {
  return async (level, index) => {
    if ((index + 1) * 2 ** level > size) throw new RangeError('the subtree is not in the log')
    const tileLevel = Math.floor(level / tileHeight)
    const count = 2 ** (level % tileHeight)
    const tileIndex = Math.floor((index * count) / tileWidth)
    const width = Math.min(tileWidth, Math.floor(size / tileWidth ** tileLevel) - tileIndex * tileWidth)
    const tile = await readTile(tileLevel, tileIndex, width)
    if (tile.length !== width * hashLength && tile.length !== tileWidth * hashLength) {
      throw new MalformedTile(tilePath({ level: tileLevel, index: tileIndex, width }))
    }
    return subtreeHash(tile, (index * count) % tileWidth, count)
  }
}
