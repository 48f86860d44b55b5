import { inspect } from 'node:util'

const hidden = '[secret]'

/**
 * Invariant B4: it will not print: not by `console.log`, not in a template, not in JSON, not in an error.
 *
 * It leaves its wrapper only through `revealSecret`, so every place where a secret surfaces can be found by name.
 */
export class Secret {
  readonly #value: string
  constructor(value: string) {
    this.#value = value
  }
  toString(): string {
    return hidden
  }
  toJSON(): string {
    return hidden
  }
  [inspect.custom](): string {
    return hidden
  }
  static reveal(secret: Secret): string {
    return secret.#value
  }
}

/** The one way out of a `Secret`. Each call says by being there that a secret is about to surface. */
export const revealSecret = (secret: Secret): string => Secret.reveal(secret)
