import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { CompactTree, leafHash } from '@claviger/verifier'
import { sha256 } from '#core/crypto/hash'
import { fullTilesOf, levelsOf, partialWidthOf, TreeEdge, type FullTile } from './tree-edge.ts'

const leaf = (at: number): Buffer => leafHash(Buffer.from(`entry ${at}`))

/** RFC 6962 §2.1 as it is written, over the leaf hashes. */
function referenceRoot(leaves: readonly Buffer[]): Buffer {
  if (leaves.length === 0) return sha256(Buffer.alloc(0))
  if (leaves.length === 1) return leaves[0] as Buffer
  let split = 1
  while (split * 2 < leaves.length) split *= 2
  return sha256(Buffer.concat([Buffer.of(1), referenceRoot(leaves.slice(0, split)), referenceRoot(leaves.slice(split))]))
}

test('the root is RFC 6962\'s at every size up to 600', () => {
  const edge = new TreeEdge()
  const leaves: Buffer[] = []
  for (let size = 0; size <= 600; size++) {
    assert.deepEqual(edge.root(), referenceRoot(leaves), `size ${size}`)
    leaves.push(leaf(size))
    edge.append(leaf(size), () => {})
  }
})

test('an edge comes back from its bytes at any size, and goes on as if it had never been away', () => {
  fc.assert(fc.property(fc.integer({ min: 0, max: 70_000 }), fc.integer({ min: 1, max: 600 }), (size, more) => {
    const edge = new TreeEdge()
    const tree = new CompactTree()
    const same = leaf(0)
    for (let at = 0; at < size; at++) {
      edge.append(same, () => {})
      tree.append(same)
    }
    const again = TreeEdge.from(size, edge.encode())
    assert.ok(again !== null)
    assert.deepEqual(again.root(), tree.root())
    for (let at = 0; at < more; at++) {
      again.append(leaf(at), () => {})
      tree.append(leaf(at))
    }
    assert.deepEqual(again.root(), tree.root())
  }), { numRuns: 15 })
})

test('bytes that are not an edge of that size are refused', () => {
  const edge = new TreeEdge()
  for (let at = 0; at < 300; at++) edge.append(leaf(at), () => {})
  const bytes = edge.encode()
  for (const size of [0, 1, 256, 299, 301, 556, 65_536]) assert.equal(TreeEdge.from(size, bytes), null, `size ${size}`)
  assert.equal(TreeEdge.from(300, bytes.subarray(1)), null)
  assert.equal(TreeEdge.from(300, Buffer.concat([bytes, Buffer.alloc(1)])), null)
})

test('every tile that becomes full is handed out once, in order, with the hashes it has', () => {
  const edge = new TreeEdge()
  const full: FullTile[] = []
  const size = 256 * 257 + 3
  for (let at = 0; at < size; at++) edge.append(leaf(at), (tile) => full.push(tile))
  assert.deepEqual(full.filter((tile) => tile.level === 0).map((tile) => tile.index), Array.from({ length: 257 }, (_, index) => index))
  assert.deepEqual(full.filter((tile) => tile.level === 1).map((tile) => tile.index), [0])
  assert.deepEqual(full[1]?.hashes, Buffer.concat(Array.from({ length: 256 }, (_, at) => leaf(256 + at))))
  assert.deepEqual([levelsOf(size), fullTilesOf(size, 0), fullTilesOf(size, 1), partialWidthOf(size, 0), partialWidthOf(size, 1), partialWidthOf(size, 2)], [3, 257, 1, 3, 1, 1])
})

test('a copy grows without the original', () => {
  const edge = new TreeEdge()
  edge.append(leaf(0), () => {})
  const before = edge.root()
  edge.clone().append(leaf(1), () => {})
  assert.deepEqual([edge.size, edge.root()], [1, before])
})
