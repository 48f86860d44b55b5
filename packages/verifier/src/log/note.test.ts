import assert from 'node:assert/strict'
import { createPublicKey, verify } from 'node:crypto'
import { test } from 'node:test'
import fc from 'fast-check'
import { formatCheckpoint, parseCheckpoint } from './checkpoint.ts'
import { ed25519, mlDsa44, newSigner, origin, signedCheckpoint, vkeys } from './fixtures.ts'
import { leafHash } from './hash.ts'
import { messageToSign, noteAlgorithms, parseVerifierKey, signatureLine, verifierKey } from './note-key.ts'
import { createNoteOpener, noteMaxLength, openNote } from './note.ts'

const root = leafHash(Buffer.from('root'))
const body = formatCheckpoint({ origin, size: 20_852_163, root })
const note = signedCheckpoint(20_852_163, root)

test('V12: the checkpoint that the specification prints reads, and is written alike', () => {
  const text = 'example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n'
  const checkpoint = parseCheckpoint(text)
  assert.equal(checkpoint?.origin, 'example.com/behind-the-sofa')
  assert.equal(checkpoint?.size, 20_852_163)
  assert.equal(formatCheckpoint(checkpoint!), text)
})

test('V12: the note and the verifier key of golang.org/x/mod/sumdb/note are read and verified', () => {
  const vkey = 'PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW'
  const text = 'If you think cryptography is the answer to your problem,\nthen you don\'t know what your problem is.\n'
  const signed = `${text}\n— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n`
  assert.deepEqual(openNote(signed, [vkey]), { body: text, verified: [vkey] })
  assert.equal(openNote(signed.replace('answer', 'Answer'), [vkey]), null)
})

test('V12: both signatures of a checkpoint verify, each under its own key', () => {
  assert.deepEqual(openNote(note, vkeys), { body, verified: vkeys })
  assert.deepEqual(openNote(note, vkeys.toReversed())?.verified, vkeys.toReversed())
  assert.deepEqual(openNote(note, [mlDsa44.vkey])?.verified, [mlDsa44.vkey])
  assert.deepEqual(openNote(note, [])?.verified, [])
})

test('V12: what ML-DSA-44 signs is the cosigned_message of tlog-cosignature, byte by byte', () => {
  const expected = Buffer.concat([
    Buffer.from('subtree/v1\n\0'), Buffer.of(origin.length), Buffer.from(origin), Buffer.alloc(8),
    Buffer.of(origin.length), Buffer.from(origin), Buffer.alloc(8), Buffer.from('00000000013e2dc3', 'hex'), root,
  ])
  expected.writeBigUInt64BE(1_700_000_000n, 12 + 1 + origin.length)
  assert.deepEqual(messageToSign('ml-dsa-44', { name: origin, body, atS: 1_700_000_000 }), expected)
  assert.deepEqual(messageToSign('ed25519', { name: origin, body, atS: 5 }), Buffer.from(body))
  const encoded = mlDsa44.line(body, 1_700_000_000).trimEnd().split(' ')[2]!
  const signature = Buffer.from(encoded, 'base64')
  assert.equal(signature.length, 4 + 8 + 2420)
  const der = Buffer.concat([noteAlgorithms['ml-dsa-44'].publicPrefix, mlDsa44.publicKey])
  assert.ok(verify(null, expected, createPublicKey({ key: der, format: 'der', type: 'spki' }), signature.subarray(12)))
})

test('V12: one changed bit of a note is refused, or leaves a signature out', () => {
  const bytes = Buffer.from(note, 'utf8')
  fc.assert(
    fc.property(fc.nat({ max: bytes.length - 1 }), fc.nat({ max: 7 }), (at, bit) => {
      const changed = Buffer.from(bytes)
      changed[at]! ^= 1 << bit
      const opened = openNote(changed.toString('utf8'), vkeys)
      assert.ok(opened === null || opened.verified.length < 2)
    }),
    { numRuns: 1000 },
  )
})

test('V12: a wrong signature of a known key sinks the note, however many good ones stand beside it', () => {
  const other = formatCheckpoint({ origin, size: 1, root })
  assert.equal(openNote(`${body}\n${ed25519.line(body)}${mlDsa44.line(other)}`, vkeys), null)
  assert.equal(openNote(`${body}\n${ed25519.line(body)}${ed25519.line(other)}`, vkeys), null)
  assert.equal(openNote(`${body}\n${ed25519.line(other)}`, [mlDsa44.vkey])?.verified.length, 0)
  const text = 'no checkpoint\n'
  const line = `— ${origin} ${Buffer.concat([parseVerifierKey(mlDsa44.vkey)!.keyId, Buffer.alloc(2428)]).toString('base64')}\n`
  assert.equal(openNote(`${text}\n${line}`, [mlDsa44.vkey]), null)
})

