/**
 * The pipeline: what happens to a request for an operation, in this order.
 *
 * bounds → authenticate → authorise → read the body (and if it had to be waited for, authenticate and authorise again) →
 * validate → perform. Steps that can answer at once do: nothing here waits for a promise that is not there.
 *
 * Invariant H3: whoever is not known learns nothing, not even what a valid body looks like, and none of their body is
 * read; whoever lacks the permission learns nothing of what exists.
 *
 * @module
 */
import type { IncomingMessage } from 'node:http'
import { Fault } from '#core/base/fault'
import { readBody } from './body.ts'
import { bearerOf, challengeOf } from './credential.ts'
import type { Exchange } from './exchange.ts'
import { httpFaults } from './faults.ts'
import { readInput, type Address } from './input.ts'
import type { Caller } from './operation.ts'
import { perform } from './perform.ts'
import type { Route } from './route.ts'
import { turnNow } from './turn.ts'

export function serve(exchange: Exchange, route: Route, address: Address): void {
  const refusal = exchange.refusalAtTheDoor(route.takesAway) ?? (isWhole(route) ? exchange.takePlace() : null)
  if (refusal !== null) return exchange.refuse(refusal)
  let caller: Caller | Promise<Caller>
  try {
    caller = exchange.context.ports.authenticate(bearerOf(exchange.request.headers.authorization), exchange)
  } catch (error) {
    return refuse(exchange, route, error)
  }
  if (!(caller instanceof Promise)) return admit(exchange, route, address, caller)
  caller.then(
    (known) => admit(exchange, route, address, known),
    (error: unknown) => refuse(exchange, route, error),
  )
}

/** Whether it has all it needs when its headers are there. The places kept for what takes away go to whoever is known to be allowed to. */
const isWhole = ({ checkBody, takesAway }: Route): boolean => checkBody === null && !takesAway

function admit(exchange: Exchange, route: Route, address: Address, caller: Caller): void {
  exchange.principalId = caller.principalId
  const refusal = refusalFor(route, caller)
  if (refusal !== null) return refuse(exchange, route, refusal)
  if (route.checkBody === null) {
    if (hasBody(exchange.request)) return refuse(exchange, route, httpFaults['bad-request']('This operation takes no body.'))
    return run(exchange, route, address, caller, null)
  }
  const admittedIn = turnNow()
  readBody(exchange, route.takesAway, (body) => {
    if (body instanceof Fault) return refuse(exchange, route, body)
    if (turnNow() === admittedIn) return run(exchange, route, address, caller, body)
    callerNow(exchange, route).then(
      (known) => run(exchange, route, address, known, body),
      (error: unknown) => refuse(exchange, route, error),
    )
  })
}

/**
 * Invariant H12: who asks, and what they may do, counts as it is when all of the request is there, and again whenever a
 * write is decided anew. A body may take half a minute to come, and a revocation counts at once.
 *
 * @throws Fault http/unauthenticated, http/not-found, http/forbidden
 */
async function callerNow(exchange: Exchange, route: Route): Promise<Caller> {
  const { context, request } = exchange
  const caller = await context.ports.authenticate(bearerOf(request.headers.authorization), exchange, true)
  const refusal = refusalFor(route, caller)
  if (refusal !== null) throw refusal
  return caller
}

/**
 * Invariant H4: decided before anything is looked up, so that existing and missing targets are refused alike. Only
 * whoever may know that targets exist hears which permission is missing.
 */
function refusalFor({ operation, paramNames }: Route, { permissions }: Caller): Fault | null {
  if (permissions.has(operation.permission)) return null
  if (paramNames.length > 0 && !permissions.has(operation.existence)) return httpFaults['not-found']('There is nothing here that you may see.')
  return httpFaults.forbidden(`This takes the permission ${operation.permission}.`)
}

/** A message has a body when it says how long it is, or that it will see (RFC 9112 §6.3). */
const hasBody = ({ headers }: IncomingMessage): boolean =>
  headers['transfer-encoding'] !== undefined || (headers['content-length'] !== undefined && headers['content-length'] !== '0')

function run(exchange: Exchange, route: Route, address: Address, caller: Caller, body: Uint8Array | null): void {
  try {
    const input = readInput(route, address, exchange.request, body)
    const refusal = exchange.takePlace(route.takesAway)
    if (refusal !== null) return refuse(exchange, route, refusal)
    exchange.performing()
    const answer = perform(exchange, route, caller, input, () => callerNow(exchange, route))
    if (answer instanceof Promise) answer.then((done) => exchange.send(...done)).catch((error: unknown) => refuse(exchange, route, error))
    else exchange.send(...answer)
  } catch (error) {
    refuse(exchange, route, error)
  }
}

function refuse(exchange: Exchange, route: Route, error: unknown): void {
  const { context, request } = exchange
  if (!(error instanceof Fault)) return exchange.refuse(error)
  if (!route.mayAnswer(error.code)) {
    context.logger.error({ operation: route.operation.id, code: error.code }, 'an operation answers a fault that it does not declare')
  }
  const hadCredential = request.headers.authorization !== undefined
  if (error.code === 'http/unauthenticated' && hadCredential) {
    const retryAfterS = context.credentialThrottle.refused(exchange.clientIp, context.clock.now())
    if (retryAfterS > 0) {
      return exchange.refuse(httpFaults['too-many-requests']('Too many refused credentials came from this address. Wait, and send a valid one.', { retryAfterS }))
    }
  }
  exchange.refuse(error, challengeOf(error, hadCredential, route.operation.permission))
}
