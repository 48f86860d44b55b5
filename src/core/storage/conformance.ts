/**
 * What every engine promises, as one suite: SQLite and PostgreSQL are twins as far as this reaches.
 *
 * @module
 */
import { test } from 'node:test'
import { commitGuarantees } from './conformance/commits.ts'
import { concurrencyGuarantees } from './conformance/concurrency.ts'
import type { Guarantee, TestStore } from './conformance/harness.ts'
import { lifeGuarantees } from './conformance/life.ts'
import { logGuarantees } from './conformance/log.ts'
import { rowGuarantees } from './conformance/rows.ts'

export interface ConformanceOptions {
  readonly create: () => Promise<TestStore>
  /** How many servers may have the database open at a time. */
  readonly servers: 1 | 2
  readonly skip?: string
}

/** Registers the suite for one engine. */
export function storageConformance(name: string, { create, servers, skip }: ConformanceOptions): void {
  const guarantee: Guarantee = (sentence, run) => {
    test(`${name}: ${sentence}`, { skip: skip ?? false }, async () => {
      const store = await create()
      try {
        await run(store)
      } finally {
        await store.drop()
      }
    })
  }
  commitGuarantees(guarantee)
  concurrencyGuarantees(guarantee, servers)
  rowGuarantees(guarantee)
  logGuarantees(guarantee, servers)
  lifeGuarantees(guarantee)
}
