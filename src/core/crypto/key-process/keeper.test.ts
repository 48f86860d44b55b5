import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { KeyContext, WrappedKey } from '../key-context.ts'
import { systemRandom } from '../random.ts'
import { signatureAlgorithms } from '../sign.ts'
import { contexts, createHierarchy, recordingRandom } from './fixtures.ts'
import { createKeeper } from './keeper.ts'
import type { Keeper } from './keeper.ts'

const rootKey = Buffer.alloc(32, 7)
const keeper = createKeeper(rootKey, systemRandom)
const chains = createHierarchy(keeper)

const createKey = (context: KeyContext, parents: readonly WrappedKey[]) =>
  keeper.answer({ operation: 'createKey', context, parents })
const exportKey = (chain: readonly WrappedKey[]) => keeper.answer({ operation: 'exportKey', chain })
const derive = (chain: readonly WrappedKey[], label: string, version = 1) =>
  keeper.answer({ operation: 'derive', chain, label, version })
const sign = (chain: readonly WrappedKey[], message: Buffer) => keeper.answer({ operation: 'sign', chain, message })
const publicKey = (chain: readonly WrappedKey[]) => keeper.answer({ operation: 'publicKey', chain })
const checkValue = (of: Keeper) => of.answer({ operation: 'ping' })
const cannotUnwrap = { code: 'crypto/cannot-unwrap' }
const notPermitted = { code: 'crypto/not-permitted' }

/** The chain with the context of one of its keys changed: the stored row was moved or relabelled. */
function moved(chain: readonly WrappedKey[], at: number, change: Partial<KeyContext>): WrappedKey[] {
  return chain.map((link, index) => (index === at ? { ...link, context: { ...link.context, ...change } } : link))
}

test('a data key comes back as it was made, again and again', () => {
  const random = recordingRandom('export')
  const other = createKeeper(rootKey, random)
  const { record } = createHierarchy(other)
  const made = random.keys[3]
  for (let times = 0; times < 3; times++) {
    assert.deepEqual(other.answer({ operation: 'exportKey', chain: record }), made)
  }
  assert.deepEqual(exportKey(record), made, 'another keeper of the same root key')
})

test('a new key is wiped where it was drawn', () => {
  const drawn: Buffer[] = []
  const bytes = (length: number) => {
    drawn.push(systemRandom.bytes(length))
    return drawn.at(-1)!
  }
  const other = createKeeper(rootKey, { ...systemRandom, bytes })
  other.answer({ operation: 'createKey', context: contexts.rowMac, parents: [] })
  assert.deepEqual(drawn, [Buffer.alloc(32)])
})

test('a key moved to another workspace, environment, id, version or type does not unwrap', () => {
  const last = chains.record.length - 1
  assert.throws(() => exportKey(moved(chains.record, last, { id: 'sec_b' })), cannotUnwrap)
  assert.throws(() => exportKey(moved(chains.record, last, { version: 2 })), cannotUnwrap)
  const toEnvironment = moved(moved(chains.record, 1, { environmentId: 'env_b' }), last, { environmentId: 'env_b' })
  assert.throws(() => exportKey(toEnvironment), cannotUnwrap)
  const toWorkspace = chains.record.map((link) => ({ ...link, context: { ...link.context, workspaceId: 'wsp_b' } }))
  assert.throws(() => exportKey(toWorkspace), cannotUnwrap)
  const signingKeyAsDataKey = moved(chains.logEd25519, 1, { type: 'subject' })
  assert.throws(() => exportKey(signingKeyAsDataKey), cannotUnwrap)
})

test('a key under another workspace or environment than its own is refused', () => {
  assert.throws(() => exportKey(moved(chains.record, 2, { workspaceId: 'wsp_b' })), notPermitted)
  assert.throws(() => exportKey(moved(chains.record, 2, { environmentId: 'env_b' })), notPermitted)
  const context = { ...contexts.subject, workspaceId: 'wsp_b' }
  assert.throws(() => createKey(context, chains.workspace), notPermitted)
})

test('keys swapped between two rows of one place do not unwrap', () => {
  const context = { ...contexts.subject, id: 'sub_b' }
  const other = createKey(context, chains.workspace)
  assert.equal(exportKey([...chains.workspace, { context, wrapped: other }]).length, 32)
  assert.throws(() => exportKey([...chains.workspace, { context: contexts.subject, wrapped: other }]), cannotUnwrap)
})

test('a key under another key than its parent does not unwrap, also when both are well known', () => {
  const again = createKey(contexts.workspace, [])
  const [, ...below] = chains.record
  exportKey(chains.record)
  assert.throws(() => exportKey([{ context: contexts.workspace, wrapped: again }, ...below]), cannotUnwrap)
})

