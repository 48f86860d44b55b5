/**
 * L1, L3, L8: who gets in, and what those outside can learn.
 *
 * @module
 */
import assert from 'node:assert/strict'
import type { AnyOperation } from '#core/http/operation'
import { routeOf } from '#core/http/operation'
import { listLimitMax } from '#core/http/schema'
import { comparable, isDone, send, shown } from './exchange.ts'
import { Kit, missing, namesTargets } from './kit.ts'
import { nodeOf } from './samples.ts'
import type { Answer, Request, Subject, Tenant } from './subject.ts'
import { changesNothing, idsIn, idsOf, idsToldAcross } from './world.ts'

/** L1: without a valid credential everything is refused with 401 and a challenge, and nothing happens. */
export async function refusesBadCredentials(subject: Subject, operation: AnyOperation): Promise<void> {
  const request = await new Kit(subject).valid(operation)
  const bad = await subject.badCredentials()
  await changesNothing(subject, `${operation.id} with a bad credential`, async () => {
    for (const { what, authorization } of bad) {
      const headers = authorization === null ? {} : { authorization }
      const answer = await send(subject, operation, request, { credential: null, headers })
      assert.equal(answer.status, 401, `${what}: ${shown(answer)}`)
      assert.equal(answer.json['code'], 'http/unauthenticated', what)
      const challenge = authorization === null ? 'Bearer realm="claviger"' : 'Bearer realm="claviger", error="invalid_token"'
      assert.equal(answer.headers['www-authenticate'], challenge, what)
    }
  })
}

/** L3: whoever lacks the permission cannot tell a target that exists from one that does not. */
export async function hidesExistence(subject: Subject, operation: AnyOperation): Promise<void> {
  const { permission, existence } = operation
  const others = allPermissions(subject).difference(new Set([permission, existence]))
  const request = await new Kit(subject).valid(operation)
  const ask = (credential: string) => askBoth(subject, operation, request, credential)

  const [existing, absent] = await ask(await subject.credentialWith([...others]))
  assert.deepEqual(comparable(existing), comparable(absent), 'a target that exists and one that does not are answered alike')
  const addressed = routeOf(operation).params.length > 0
  if (addressed) assert.equal(`${existing.status} ${String(existing.json['code'])}`, '404 http/not-found', shown(existing))
  else assertNamesPermission(existing, permission)
  if (permission === existence || !addressed) return

  const [known, unknown] = await ask(await subject.credentialWith([...others, existence]))
  assertNamesPermission(known, permission)
  assert.deepEqual(comparable(known), comparable(unknown), 'with the existence permission alone both are answered alike')
}

const allPermissions = ({ operations }: Subject): ReadonlySet<string> => new Set(operations.flatMap(({ permission, existence }) => [permission, existence]))

async function askBoth(subject: Subject, operation: AnyOperation, request: Request, credential: string): Promise<readonly [Answer, Answer]> {
  return changesNothing(subject, `${operation.id} without its permission`, async () => [
    await send(subject, operation, request, { credential }), await send(subject, operation, missing(operation, request), { credential }),
  ])
}

function assertNamesPermission(answer: Answer, permission: string): void {
  assert.equal(`${answer.status} ${String(answer.json['code'])}`, '403 http/forbidden', shown(answer))
  assert.ok(String(answer.json['detail']).includes(permission), `the refusal names ${permission}: ${shown(answer)}`)
  assert.equal(answer.headers['www-authenticate'], `Bearer realm="claviger", error="insufficient_scope", scope="${permission}"`)
}

/** L8: the owner of one workspace finds nothing of another, and changes nothing there. */
export async function keepsWorkspacesApart(subject: Subject, operation: AnyOperation): Promise<void> {
  await keepsApart(subject, operation, subject.home, subject.other)
  if (!subject.reachesAcross(operation)) await keepsApart(subject, operation, subject.other, subject.home)
}

async function keepsApart(subject: Subject, operation: AnyOperation, owner: Tenant, stranger: Tenant): Promise<void> {
  const request = await new Kit(subject, owner).valid(operation)
  const credential = stranger.owner
  if (!namesTargets(operation, request)) return assertTellsNothing(subject, operation, owner, stranger)
  const ask = async () => [
    await send(subject, operation, request, { credential }), await send(subject, operation, missing(operation, request), { credential }),
  ] as const
  const [foreign, absent] = operation.effect === 'read' ? await ask() : await changesNothing(subject, `${operation.id} on a target of another workspace`, ask)
  assert.deepEqual(comparable(foreign), comparable(absent), 'a target of another workspace is answered like one that does not exist')
}

/** Without a target to name, an answer at least shows nothing that belongs to the other workspace. */
async function assertTellsNothing(subject: Subject, operation: AnyOperation, owner: Tenant, stranger: Tenant): Promise<void> {
  const request = await new Kit(subject, stranger).valid(operation)
  const hasLimit = operation.input.query !== undefined && 'limit' in (nodeOf(operation.input.query).properties ?? {})
  const answer = await send(subject, operation, hasLimit ? { ...request, query: { ...request.query, limit: listLimitMax } } : request, { credential: stranger.owner })
  if (!isDone(answer)) return
  const known = await idsToldAcross(subject, stranger.workspaceId)
  const foreign = idsIn(answer.text).intersection(await idsOf(subject, owner.workspaceId)).difference(known)
  assert.deepEqual([...foreign], [], 'what one workspace is answered names nothing of another')
}
