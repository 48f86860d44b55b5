/**
 * Handlers read and decide; what they decide is committed for them, together with its entry. So none of them is given
 * anything that commits. That is a matter of types: this file does not compile when one is.
 */
import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { Call } from '#core/http/operation'
import type { Storage } from '#core/storage/storage'
import type { operations as audit } from '#cap/audit'
import type { operations as keys } from '#cap/keys'
import type { operations as principals } from '#cap/principals'

/** What of `Held` commits or closes; `never` when nothing does. */
type Writers<Held> = Held extends unknown ? { [Name in keyof Held]: Held[Name] extends Pick<Storage, 'commit'> | Pick<Storage, 'close'> ? Name : never }[keyof Held] : never

/** The third of what a handler is called with: what its room works with. */
type ServicesOf<Op> = Op extends { decide(input: never, call: never, services: infer Services): unknown } | { handle(input: never, call: never, services: infer Services): unknown } ? Services : never

type Operations = (typeof audit | typeof keys | typeof principals)[number]
type Handed = Writers<Call | ServicesOf<Operations>>

const isNone: [Handed] extends [never] ? true : false = true
/** The same question of somebody who is given a whole storage. */
const isNoneOfAll: [Writers<{ readonly storage: Storage; readonly name: string }>] extends [never] ? true : false = false

test('every capability is looked at', () => {
  const folders = readdirSync(join(import.meta.dirname, '../src/capabilities'), { withFileTypes: true }).filter((entry) => entry.isDirectory())
  assert.deepEqual(folders.map(({ name }) => name).sort(), ['audit', 'keys', 'principals'], 'the types of its operations are to be imported above')
})

test('no handler is given anything that commits, and the compiler sees to it', () => {
  assert.deepEqual([isNone, isNoneOfAll], [true, false])
})
