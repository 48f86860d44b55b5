/**
 * Every operation there is, as its capability declares it: what the server mounts, and what the CLI and the SDK are
 * derived from. `tests/tidy.test.ts` sees to it that no capability is forgotten here.
 *
 * @module
 */
import type { AnyOperation } from '#core/http/operation'
import { operations as audit } from '#cap/audit'
import { operations as keys } from '#cap/keys'
import { operations as principals } from '#cap/principals'

export const operations: readonly AnyOperation[] = [...audit, ...keys, ...principals]
