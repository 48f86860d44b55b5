import assert from 'node:assert/strict'
import { PassThrough, Duplex } from 'node:stream'
import { test } from 'node:test'
import fc from 'fast-check'
import { keyTypes } from '../key-context.ts'
import type { WrappedKey } from '../key-context.ts'
import { contexts, createHierarchy, creationOrder, recordingRandom, spellings } from './fixtures.ts'
import { createKeeper } from './keeper.ts'
import type { Keeper } from './keeper.ts'
import { decodeRequest, decodeResponse, encodeRequest, encodeResponse, refusals } from './protocol.ts'
import type { KeyCommand, Response } from './protocol.ts'
import { serveKeeper } from './serve.ts'
import { FrameDecoder, ProtocolViolation } from './wire.ts'

const payloadOf = (frame: Buffer) => frame.subarray(4)
const record = <T>(model: { [K in keyof T]: fc.Arbitrary<T[K]> }) => fc.record(model, { noNullPrototype: true })

const someContext = fc.constantFrom(...Object.values(contexts))
const someBytes = fc.uint8Array({ maxLength: 80 }).map((bytes) => Buffer.from(bytes))
const someChain = fc.array(record({ context: someContext, wrapped: someBytes }), { maxLength: 4 })
const someLabel = fc.string({ unit: 'grapheme' })
const someCommand: fc.Arbitrary<KeyCommand> = fc.oneof(
  record({ operation: fc.constant('ping' as const) }),
  record({ operation: fc.constant('createKey' as const), context: someContext, parents: someChain }),
  record({ operation: fc.constantFrom('exportKey' as const, 'publicKey' as const), chain: someChain }),
  record({ operation: fc.constant('derive' as const), chain: someChain, label: someLabel, version: fc.nat() }),
  record({ operation: fc.constant('sign' as const), chain: someChain, message: someBytes }),
)
const someResponse: fc.Arbitrary<Response> = fc.oneof(
  record({ id: fc.nat(), answer: someBytes }),
  record({ id: fc.nat(), refusal: fc.constantFrom(...refusals), detail: fc.string() }),
)

test('every request and every response reads as it was written', () => {
  fc.assert(fc.property(fc.nat({ max: 2 ** 31 - 1 }), someCommand, (id, command) => {
    const read = decodeRequest(payloadOf(encodeRequest(id * 2 ** 16, command)))
    assert.deepEqual(read, { id: id * 2 ** 16, command })
  }))
  fc.assert(fc.property(someResponse, (response) => {
    assert.deepEqual(decodeResponse(payloadOf(encodeResponse(response))), response)
  }))
})

test('a request or response that is cut or lengthened is refused', () => {
  fc.assert(fc.property(someCommand, fc.nat(), (command, cut) => {
    const payload = payloadOf(encodeRequest(1, command))
    assert.throws(() => decodeRequest(payload.subarray(0, cut % payload.length)), ProtocolViolation)
    assert.throws(() => decodeRequest(Buffer.concat([payload, Buffer.of(0)])), ProtocolViolation)
  }))
  fc.assert(fc.property(someResponse, fc.nat(), (response, cut) => {
    const payload = payloadOf(encodeResponse(response))
    assert.throws(() => decodeResponse(payload.subarray(0, cut % payload.length)), ProtocolViolation)
    assert.throws(() => decodeResponse(Buffer.concat([payload, Buffer.of(0)])), ProtocolViolation)
  }))
})

test('garbage is either refused or says what it reads as', () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), someCommand, fc.nat(), (garbage, command, at) => {
    const payload = Buffer.from(payloadOf(encodeRequest(1, command)))
    payload.set(garbage.subarray(0, payload.length - (at % payload.length)), at % payload.length)
    try {
      const read = decodeRequest(payload)
      assert.deepEqual(payloadOf(encodeRequest(read.id, read.command)), payload)
    } catch (error) {
      assert.ok(error instanceof ProtocolViolation, String(error))
    }
  }), { numRuns: 1_000 })
})

