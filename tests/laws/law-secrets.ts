/**
 * L5: a secret is told once, and lies nowhere.
 *
 * @module
 */
import assert from 'node:assert/strict'
import type { AnyOperation } from '#core/http/operation'
import { isDone, secretsOf, send, shown } from './exchange.ts'
import { Kit } from './kit.ts'
import type { Subject, Trace } from './subject.ts'

/** What an operation answers or takes as a secret reaches no log line, no audit entry and no byte of the database. */
export async function keepsSecrets(subject: Subject, operation: AnyOperation): Promise<void> {
  const kit = new Kit(subject)
  const request = await kit.valid(operation)
  const answer = await send(subject, operation, request, operation.effect === 'write' ? { headers: { 'idempotency-key': `law-${kit.number()}-secrets` } } : {})
  assert.ok(isDone(answer), shown(answer))
  const secrets = secretsOf(operation, request, answer)
  if (secrets.length > 0) assertNowhere(secrets, await subject.traces(), spellings)
}

/** Of the whole run: not one secret that was ever answered or sent, and no credential that was used. */
export async function noSecretLiesAnywhere(subject: Subject): Promise<void> {
  const secrets = [...subject.journal.secrets, subject.home.owner, subject.other.owner]
  assert.ok(secrets.length > 2, 'the run had secrets to keep')
  assertNowhere(secrets, await subject.traces(), (secret) => spellings(secret).slice(0, 2))
}

function assertNowhere(secrets: readonly string[], traces: readonly Trace[], spell: typeof spellings): void {
  for (const secret of secrets) {
    for (const [how, text] of spell(secret)) {
      const found = traces.find(({ bytes }) => bytes.includes(text))
      assert.ok(found === undefined, `${found?.where ?? ''} has a secret ${how}`)
    }
  }
}

/** A token's head is no secret: prefix, tag and id. What counts is the 43 characters that prove it. */
function spellings(secret: string): readonly (readonly [how: string, text: string])[] {
  const core = secret.length >= 60 ? secret.slice(-49, -6) : secret
  const bytes = Buffer.from(core, 'utf8')
  return [['as it is', core], ['in hexadecimal', bytes.toString('hex')], ['in base64', bytes.toString('base64').replace(/.=*$/, '')], ['in base64url', bytes.toString('base64url').slice(0, -1)]]
}
