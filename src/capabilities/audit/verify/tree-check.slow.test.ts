import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CompactTree, entriesPath, leafHash, tilePath, type Checkpoint } from '@claviger/verifier'
import { memorySource, newTestLog, origin, tileOf } from './fixtures.ts'
import { VerifyProblem } from './problem.ts'
import { TreeCheck } from './tree-check.ts'

const size = 66_000
const entries = Array.from({ length: size }, (_, index) => Buffer.from(`entry ${index}`))
const tree = new CompactTree()
for (const entry of entries) tree.append(leafHash(entry))
const checkpoint: Checkpoint = { origin, size, root: tree.root() }

function checkOf(tiles: ReadonlyMap<string, Buffer> = new Map()): { check: TreeCheck; seen: string[]; paths: string[] } {
  const seen: string[] = []
  const paths: string[] = []
  const source = memorySource(newTestLog(1), {
    tile(path) {
      paths.push(path)
      return Promise.resolve(tiles.get(path) ?? tileOf(entries, path))
    },
  })
  const check = new TreeCheck(source, {
    onEntry: (index, leaf) => void seen.push(`${index}:${leaf.toString()}`),
    onSize(at, root) {
      if (at === 65_537) assert.equal(root().length, 32)
      return undefined
    },
  })
  return { check, seen, paths }
}

const flip = (path: string, at: number): [string, Buffer] => {
  const tile = tileOf(entries, path)!
  tile[at]! ^= 1
  return [path, tile]
}

const isAt = (code: string, name: string) => (error: unknown) =>
  error instanceof VerifyProblem && error.code === code && error.place.name === name

test('every entry is seen once and in order, and every tile of every level once', async () => {
  const { check, seen, paths } = checkOf()
  await check.advance(checkpoint)
  assert.equal(check.size, size)
  assert.deepEqual(check.root(), checkpoint.root)
  assert.deepEqual(seen, entries.map((entry, index) => `${index}:${entry.toString()}`))
  assert.equal(new Set(paths).size, paths.length)
  assert.equal(paths.length, 258 + 258 + 2 + 1)
  assert.ok(paths.includes('tile/1/000') && paths.includes('tile/1/001.p/1') && paths.includes('tile/2/000.p/1'))
})

test('the root of a size is there when it is asked for, wherever it was asked for before', async () => {
  for (const asked of [[1, 2, 255, 256, 257], [300, 511, 512, 513, 1_000], [256, 512, 65_536, 65_537, 66_000]]) {
    const roots = new Map<number, Buffer>()
    const check = new TreeCheck(memorySource(newTestLog(1), { tile: (path) => Promise.resolve(tileOf(entries, path)) }), {
      onEntry() {},
      onSize: (at, root) => void (asked.includes(at) && roots.set(at, root())),
    })
    await check.advance(checkpoint)
    const one = new CompactTree()
    for (const entry of entries) {
      one.append(leafHash(entry))
      if (asked.includes(one.size)) assert.deepEqual(roots.get(one.size), one.root(), `the root of ${one.size} entries`)
    }
    assert.equal(roots.size, asked.length)
  }
})

test('one changed bit in a tile of any level is named', async () => {
  for (const [path, at] of [
    [tilePath({ level: 2, index: 0, width: 1 }), 31], [tilePath({ level: 1, index: 0 }), 255 * 32], [tilePath({ level: 1, index: 1, width: 1 }), 0],
    [tilePath({ level: 0, index: 256 }), 8191],
  ] as const) {
    await assert.rejects(checkOf(new Map([flip(path, at)])).check.advance(checkpoint), isAt('tile-altered', path))
  }
  const bundle = entriesPath({ index: 100 })
  await assert.rejects(checkOf(new Map([flip(bundle, 2)])).check.advance(checkpoint), isAt('entry-altered', '25600'))
})

test('a check goes on from where it was, through tiles that were partial then', async () => {
  const { check, seen } = checkOf()
  const part = new CompactTree()
  for (const [index, entry] of entries.slice(0, 70_000).entries()) {
    part.append(leafHash(entry))
    const at = index + 1
    if ([1, 255, 256, 257, 300, 65_535, 65_536, 65_537].includes(at)) await check.advance({ origin, size: at, root: part.root() })
  }
  await check.advance(checkpoint)
  await check.advance(checkpoint)
  assert.equal(seen.length, size)
})

test('a full tile is taken where the partial one is no longer kept', async () => {
  const whole = entries.slice(0, 512)
  const part = new CompactTree()
  for (const entry of whole.slice(0, 300)) part.append(leafHash(entry))
  const source = memorySource(newTestLog(1), {
    tile: (path) => Promise.resolve(path.includes('.p/') && !path.startsWith('tile/1/') ? null : tileOf(whole, path)),
  })
  const check = new TreeCheck(source, { onEntry() {}, onSize: () => undefined })
  await check.advance({ origin, size: 300, root: part.root() })
  assert.equal(check.size, 300)
})