test('an altered key does not unwrap', () => {
  const [link] = chains.rowMac
  const wrapped = Buffer.from(link!.wrapped)
  wrapped[20]! ^= 1
  assert.throws(() => exportKey([{ ...link!, wrapped }]), cannotUnwrap)
  assert.throws(() => exportKey([{ ...link!, wrapped: Buffer.alloc(0) }]), cannotUnwrap)
})

test('keys of another root key do not unwrap, and its check value differs', () => {
  const other = createKeeper(Buffer.alloc(32, 8), systemRandom)
  assert.throws(() => other.answer({ operation: 'exportKey', chain: chains.rowMac }), cannotUnwrap)
  assert.notDeepEqual(checkValue(other), checkValue(keeper))
  assert.deepEqual(checkValue(createKeeper(rootKey, systemRandom)), checkValue(keeper))
})

test('only data keys leave: workspace, environment and signing keys are not exported', () => {
  for (const name of ['workspace', 'environment', 'logEd25519', 'logMlDsa44'] as const) {
    assert.throws(() => exportKey(chains[name]), notPermitted, name)
  }
  for (const name of ['rowMac', 'record', 'subject'] as const) assert.equal(exportKey(chains[name]).length, 32, name)
})

test('a chain that skips a level, is empty or ends elsewhere is refused', () => {
  assert.throws(() => exportKey([]), notPermitted)
  assert.throws(() => exportKey(chains.record.slice(1)), notPermitted)
  assert.throws(() => exportKey([chains.record[0]!, chains.record[2]!]), notPermitted)
  assert.throws(() => exportKey([...chains.rowMac, chains.subject[1]!]), notPermitted)
  assert.throws(() => createKey(contexts.record, chains.workspace), notPermitted)
  assert.throws(() => createKey(contexts.rowMac, chains.workspace), notPermitted)
})

test('a pepper is derived from an environment key, always the same, and differs by version and key', () => {
  const pepper = derive(chains.environment, 'pepper/v1')
  assert.equal(pepper.length, 32)
  assert.deepEqual(derive(chains.environment, 'pepper/v1'), pepper)
  assert.notDeepEqual(derive(chains.environment, 'pepper/v1', 2), pepper)
  const context = { ...contexts.environment, version: 2 }
  const wrapped = createKey(context, chains.workspace)
  assert.notDeepEqual(derive([...chains.workspace, { context, wrapped }], 'pepper/v1'), pepper)
})

test('nothing is derived under another label or from another type of key', () => {
  assert.throws(() => derive(chains.environment, 'pepper/v2'), notPermitted)
  assert.throws(() => derive(chains.environment, 'claviger/wrap/v1'), notPermitted)
  assert.throws(() => derive(chains.workspace, 'pepper/v1'), notPermitted)
  assert.throws(() => derive(chains.record, 'pepper/v1'), notPermitted)
})

test('signatures verify under the public key of the same chain, and only over their message', () => {
  const message = Buffer.from('checkpoint')
  for (const [name, algorithm] of [['logEd25519', 'ed25519'], ['logMlDsa44', 'ml-dsa-44']] as const) {
    const signature = sign(chains[name], message)
    const { verify } = signatureAlgorithms[algorithm]
    assert.equal(verify(publicKey(chains[name]), message, signature), true, name)
    assert.equal(verify(publicKey(chains[name]), Buffer.from('another'), signature), false, name)
  }
})

test('keys that encrypt do not sign', () => {
  for (const name of ['workspace', 'environment', 'record', 'rowMac'] as const) {
    assert.throws(() => sign(chains[name], Buffer.of(1)), notPermitted, name)
    assert.throws(() => publicKey(chains[name]), notPermitted, name)
  }
})

test('a keeper of more workspaces than it keeps unwrapped still opens the first', () => {
  const crowded = createKeeper(rootKey, systemRandom)
  for (let number = 0; number < 1_100; number++) {
    const workspaceId = `wsp_${number}`
    const workspace = { ...contexts.workspace, workspaceId, id: workspaceId }
    const wrapped = crowded.answer({ operation: 'createKey', context: workspace, parents: [] })
    const parents = [{ context: workspace, wrapped }]
    crowded.answer({ operation: 'createKey', context: { ...contexts.subject, workspaceId }, parents })
  }
  assert.deepEqual(crowded.answer({ operation: 'exportKey', chain: chains.subject }), exportKey(chains.subject))
})

test('the keeper leaves the root key that it was given alone, and does nothing once closed', () => {
  const given = Buffer.from(rootKey)
  const closed = createKeeper(given, systemRandom)
  assert.deepEqual(given, rootKey)
  closed.close()
  assert.throws(() => closed.answer({ operation: 'exportKey', chain: chains.rowMac }), /C5/)
})
