/** A running server with a log worth checking: more than a tile of entries, rows changed and revoked, uses, an erasure. */
import assert from 'node:assert/strict'
import { call, startTestInstance, type TestInstance } from '../support/instance.ts'

export interface RunningLog {
  readonly server: TestInstance
  /** A key that was made last and is active. */
  readonly keyId: string
}

const consumersMade = 260

export async function startRunningLog(options: Parameters<typeof startTestInstance>[0] = {}): Promise<RunningLog> {
  const server = await startTestInstance(options)
  try {
    return { server, keyId: await fill(server) }
  } catch (error) {
    await server.close()
    throw error
  }
}

/** @returns the id of the key that was made last */
async function fill(server: TestInstance): Promise<string> {
  const make = async (path: string, body?: unknown): Promise<Readonly<Record<string, unknown>>> => {
    const { status, json, text } = await call(server, 'POST', path, body)
    assert.ok(status === 201 || status === 200, text)
    return json
  }
  const permissions = ['read', 'write'].map((access) => ({ name: `chain:${access}`, access, description: 'For tests.' }))
  const { apiId } = await make('/v1/apis', { slug: 'chain', name: 'Chain', prefix: 'chain', permissions })
  const { environmentId } = await make(`/v1/apis/${String(apiId)}/environments`, { kind: 'test' })
  const consumers: string[] = []
  for (let count = 0; count < consumersMade; count += 20) {
    const made = await Promise.all(Array.from({ length: 20 }, (_, at) => make('/v1/consumers', { reference: `customer-${count + at}` })))
    consumers.push(...made.map(({ consumerId }) => String(consumerId)))
  }
  let keyId = ''
  for (const name of ['first', 'second', 'third']) {
    const key = await make('/v1/keys', { environmentId, name, permissions: ['chain:read'], consumerId: consumers[0] })
    keyId = String(key['keyId'])
    const { json } = await call(server, 'POST', '/v1/keys/verify', { key: key['secret'], permissions: { all: ['chain:read'] } })
    assert.equal(json['valid'], true, JSON.stringify(json))
    if (name === 'first') await make(`/v1/keys/${keyId}/revoke`, { reason: 'superseded' })
  }
  await make(`/v1/consumers/${consumers[1]}/erase`)
  await published(server)
  return keyId
}

/** Cuts what was used into blocks, and waits until all of it stands under a checkpoint. */
export async function published({ instance, workspaceId }: TestInstance): Promise<void> {
  await instance.useCutter.cutAll()
  await instance.publisher.publishNow(workspaceId)
}