/** A served keeper and the pipes to it and from it. */
function served(keeper: Keeper) {
  const requests = new PassThrough()
  const responses = new PassThrough()
  const closed = Promise.withResolvers<void>()
  serveKeeper(keeper, Duplex.from({ readable: requests, writable: responses }), closed.resolve)
  return { requests, responses, closed: closed.promise }
}

/** Runs commands through a served keeper and returns the responses, and every byte that came back. */
async function converse(keeper: Keeper, commands: readonly KeyCommand[]) {
  const pipes = served(keeper)
  const bytes: Buffer[] = []
  const responses: Response[] = []
  const decoder = new FrameDecoder()
  const done = Promise.withResolvers<void>()
  pipes.responses.on('data', (chunk: Buffer) => {
    bytes.push(Buffer.from(chunk))
    responses.push(...decoder.push(Buffer.from(chunk)).map(decodeResponse))
    if (responses.length === commands.length) done.resolve()
  })
  commands.forEach((command, index) => pipes.requests.write(encodeRequest(index + 1, command)))
  await done.promise
  return { responses, bytes: Buffer.concat(bytes) }
}

test('no root, workspace, environment or signing key ever stands on the wire, in no encoding', async () => {
  const rootKey = Buffer.from(recordingRandom('root').bytes(32))
  const random = recordingRandom('wire')
  const keeper = createKeeper(rootKey, random)
  const chains = createHierarchy(keeper)
  const commands: KeyCommand[] = Object.values(chains).flatMap((chain: readonly WrappedKey[]): KeyCommand[] => [
    { operation: 'exportKey', chain },
    { operation: 'derive', chain, label: 'pepper/v1', version: 1 },
    { operation: 'sign', chain, message: Buffer.from('message') },
    { operation: 'publicKey', chain },
  ])
  const { responses, bytes } = await converse(keeper, [...commands, { operation: 'ping' }])
  assert.equal(responses.length, commands.length + 1)

  assert.equal(random.keys.length, creationOrder.length)
  const stands = (key: Buffer) => spellings(key).some((spelling) => bytes.includes(spelling))
  creationOrder.forEach((type, index) => assert.equal(stands(random.keys[index]!), keyTypes[type].exportable, type))
  assert.equal(stands(rootKey), false)
})

test('a served keeper answers each request under its own id, and refuses with the name of a fault', async () => {
  const keeper = createKeeper(Buffer.alloc(32, 1), recordingRandom('ids'))
  const { workspace, rowMac } = createHierarchy(keeper)
  const { responses } = await converse(keeper, [
    { operation: 'exportKey', chain: rowMac },
    { operation: 'exportKey', chain: workspace },
  ])
  assert.deepEqual(responses.map((response) => response.id), [1, 2])
  assert.ok('answer' in responses[0]! && responses[0].answer.length === 32)
  assert.ok('refusal' in responses[1]! && responses[1].refusal === 'not-permitted')
})

test('an answer is wiped where it was made', async () => {
  const answer = Buffer.from('a key, for instance')
  const { responses } = await converse({ answer: () => answer, close() {} }, [{ operation: 'ping' }])
  assert.ok('answer' in responses[0]! && responses[0].answer.toString() === 'a key, for instance')
  assert.deepEqual(answer, Buffer.alloc(answer.length))
})

test('a channel that carries something else is closed, and the keys are wiped', async () => {
  const noSuchOperation = Buffer.of(0, 0, 0, 7, 0, 0, 0, 0, 0, 1, 9)
  for (const garbage of [Buffer.alloc(4), Buffer.from('GET / HTTP/1.1\r\n\r\n'), noSuchOperation]) {
    const wiped = Promise.withResolvers<void>()
    const { requests, closed } = served({ answer: () => assert.fail('nothing was asked'), close: wiped.resolve })
    requests.write(garbage)
    await Promise.all([closed, wiped.promise])
  }
})
