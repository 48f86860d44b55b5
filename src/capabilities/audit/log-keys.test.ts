import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatCheckpoint, messageToSign, parseVerifierKey, signatureLine } from '@claviger/verifier'
import { logKey } from '#core/keyring/keyring'
import { makeWorkspace, openMemory, openRoom } from './fixtures.ts'
import { createLogKeys, logAlgorithms } from './log-keys.ts'

const tree = { size: 7, root: Buffer.alloc(32, 5) }

test('a checkpoint is signed by both keys of its log, and one that lacks either signature is none', async () => {
  const storage = await openMemory()
  const { keys, ...room } = openRoom(storage)
  const [log, other] = [await makeWorkspace({ ...room, keys }), await makeWorkspace({ ...room, keys })]
  const note = await keys.sign(log, tree, 1_700_000_000_999)
  assert.deepEqual(await keys.open(log, note), { origin: `claviger/${log}`, ...tree })
  const [body = '', lines = ''] = note.split('\n\n')
  const [ed25519, mlDsa44] = lines.split(/(?<=\n)/)
  assert.equal(await keys.open(log, `${body}\n\n${ed25519}`), null)
  assert.equal(await keys.open(log, `${body}\n\n${mlDsa44}`), null)
  assert.equal(await keys.open(other, note), null)
  assert.equal(await keys.open(log, note.replace('\n7\n', '\n8\n')), null)
  const names = (await keys.verifierKeys(log)).map((key) => [key.algorithm, parseVerifierKey(key.verifierKey)?.name])
  assert.deepEqual(names, [['ed25519', `claviger/${log}`], ['ml-dsa-44', `claviger/${log}`]])
  await storage.close()
})

test('the time that a checkpoint is signed with is the moment, in whole seconds', async () => {
  const storage = await openMemory()
  const { keys, ...room } = openRoom(storage)
  const note = await keys.sign(await makeWorkspace({ ...room, keys }), tree, 1_700_000_000_999)
  const [, mlDsa44 = ''] = note.split('\n\n')[1]?.split('\n') ?? []
  const signature = Buffer.from(mlDsa44.split(' ')[2] ?? '', 'base64')
  assert.equal(signature.readBigUInt64BE(4), 1_700_000_000n)
  await storage.close()
})

test('a checkpoint in another log\'s name is none of this log\'s, although its keys have signed it', async () => {
  const storage = await openMemory()
  const { keys, ...room } = openRoom(storage)
  const log = await makeWorkspace({ ...room, keys })
  const signed = async (origin: string): Promise<string> => {
    const [name, atS] = [`claviger/${log}`, 1_700_000_000]
    const body = formatCheckpoint({ origin, ...tree })
    const lines = await Promise.all(logAlgorithms.map(async (algorithm) => {
      const { publicKey } = parseVerifierKey((await keys.verifierKeys(log)).find((key) => key.algorithm === algorithm)!.verifierKey)!
      const signature = await room.keyring.sign(logKey(`log-${algorithm}`, log), messageToSign(algorithm, { name, body, atS }))
      return signatureLine({ name, algorithm, publicKey, signature, atS })
    }))
    return `${body}\n${lines.join('')}`
  }
  assert.equal((await keys.open(log, await signed(`claviger/${log}`)))?.size, tree.size)
  assert.equal(await keys.open(log, await signed(`claviger/${log}x`)), null)
  await storage.close()
})

test('A2: what a signer answers is verified before it is handed out', async () => {
  const storage = await openMemory()
  const { keyring, ...room } = openRoom(storage)
  const log = await makeWorkspace({ ...room, keyring })
  for (const wrong of ['log-ed25519', 'log-ml-dsa-44']) {
    const astray = createLogKeys({ ...keyring, sign: (key, message) => keyring.sign(key, key.type === wrong ? Buffer.from('another message') : message) })
    await assert.rejects(astray.sign(log, tree, 1_700_000_000_999), /A2/)
  }
  await storage.close()
})
