/**
 * Preconditions (RFC 9110 §13.1.1): change it only if it is still the version that I read.
 *
 * @module
 */
import type { IncomingMessage } from 'node:http'
import type { RowBase } from '#core/storage/table'
import { httpFaults } from './faults.ts'
import type { Call } from './operation.ts'
import type { Route } from './route.ts'
import { invalidInput } from './validation.ts'

/** One strong entity tag, as `ETag` had it. Lists, `*` and weak tags ask for what no operation offers. */
const entityTag = /^"([1-9][0-9]{0,14})"$/

/**
 * The version that `If-Match` demands, or null.
 *
 * @throws Fault http/invalid-input when it is another form, or the operation would not heed it: a precondition that is
 * overlooked is worse than one that is refused
 */
export function ifMatchOf(request: IncomingMessage, { heedsIfMatch }: Route): number | null {
  const header = request.headers['if-match']
  if (header === undefined) return null
  if (!heedsIfMatch) throw invalidInput([{ pointer: 'header.if-match', detail: 'This operation has no precondition; leave it out.' }])
  const version = entityTag.exec(header)?.[1]
  if (version === undefined) throw invalidInput([{ pointer: 'header.if-match', detail: 'Must be the `ETag` of an answer, such as "3".' }])
  return Number(version)
}

const noHeaders: readonly string[] = []

/** `ETag` (RFC 9110 §8.8.3): what `If-Match` wants to hear on the next change. */
export const versionHeader = ({ hasVersion }: Route, output: unknown): readonly string[] =>
  hasVersion ? ['etag', `"${(output as { readonly version: number }).version}"`] : noHeaders

/** @throws Fault http/precondition-failed when the row is not at the version that the caller demands */
export function requireVersion(call: Call, row: RowBase): void {
  if (call.ifMatch === null || call.ifMatch === row.version) return
  throw httpFaults['precondition-failed']('It has changed since you read it. Read it again, and decide anew.')
}
