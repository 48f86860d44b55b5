/**
 * Full tiles in memory, as the trees that they are: a proof then reads hashes and computes none.
 *
 * A full tile never changes, so what was read once may be kept; the least recently used goes first. A tile and the hashes
 * above it take 16 KiB.
 *
 * @module
 */
import { hashLength, nodeHash, tileWidth } from '@claviger/verifier'
import type { Storage } from '#core/storage/storage'
import { tileId, type AuditDatabase } from './tables.ts'
import { tileLength } from './tree-edge.ts'

/** One tile with every complete subtree over its hashes. */
export class TileTree {
  /** The tile itself. */
  readonly hashes: Uint8Array
  /** By height above the tile's hashes, from 0. */
  readonly #layers: readonly Uint8Array[]

  constructor(hashes: Uint8Array) {
    this.hashes = hashes
    const layers = [hashes]
    for (let count = hashes.length / hashLength; count >= 2; count = Math.floor(count / 2)) {
      layers.push(layerAbove(layers.at(-1) as Uint8Array, Math.floor(count / 2)))
    }
    this.#layers = layers
  }

  /** How many hashes the tile has: 256 when it is full. */
  get width(): number {
    return this.hashes.length / hashLength
  }

  /** The root over 2 ** height of its hashes, the `at`th such group; null when they are not all there. */
  node(height: number, at: number): Uint8Array | null {
    const layer = this.#layers[height]
    if (layer === undefined || (at + 1) * hashLength > layer.length) return null
    return layer.subarray(at * hashLength, (at + 1) * hashLength)
  }
}

function layerAbove(below: Uint8Array, count: number): Uint8Array {
  const layer = Buffer.allocUnsafeSlow(count * hashLength)
  for (let at = 0; at < count; at++) {
    const start = 2 * at * hashLength
    layer.set(nodeHash(below.subarray(start, start + hashLength), below.subarray(start + hashLength, start + 2 * hashLength)), at * hashLength)
  }
  return layer
}

export interface TilePlace {
  readonly level: number
  readonly index: number
}

export interface TileStore {
  /** Those of the places that are stored, by `tileId`: from memory, the others by one query. */
  load(workspaceId: string, places: readonly TilePlace[]): Promise<ReadonlyMap<string, TileTree>>
}

const tilesMax = 1_024

export function createTileStore(storage: Storage): TileStore {
  const known = new Map<string, TileTree>()
  // What a stranger wrote may be other tiles.
  storage.onForeignWrite(() => known.clear())

  function keep(id: string, tile: TileTree): void {
    known.delete(id)
    known.set(id, tile)
    if (known.size > tilesMax) known.delete(known.keys().next().value as string)
  }

  return {
    async load(workspaceId, places) {
      const ids = [...new Set(places.map(({ level, index }) => tileId(workspaceId, level, index)))]
      const found = new Map<string, TileTree>()
      const missing: string[] = []
      for (const id of ids) {
        const tile = known.get(id)
        if (tile === undefined) missing.push(id)
        else {
          keep(id, tile)
          found.set(id, tile)
        }
      }
      if (missing.length === 0) return found
      const rows = await storage.reader<AuditDatabase>().selectFrom('log_tiles').select(['id', 'hashes']).where('id', 'in', missing).execute()
      for (const { id, hashes } of rows) {
        if (hashes.length !== tileLength) continue
        const tile = new TileTree(hashes)
        keep(id, tile)
        found.set(id, tile)
      }
      return found
    },
  }
}

/** The tile places that the ancestors of an entry lie in, up to the root of a log of `size`. */
export function placesAbove(index: number, size: number): TilePlace[] {
  const places: TilePlace[] = []
  for (let level = 0; Math.floor(size / tileWidth ** level) > 0; level++) {
    places.push({ level, index: Math.floor(index / tileWidth ** (level + 1)) })
  }
  return places
}