test('V12: a key is known by its name and id together: a stranger with the same name is passed over', () => {
  const stranger = newSigner(origin, 'ed25519')
  assert.deepEqual(openNote(`${body}\n${stranger.line(body)}${ed25519.line(body)}`, vkeys)?.verified, [ed25519.vkey])
  assert.deepEqual(openNote(`${body}\n${newSigner('elsewhere', 'ml-dsa-44').line(body)}`, vkeys)?.verified, [])
})

test('V12: a signature in another\'s name is nobody\'s, although its id and its bytes are a known key\'s', () => {
  for (const signer of [ed25519, mlDsa44]) {
    const line = signer.line(body)
    assert.deepEqual(openNote(`${body}\n${line}`, [signer.vkey])?.verified, [signer.vkey])
    for (const name of ['elsewhere', `${origin}x`, origin.toUpperCase()]) {
      assert.deepEqual(openNote(`${body}\n${line.replace(origin, name)}`, [signer.vkey])?.verified, [])
    }
  }
})

test('V12: a signature that is too short or too long sinks the note', () => {
  for (const { vkey, algorithm, line } of [ed25519, mlDsa44]) {
    const bytes = Buffer.from(line(body).trimEnd().split(' ')[2]!, 'base64')
    const { signatureLength } = noteAlgorithms[algorithm]
    for (const length of [1, 7, 8, 9, signatureLength - 1, bytes.length - 4 - 1, bytes.length - 4 + 1]) {
      const signature = Buffer.concat([bytes, Buffer.alloc(1)]).subarray(0, 4 + length)
      assert.equal(openNote(`${body}\n— ${origin} ${signature.toString('base64')}\n`, [vkey]), null, `${algorithm}, ${length} bytes`)
    }
  }
})

test('V12: names of one and of 255 bytes sign and are known', () => {
  for (const name of ['a', 'n'.repeat(255)]) {
    for (const algorithm of ['ed25519', 'ml-dsa-44'] as const) {
      const { vkey, line } = newSigner(name, algorithm)
      const text = formatCheckpoint({ origin: name, size: 1, root })
      assert.equal(parseVerifierKey(vkey)?.name, name)
      assert.deepEqual(openNote(`${text}\n${line(text)}`, [vkey])?.verified, [vkey])
    }
  }
})

test('V12: the time in an ML-DSA-44 signature is signed', () => {
  const encoded = mlDsa44.line(body, 1_700_000_000).trimEnd().split(' ')[2]!
  const signature = Buffer.from(encoded, 'base64')
  signature[11]! ^= 1
  assert.equal(openNote(`${body}\n— ${origin} ${signature.toString('base64')}\n`, vkeys), null)
  signature.fill(0xff, 4, 12)
  assert.equal(openNote(`${body}\n— ${origin} ${signature.toString('base64')}\n`, vkeys), null)
})

test('V12: what is not spelt as a note is refused', () => {
  const line = ed25519.line(body)
  const encoded = line.trimEnd().split(' ')[2]!
  for (const text of [
    '', '\n', '\n\n', body, `${body}\n`, `${body}${line}`, `${body}\n${line}\n`, `${body}\n${line.trimEnd()}`, `${body}\n${line}x\n`,
    `${body}\r\n${line}`, `${body}\n${line.replace('—', '-')}`, `${body}\n— ${encoded}\n`, `${body}\n—  ${encoded}\n`,
    `${body}\n— a b ${encoded}\n`, `${body}\n— a+b ${encoded}\n`, `${body}\n— a\u00a0b ${encoded}\n`, `${body}\n— ${origin} ${encoded} \n`,
    `${body}\n— ${origin} AAAA\n`, `${body}\n— ${origin} AAAAA\n`, `${body}\n— ${origin} ${encoded.slice(0, -1)}\n`, `${body}\u0000\n${line}`,
    `${body}\n— ${origin} AAAAAA==\n`, `${body}\n${line.trimEnd()}x`, `\ud800${body}\n${line}`, `${body}\n${line.repeat(101)}`, 'x'.repeat(noteMaxLength + 1),
  ]) assert.equal(openNote(text, vkeys), null, JSON.stringify(text.slice(0, 200)))
  for (const lines of [16, 100]) assert.equal(openNote(`${body}\n${line.repeat(lines)}`, vkeys)?.verified.length, 1)
})

test('V12: a text that no note may have is refused, although it is signed', () => {
  const signed = (text: string) => openNote(`${text}\n${ed25519.line(text)}`, [ed25519.vkey])
  for (const text of ['a\n', '\n', 'Ünïcödé 💥\n']) assert.deepEqual(signed(text), { body: text, verified: [ed25519.vkey] })
  for (const text of ['a\u0000b\n', 'a\tb\n', 'a\r\n', 'a\u001f\n', 'a\u000bb\n']) assert.equal(signed(text), null, JSON.stringify(text))
  // Its bytes would be those of another text, and so would its signature.
  assert.equal(signed('\ud800\n'), null)
  const room = noteMaxLength - `\n\n${ed25519.line('')}`.length
  assert.notEqual(signed(`${'x'.repeat(room)}\n`), null)
  assert.equal(signed(`${'x'.repeat(room + 1)}\n`), null)
  assert.equal(openNote(`x${ed25519.line('')}`, [ed25519.vkey]), null, 'without an empty line there is no text')
})

