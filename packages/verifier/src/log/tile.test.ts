import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { hashLength, leafHash } from './hash.ts'
import { CompactTree, consistencyProof, inclusionProof, rootHash } from './merkle.ts'
import { naiveTree } from './naive-tree.ts'
import {
  decodeEntries, encodeEntries, entriesPath, MalformedTile, parseTilePath, readHashFromTiles, tilePath, tileWidth,
} from './tile.ts'

test('V10: paths are spelt as tlog-tiles spells them', () => {
  assert.equal(tilePath({ level: 0, index: 1_234_067 }), 'tile/0/x001/x234/067')
  assert.equal(tilePath({ level: 0, index: 0 }), 'tile/0/000')
  assert.equal(tilePath({ level: 1, index: 5, width: 17 }), 'tile/1/005.p/17')
  assert.equal(tilePath({ level: 63, index: 999, width: 256 }), 'tile/63/999')
  assert.equal(entriesPath({ index: 1000, width: 255 }), 'tile/entries/x001/000.p/255')
  assert.deepEqual(parseTilePath('tile/entries/x001/000.p/255'), { kind: 'entries', level: 0, index: 1000, width: 255 })
})

const width = fc.integer({ min: 1, max: tileWidth })

test('V10: every tile has one path, which reads back', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 63 }), fc.maxSafeNat(), width, fc.boolean(), (level, index, wide, isEntries) => {
      const path = isEntries ? entriesPath({ index, width: wide }) : tilePath({ level, index, width: wide })
      const kind = isEntries ? 'entries' : 'hashes'
      assert.deepEqual(parseTilePath(path), { kind, level: isEntries ? 0 : level, index, width: wide })
    }),
  )
})

test('V10: whatever reads as a path is the spelling of what it reads as', () => {
  const piece = fc.constantFrom('tile/', '0', '1', '63', '64', 'entries', '/', 'x000', 'x001', '007', '.p', '/5', '255', '256', '012', 'x', '..', '-')
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 9 }), (pieces) => {
      const path = `tile/${pieces.join('')}`
      const parsed = parseTilePath(path)
      if (parsed !== null) assert.equal(parsed.kind === 'entries' ? entriesPath(parsed) : tilePath(parsed), path)
    }),
    { numRuns: 5000 },
  )
})

test('V10: other spellings of a path are refused', () => {
  for (const path of [
    '', 'tile', 'tile/0', 'tile/0/', 'tile/0/1', 'tile/0/0001', 'tile/00/001', 'tile/64/001', 'tile/-1/001', 'tile/0/x000/001',
    'tile/0/x000/x001/001', 'tile/0/001.p/0', 'tile/0/001.p/256', 'tile/0/001.p/05', 'tile/0/001.p/', 'tile/0/001.p', 'tile/0/x001',
    'tile/8/0/001', '/tile/0/001', 'tile/0/001/', 'tile/0/001\n', ' tile/0/001', 'tile/0/../001', 'tile/Entries/001', 'tile/0/٠٠١',
    'tile/0/x009/x007/x199/x254/x740/992', 'tile/0/x001/x009/x007/x199/x254/x740/992', `tile/0/${'x001/'.repeat(1000)}001`,
  ]) assert.equal(parseTilePath(path), null, path)
  assert.equal(parseTilePath('tile/0/x009/x007/x199/x254/x740/991')?.index, Number.MAX_SAFE_INTEGER)
})

test('a program that asks for a tile that cannot be is told', () => {
  for (const level of [-1, 64, 0.5]) assert.throws(() => tilePath({ level, index: 0 }), RangeError)
  for (const index of [-1, 0.5, 2 ** 53]) assert.throws(() => entriesPath({ index }), RangeError)
  for (const wide of [0, 257, 1.5]) assert.throws(() => entriesPath({ index: 0, width: wide }), RangeError)
  assert.throws(() => encodeEntries([Buffer.alloc(65_536)]), RangeError)
  assert.throws(() => encodeEntries(Array.from({ length: 257 }, () => Buffer.alloc(0))), RangeError)
})

const bundle = fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: tileWidth }).map((list) => list.map((entry) => Buffer.from(entry)))

