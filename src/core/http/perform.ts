/**
 * Performing operations: reads answer what they find, writes decide and commit until the world stands still.
 *
 * @module
 */
import { assert } from '#core/base/assert'
import { Fault } from '#core/base/fault'
import { newId } from '#core/base/id'
import { CommitConflict, type RowWrite } from '#core/storage/commit'
import { storageFaults } from '#core/storage/faults'
import type { Exchange } from './exchange.ts'
import { answerErasures, createReplay, eraseAnswers, idempotencyKeyOf, type Replay } from './idempotency.ts'
import type { Input } from './input.ts'
import type { Call, Caller, Decision, ReadOperation, WriteOperation } from './operation.ts'
import type { Recorded } from './ports.ts'
import type { Route } from './route.ts'
import { ifMatchOf, versionHeader } from './precondition.ts'

export { requireVersion } from './precondition.ts'

/** What `Exchange.send` takes. */
export type Answer = readonly [status: number, contentType: string, body: string | Uint8Array, headers: readonly string[]]

const attemptsMax = 5
/** Upper bound of the first pause between attempts; each further one is twice as long. */
const pauseMs = 4

/**
 * @param callerNow authenticates and authorises another time (H12)
 *
 * @throws Fault, or what the handler throws
 */
export function perform(exchange: Exchange, route: Route, caller: Caller, input: Input, callerNow: () => Promise<Caller>): Answer | Promise<Answer> {
  return route.operation.effect === 'read'
    ? performRead(exchange, route, route.operation, caller, input)
    : performWrite(exchange, route, route.operation, caller, input, callerNow)
}

function performRead(exchange: Exchange, route: Route, operation: ReadOperation<never>, caller: Caller, input: Input): Answer | Promise<Answer> {
  // `input` was checked against the very schemas that the handler's type comes from.
  const output = operation.handle(input as never, callOf(exchange, caller, null), route.services)
  return output instanceof Promise ? output.then((value) => answerOf(route, 200, value)) : answerOf(route, 200, output)
}

async function performWrite(
  exchange: Exchange, route: Route, operation: WriteOperation<never>, admitted: Caller, input: Input, callerNow: () => Promise<Caller>,
): Promise<Answer> {
  const { context, request } = exchange
  let caller = admitted
  const ifMatch = ifMatchOf(request, route)
  const key = idempotencyKeyOf(request)
  const replay = key === null ? null : createReplay(context, route, caller, input, key, ifMatch)
  for (let attempt = 1; ; attempt++) {
    const replayed = await replay?.find()
    if (replayed !== undefined && replayed !== null) return replayed
    try {
      return await decideAndRecord(exchange, route, operation, callOf(exchange, caller, ifMatch), input, replay)
    } catch (error) {
      if (!isOutOfDate(error)) return await replayOrThrow(replay, faultOf(operation, error))
      // What has changed may be the caller: whoever lost a credential or permission hears that, and not of a conflict.
      caller = await callerNow()
      if (attempt >= attemptsMax) throw storageFaults.conflict('Others keep changing this at the same time. Try again.', { cause: error })
      // SQLite's single writer has settled who was first; PostgreSQL's many may lose to each other again in step.
      if (context.storage.engine === 'postgres') await pause(Math.random() * pauseMs * 2 ** (attempt - 1))
    }
  }
}

async function decideAndRecord(
  exchange: Exchange, route: Route, operation: WriteOperation<never>, call: Call, input: Input, replay: Replay | null,
): Promise<Answer> {
  const decision: Decision<unknown> = await operation.decide(input as never, call, route.services)
  const body = bodyOf(route, decision.output)
  const { entryId } = await record(exchange, route, operation, call, decision, replay)
  if (decision.erases !== undefined) await eraseAnswers(exchange.context.storage, call.atMs, decision.erases, replay?.id ?? '')
  decision.committed?.()
  return [operation.status, contentTypeOf(route), body, ['claviger-audit-entry', entryId, ...versionHeader(route, decision.output)]]
}

async function record(
  exchange: Exchange, route: Route, operation: WriteOperation<never>, call: Call, decision: Decision<unknown>, replay: Replay | null,
): Promise<Recorded> {
  const { requestId, clientIp, userAgent, caller, atMs } = call
  const entryId = newId('ent', call.random)
  const extraWrites: RowWrite[] = []
  if (replay !== null) {
    const answer = { status: operation.status, output: route.withoutSecrets(decision.output), subject: decision.subject ?? decision.target }
    extraWrites.push(replay.writeFor(answer, entryId, atMs))
  }
  if (decision.erases !== undefined) extraWrites.push(...(await answerErasures(call.storage, decision.erases, replay?.id ?? '')))
  return exchange.context.ports.record({
    operation: operation.id, event: operation.event, takesAway: operation.takesAway,
    requestId, clientIp, userAgent, caller, atMs, decision, entryId, extraWrites,
  })
}

/** Whether deciding again, on what is there now, makes sense. */
const isOutOfDate = (error: unknown): boolean => error instanceof CommitConflict && error.kind !== 'unique'

/** What the caller is to hear of it. */
function faultOf(operation: WriteOperation<never>, error: unknown): unknown {
  if (!(error instanceof CommitConflict)) return error
  return operation.unique?.[error.constraint]?.() ?? storageFaults.conflict('Something with this name or id exists already.', { cause: error })
}

/** A refusal may be the doing of this very request, sent twice at the same time: then it was done, and is answered so. */
async function replayOrThrow(replay: Replay | null, error: unknown): Promise<Answer> {
  const replayed = error instanceof Fault && error.status < 500 ? await replay?.find() : null
  if (replayed === undefined || replayed === null) throw error
  return replayed
}

const pause = (durationMs: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, durationMs))

const callOf = ({ context, requestId, clientIp, userAgent }: Exchange, caller: Caller, ifMatch: number | null): Call => ({
  caller, requestId, clientIp, userAgent, ifMatch,
  atMs: context.clock.now(), clock: context.clock, random: context.random, storage: context.storage,
})

const answerOf = (route: Route, status: number, output: unknown): Answer => [status, contentTypeOf(route), bodyOf(route, output), versionHeader(route, output)]

const contentTypeOf = ({ operation }: Route): string => operation.contentType ?? 'application/json'

/** Asserted before a write commits, so that what could not be answered is not done either. */
function bodyOf(route: Route, output: unknown): string | Uint8Array {
  assert(route.isDeclaredOutput(output), `H7: ${route.operation.id} answers what it declares, no more and no less`)
  return route.operation.contentType === undefined ? JSON.stringify(output) : (output as string | Uint8Array)
}
