import { ClavigerUnavailable } from './errors.ts'
import { operations, type Operations } from './generated.ts'
import type { AnyCallOptions, OperationSpec } from './operation.ts'
import type { Input } from './request.ts'
import { createTransport, type Transport, type TransportOptions } from './transport.ts'

export type ClavigerOptions = TransportOptions

/** A client of Claviger: one method an operation, `claviger.keys.create({ … })`. */
export type Claviger = Operations

const noInput: Input = Object.freeze({})

/**
 * A client of Claviger.
 *
 * Path, query and body are one flat input. A method resolves with the operation's output, or rejects with
 * `ClavigerProblem` (it was refused, and `code` says why), `ClavigerUnavailable` (there was no answer),
 * `ClavigerSecretLost` (it was done, but its secret was lost), a `TypeError` (it could not be sent), or the reason of your `signal`.
 *
 * @throws TypeError when the url will not do: see `ConnectionOptions`
 */
export function createClaviger(options: ClavigerOptions): Claviger {
  const transport = createTransport(options)
  const nouns: Record<string, Record<string, unknown>> = {}
  for (const spec of operations) {
    const methods = (nouns[spec.noun] ??= {})
    methods[spec.name] = (input: Input = noInput, callOptions: AnyCallOptions = {}) => transport(spec, input, callOptions)
    if (spec.listAll === null) continue
    methods[spec.listAll] = (input: Input = noInput, callOptions: AnyCallOptions = {}) => everyItem(transport, spec, input, callOptions)
  }
  for (const methods of Object.values(nouns)) Object.freeze(methods)
  // The table and the interface were generated from the same declarations, so what is built from the one is the other.
  return Object.freeze(nouns) as unknown as Claviger
}

async function* everyItem(transport: Transport, spec: OperationSpec, input: Input, options: AnyCallOptions): AsyncGenerator<unknown, void, undefined> {
  let cursor: string | undefined
  for (;;) {
    const { items, nextCursor } = pageOf(spec, await transport(spec, { ...input, cursor }, options))
    yield* items
    if (nextCursor === null) return
    // A page that goes on at itself would go on for ever.
    if (nextCursor === cursor) throw new ClavigerUnavailable(spec.id, 'unexpected-answer', 'what answered gave the same page twice.')
    cursor = nextCursor
  }
}

function pageOf(spec: OperationSpec, output: unknown): { readonly items: readonly unknown[]; readonly nextCursor: string | null } {
  const { items, nextCursor } = output as { readonly items?: unknown; readonly nextCursor?: unknown }
  if (!Array.isArray(items) || (typeof nextCursor !== 'string' && nextCursor !== null)) {
    throw new ClavigerUnavailable(spec.id, 'unexpected-answer', 'what answered gave no page of a list.')
  }
  return { items, nextCursor }
}
