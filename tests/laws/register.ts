/** Registers every law for every operation, over one server. */
import { after, before, test } from 'node:test'
import { operations } from '../../src/apps/operations.ts'
import { openInstanceSubject } from './instance-subject.ts'
import { laws, lawsOfTheRun } from './laws.ts'
import type { Subject } from './subject.ts'

export interface Server {
  readonly name: string
  /** The database; null: SQLite. */
  readonly openDatabase: () => Promise<{ readonly url: string; drop(): Promise<void> } | null>
  readonly skip?: string
}

export function registerLaws({ name, openDatabase, skip }: Server): void {
  let subject: (Subject & { close(): Promise<void> }) | undefined
  let database: Awaited<ReturnType<Server['openDatabase']>> = null
  const options = { skip: skip ?? false }
  const given = (): Subject => {
    if (subject === undefined) throw new Error('the server did not start')
    return subject
  }

  if (skip === undefined) {
    before(async () => {
      database = await openDatabase()
      subject = await openInstanceSubject(database?.url)
    })
    after(async () => {
      await subject?.close()
      await database?.drop()
    })
  }
  for (const operation of operations) {
    for (const law of laws.filter(({ appliesTo }) => appliesTo(operation))) {
      test(`${name} ${law.name}: ${operation.id} ${law.says}`, options, () => law.holds(given(), operation))
    }
  }
  for (const law of lawsOfTheRun) test(`${name} ${law.name}: ${law.says}`, options, () => law.holds(given()))
}