test('V11: a bundle reads back, and only as what it is', () => {
  fc.assert(
    fc.property(bundle, fc.nat({ max: 300 }), (entries, other) => {
      const bytes = encodeEntries(entries)
      assert.deepEqual(decodeEntries(bytes, entries.length), entries)
      if (other !== entries.length) assert.equal(decodeEntries(bytes, other), null)
      assert.equal(decodeEntries(Buffer.concat([bytes, Buffer.alloc(1)]), entries.length), null)
      if (bytes.length > 0) assert.equal(decodeEntries(bytes.subarray(0, -1), entries.length), null)
    }),
  )
  const long = [Buffer.alloc(65_535, 1), Buffer.alloc(0)]
  assert.deepEqual(decodeEntries(encodeEntries(long), 2), long)
  const full = Array.from({ length: tileWidth }, (_, at) => Buffer.alloc(at % 3, at))
  assert.deepEqual(decodeEntries(encodeEntries(full), tileWidth), full)
})

test('V11: a short bundle that claims much is refused before anything is made of it', () => {
  assert.equal(decodeEntries(Buffer.from('ffff', 'hex'), 1), null)
  assert.equal(decodeEntries(Buffer.alloc(0), Number.MAX_SAFE_INTEGER), null)
  assert.equal(decodeEntries(Buffer.alloc(1), 1), null)
})

/** The tiles of a log as a publisher makes them: complete subtrees at levels 0, 8, 16 … */
function tilesOf(size: number): { tiles: Map<string, Buffer>; naive: ReturnType<typeof naiveTree> } {
  const entries = Array.from({ length: size }, (_, index) => Buffer.from(`entry ${index}`))
  const tree = new CompactTree()
  const hashes: Buffer[][] = []
  for (const entry of entries) {
    tree.append(leafHash(entry), ({ level, hash }) => {
      if (level % 8 === 0) (hashes[level / 8] ??= []).push(hash)
    })
  }
  const tiles = new Map<string, Buffer>()
  for (const [level, list] of hashes.entries()) {
    for (let index = 0; index * tileWidth < list.length; index++) {
      const part = list.slice(index * tileWidth, (index + 1) * tileWidth)
      tiles.set(tilePath({ level, index, width: part.length }), Buffer.concat(part))
    }
  }
  return { tiles, naive: naiveTree(entries) }
}

test('V10: proofs made from tiles are those of the tree, in partial and in full tiles, on two levels', async () => {
  for (const size of [1, 255, 256, 257, 600, 1000]) {
    const { tiles, naive } = tilesOf(size)
    const read = readHashFromTiles(size, (level, index, wide) => tiles.get(tilePath({ level, index, width: wide }))!)
    assert.deepEqual(await rootHash(size, read), naive.root(size))
    for (const index of [0, size >> 1, size - 1]) assert.deepEqual(await inclusionProof(index, size, read), naive.inclusion(index, size))
    for (const oldSize of [1, (size >> 1) + 1, size]) {
      assert.deepEqual(await consistencyProof(oldSize, size, read), naive.consistency(oldSize, size))
    }
  }
})

test('a full tile stands in for the partial one', async () => {
  const { tiles } = tilesOf(512)
  const level1 = tiles.get('tile/1/000.p/2')!.subarray(0, hashLength)
  const read = readHashFromTiles(300, (level, index) => (level === 1 ? level1 : tiles.get(tilePath({ level, index }))!))
  assert.deepEqual(await rootHash(300, read), tilesOf(300).naive.root(300))
})

test('V10: a tile that is too short or too long is named', async () => {
  const { tiles } = tilesOf(600)
  for (const change of [(tile: Buffer) => tile.subarray(1), (tile: Buffer) => Buffer.concat([tile, Buffer.alloc(hashLength)]), () => Buffer.alloc(0)]) {
    const read = readHashFromTiles(600, (level, index, wide) => change(tiles.get(tilePath({ level, index, width: wide }))!))
    await assert.rejects(inclusionProof(599, 600, read), (error) => error instanceof MalformedTile && error.path.startsWith('tile/0/'))
  }
  for (const [level, index] of [[0, 600], [1, 300], [3, 75], [8, 2], [9, 1], [10, 0]] as const) {
    await assert.rejects(async () => readHashFromTiles(600, () => assert.fail('nothing is read for it'))(level, index), RangeError)
  }
})
