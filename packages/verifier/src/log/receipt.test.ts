import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { ed25519, mlDsa44, newSigner, origin, signedCheckpoint, vkeys } from './fixtures.ts'
import { naiveTree } from './naive-tree.ts'
import { noteMaxLength } from './note.ts'
import { formatReceipt, parseReceipt, verifyReceipt } from './receipt.ts'

const entries = Array.from({ length: 300 }, (_, index) => Buffer.from(`{"entry":${index}}`))
const tree = naiveTree(entries)

function receiptOf(index: number, size: number, signers = [ed25519, mlDsa44]): string {
  const checkpoint = signedCheckpoint(size, tree.root(size), signers)
  return formatReceipt({ index, proof: tree.inclusion(index, size), checkpoint, entry: entries[index]! })
}

test('V14: a receipt proves its entry offline, with nothing but the keys', () => {
  for (const [index, size] of [[0, 1], [0, 2], [6, 7], [299, 300], [128, 300]] as const) {
    const text = receiptOf(index, size)
    const proved = verifyReceipt(text, { vkeys })
    assert.deepEqual(proved, { entry: entries[index], index, checkpoint: { origin, size, root: tree.root(size) } })
    assert.equal(formatReceipt(parseReceipt(text)!), text)
  }
})

test('a receipt is spelt as the specification says', () => {
  const [header, extra, index, ...rest] = receiptOf(5, 7).split('\n')
  assert.equal(header, 'c2sp.org/tlog-proof@v1')
  assert.equal(extra, `extra ${entries[5]!.toString('base64')}`)
  assert.equal(index, 'index 5')
  assert.deepEqual(rest.slice(0, 3), tree.inclusion(5, 7).map((hash) => hash.toString('base64')))
  assert.deepEqual(rest.slice(3, 6), ['', origin, '7'])
})

test('V14: one changed bit of a receipt, and it proves nothing', () => {
  const bytes = Buffer.from(receiptOf(77, 300), 'utf8')
  fc.assert(
    fc.property(fc.nat({ max: bytes.length - 1 }), fc.nat({ max: 7 }), (at, bit) => {
      const changed = Buffer.from(bytes)
      changed[at]! ^= 1 << bit
      assert.equal(verifyReceipt(changed.toString('utf8'), { vkeys }), null)
    }),
    { numRuns: 1500 },
  )
})

test('V14: all keys must have signed, or one where that is asked for, and the log\'s own among them', () => {
  assert.notEqual(verifyReceipt(receiptOf(3, 10), { vkeys }), null)
  const half = receiptOf(3, 10, [ed25519])
  assert.equal(verifyReceipt(half, { vkeys }), null)
  assert.notEqual(verifyReceipt(half, { vkeys, requireAll: false }), null)
  assert.equal(verifyReceipt(half, { vkeys: [] }), null)
  assert.equal(verifyReceipt(half, { vkeys: [], requireAll: false }), null)
  const witness = newSigner('witness.example/w1', 'ml-dsa-44')
  const witnessed = receiptOf(3, 10, [ed25519, witness])
  assert.notEqual(verifyReceipt(witnessed, { vkeys: [ed25519.vkey, witness.vkey] }), null)
  assert.equal(verifyReceipt(witnessed, { vkeys: [witness.vkey] }), null)
  assert.equal(verifyReceipt(witnessed, { vkeys: [witness.vkey], requireAll: false }), null)
})

test('V14: a receipt without its entry proves nothing by itself', () => {
  const receipt = parseReceipt(receiptOf(3, 10))!
  const bare = formatReceipt({ ...receipt, entry: null })
  assert.equal(parseReceipt(bare)?.entry, null)
  assert.equal(verifyReceipt(bare, { vkeys }), null)
})

test('what is not spelt as a receipt is refused', () => {
  const text = receiptOf(5, 7)
  for (const changed of [
    '', 'c2sp.org/tlog-proof@v1\n', text.replace('@v1', '@v2'), text.replace('extra ', 'Extra '), text.replace('extra ', 'extra  '),
    text.replace('index 5', 'index 05'), text.replace('index 5', 'index -5'), text.replace('index 5', 'index 9007199254740992'),
    text.replace('index 5', 'index 5\nindex 5'), text.replace('index 5', 'index 5\nAAAA'), text.replace('\n\n', '\n'), `\n${text}`,
    text.replaceAll('\n', '\r\n'), text.replace('index 5', `index 5${`\n${tree.root(1).toString('base64')}`.repeat(54)}`),
  ]) {
    assert.equal(parseReceipt(changed), null, changed.slice(0, 120))
    assert.equal(verifyReceipt(changed, { vkeys }), null)
  }
  assert.equal(parseReceipt(`c2sp.org/tlog-proof@v1\n${'A'.repeat(2 ** 20)}`), null)
  assert.equal(parseReceipt(`c2sp.org/tlog-proof@v1\nextra ${Buffer.alloc(65_536).toString('base64')}\nindex 0\n\nx`), null)
  assert.notEqual(parseReceipt(`c2sp.org/tlog-proof@v1\nextra ${Buffer.alloc(65_535).toString('base64')}\nindex 0\n\nx`), null)
})

test('a receipt whose head is not whole, or longer than any tree asks for, is refused', () => {
  const header = 'c2sp.org/tlog-proof@v1'
  const hash = tree.root(1).toString('base64')
  const extra = `extra ${Buffer.alloc(65_535).toString('base64')}`
  for (const text of [
    `${header}\n\nx`, `${header}\nindex 0\n`, `${header}\nindex 0x`, `${header}\nINDEX 0\n\nx`, `${header}\n0\n\nx`, `${header}\nextra AAAA\n\nx`,
    `${header}\nindex 0${`\n${hash}`.repeat(54)}\n\nx`, `${header}\nindex 0\n\n${'x'.repeat(2 ** 20)}`,
  ]) assert.equal(parseReceipt(text), null, text.slice(0, 60))
  // The highest tree, the longest entry, the longest note.
  const note = 'x'.repeat(noteMaxLength)
  const longest = parseReceipt(`${header}\n${extra}\nindex 0${`\n${hash}`.repeat(53)}\n\n${note}`)
  assert.deepEqual([longest?.proof.length, longest?.entry?.length, longest?.checkpoint === note], [53, 65_535, true])
})

test('V14: what the keys signed and is no checkpoint proves nothing', () => {
  const text = 'no checkpoint\n'
  const receipt = `c2sp.org/tlog-proof@v1\nextra ${entries[0]!.toString('base64')}\nindex 0\n\n${text}\n${ed25519.line(text)}`
  assert.notEqual(parseReceipt(receipt), null)
  for (const requireAll of [true, false]) assert.equal(verifyReceipt(receipt, { vkeys: [ed25519.vkey], requireAll }), null)
})

test('a program that writes a receipt that cannot be is told', () => {
  const receipt = parseReceipt(receiptOf(5, 7))!
  for (const bad of [{ index: -1 }, { index: 0.5 }, { proof: [Buffer.alloc(31)] }, { entry: Buffer.alloc(65_536) }]) {
    assert.throws(() => formatReceipt({ ...receipt, ...bad }), RangeError)
  }
})