test('V12: a text with an empty line in it is cut at its last', () => {
  const text = 'Ognuno sta solo\n\nsul cuor della terra\n'
  assert.deepEqual(openNote(`${text}\n${ed25519.line(text)}`, vkeys), { body: text, verified: [ed25519.vkey] })
})

test('V13: a checkpoint has one spelling, and no extension lines', () => {
  const encoded = root.toString('base64')
  for (const text of [
    '', `${origin}\n1\n${encoded}`, `${origin}\n01\n${encoded}\n`, `${origin}\n-1\n${encoded}\n`, `${origin}\n1e3\n${encoded}\n`,
    `${origin}\n9007199254740992\n${encoded}\n`, `${origin}\n\n${encoded}\n`, `\n1\n${encoded}\n`, `${origin}\n1\n${encoded}\nextension\n`,
    `${origin}\n1\n${encoded}\n\n`, `${origin}\n1\n${encoded.slice(0, -1)}\n`, `${origin}\n1\nAAAA\n`, `${origin}\n1\n${encoded.slice(0, -2)}B=\n`,
    `${origin}\t\n1\n${encoded}\n`, `a\u0001b\n1\n${encoded}\n`, ` \ud800\n1\n${encoded}\n`, `${'x'.repeat(5000)}\n1\n${encoded}\n`, `${origin}\r\n1\n${encoded}\n`,
  ]) assert.equal(parseCheckpoint(text), null, JSON.stringify(text))
  assert.deepEqual(parseCheckpoint(body), { origin, size: 20_852_163, root })
  assert.equal(parseCheckpoint(`${origin}\n0\n${encoded}\n`)?.size, 0)
  const longest = 4096 - `\n1\n${encoded}\n`.length
  assert.equal(parseCheckpoint(`${'x'.repeat(longest)}\n1\n${encoded}\n`)?.size, 1)
  assert.equal(parseCheckpoint(`${'x'.repeat(longest + 1)}\n1\n${encoded}\n`), null)
})

test('V12: a verifier key has one spelling, and its id must fit', () => {
  for (const vkey of vkeys) {
    const key = parseVerifierKey(vkey)!
    assert.equal(verifierKey(key.name, key.algorithm, key.publicKey), vkey)
    fc.assert(
      fc.property(fc.nat({ max: vkey.length - 1 }), fc.nat({ max: 6 }), (at, bit) => {
        const changed = Buffer.from(vkey)
        changed[at]! ^= 1 << bit
        assert.equal(parseVerifierKey(changed.toString('utf8')), null)
      }),
      { numRuns: 300 },
    )
  }
  const { keyId } = parseVerifierKey(ed25519.vkey)!
  assert.match(ed25519.vkey, new RegExp(`^${origin}\\+${keyId.toString('hex')}\\+A`))
  for (const vkey of ['', '+', '++', `+${ed25519.vkey}`, ed25519.vkey.slice(0, -4), `${ed25519.vkey}\n`, 'a+00000000+AQ==', 'a+00000000+', 'a+00000000']) {
    assert.equal(parseVerifierKey(vkey), null, vkey)
  }
})

test('a program that signs or checks with what cannot be is told', () => {
  const { name, publicKey } = ed25519
  assert.throws(() => openNote(note, ['no key']), RangeError)
  assert.throws(() => createNoteOpener([ed25519.vkey.slice(1)]), RangeError)
  assert.throws(() => verifierKey('a b', 'ed25519', publicKey), RangeError)
  assert.throws(() => verifierKey(name, 'ed25519', publicKey.subarray(1)), RangeError)
  assert.throws(() => messageToSign('ml-dsa-44', { name, body: 'text\n', atS: 0 }), RangeError)
  assert.throws(() => messageToSign('ml-dsa-44', { name: 'n'.repeat(256), body, atS: 0 }), RangeError)
  assert.throws(() => messageToSign('ed25519', { name: '', body, atS: 0 }), RangeError)
  for (const atS of [-1, 0.5, NaN, 2 ** 53]) assert.throws(() => messageToSign('ml-dsa-44', { name, body, atS }), RangeError)
  assert.throws(() => signatureLine({ name, algorithm: 'ed25519', publicKey, signature: Buffer.alloc(63), atS: 0 }), RangeError)
  for (const bad of [{ origin: '' }, { origin: 'a\nb' }, { size: -1 }, { size: 0.5 }, { root: Buffer.alloc(31) }]) {
    assert.throws(() => formatCheckpoint({ origin, size: 1, root, ...bad }), RangeError)
  }
})
