import assert from 'node:assert/strict'
import type { IncomingMessage } from 'node:http'
import { Readable } from 'node:stream'
import { setImmediate as turn } from 'node:timers/promises'
import { test } from 'node:test'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { readBody } from './body.ts'
import type { Exchange } from './exchange.ts'

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

/** Reads a body whose bytes nobody else holds, and forgets it. */
async function readAndForget(request: IncomingMessage, context: { arriving: number }): Promise<WeakRef<Buffer>> {
  const bytes = Buffer.alloc(100_000, 7)
  const seen = new WeakRef(bytes)
  const read = new Promise<number>((resolve) => readBody({ request, context, inviteBody() {} } as unknown as Exchange, false, (body) => resolve((body as Uint8Array).length)))
  request.push(bytes)
  request.push(null)
  assert.equal(await read, 100_000)
  return seen
}

test('the bytes of a body that was read are let go, however long its request waits to be answered', async () => {
  const request = Object.assign(new Readable({ read() {} }), { headers: { 'content-type': 'application/json' } }) as unknown as IncomingMessage
  const context = { arriving: 0, limits: { bodyMax: 262_144, inFlightMax: 10 } }
  const seen = await readAndForget(request, context)
  assert.equal(context.arriving, 0)
  for (let round = 0; round < 10 && seen.deref() !== undefined; round++) {
    await turn()
    collect()
  }
  assert.ok(seen.deref() === undefined)
  assert.ok(request.listenerCount('data') > 0)
})
