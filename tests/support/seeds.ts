/**
 * Seeds for simulations: some in `npm test`, many in `npm run soak`, one when a failure is to be seen again.
 *
 * @module
 */

/** `SEED`: the first one. `SEEDS`: how many. */
interface Environment {
  readonly SEED?: string
  readonly SEEDS?: string
}

/** A seed whose run failed; the message says how to see it again. */
export class SeedFailure extends Error {
  override readonly name = 'SeedFailure'
  constructor(seed: number, cause: unknown) {
    super(`seed ${seed} fails; to see it again: SEED=${seed} SEEDS=1 npm run soak\n${cause instanceof Error ? cause.stack ?? cause.message : String(cause)}`, { cause })
  }
}

/** Runs with one seed after another, and stops at the first that fails. @param count how many, unless `SEEDS` says otherwise */
export async function forEachSeed(count: number, run: (seed: number) => Promise<void> | void, environment: Environment = process.env): Promise<void> {
  const first = Number(environment.SEED ?? 1)
  for (let seed = first; seed < first + Number(environment.SEEDS ?? count); seed++) {
    try {
      await run(seed)
    } catch (error) {
      throw new SeedFailure(seed, error)
    }
  }
}
