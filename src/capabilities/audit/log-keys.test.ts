import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseVerifierKey } from '@claviger/verifier'
import { makeWorkspace, openMemory, openRoom } from './fixtures.ts'

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
