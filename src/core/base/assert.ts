/**
 * Throws on programmer error. Not for input: input gets a `Fault`.
 *
 * @param invariant the number and the sentence of what must hold, as its README states it: `K3: revocation is final`
 */
export function assert(condition: unknown, invariant: string): asserts condition {
  if (!condition) throw new InvariantViolation(invariant)
}

/** A broken promise of our own. It stops the request that met it and is answered as an opaque 500. */
export class InvariantViolation extends Error {
  override readonly name = 'InvariantViolation'
  constructor(invariant: string) {
    super(`invariant violated: ${invariant}`)
  }
}
