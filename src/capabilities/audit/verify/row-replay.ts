/**
 * Replay: what the log says of every guarded row, held against the rows that are there.
 *
 * While rows are read a running log goes on, so a row may be one that only a later entry speaks of. What does not fit is
 * therefore kept, and entries that come later may still explain it; what none explains is wrong.
 *
 * @module
 */
import { canonicalJson } from '#core/base/json'
import { sha256 } from '#core/crypto/hash'
import { rowHeadDeleted } from '#core/storage/row-guard'
import type { RowMark } from '../entry.ts'
import { VerifyProblem, type ProblemCode } from './problem.ts'
import type { RowRecord } from './source.ts'

interface Logged {
  version: number
  digest: string
  isSeen: boolean
}

interface Unexplained {
  readonly code: ProblemCode
  /** What an entry that explains it would have to say; any version where null. */
  readonly version: number | null
  readonly digest: string
}

/** A running log cannot explain more than this many at once. */
const unexplainedMax = 10_000

export class RowReplay {
  readonly #logged = new Map<string, Logged>()
  /** By `table/id`, in the order in which they were found. */
  readonly #unexplained = new Map<string, Unexplained>()
  #rows = 0

  /** Rows that were there. */
  get rows(): number {
    return this.#rows
  }

  /**
   * @param tampered the entry says that it took away what had been altered outside. Whoever altered the row chose the
   * version that it went on from; the log has said so since, and what comes after it can be checked as ever
   *
   * @throws VerifyProblem when the entry does not go on from what was said of the row before
   */
  apply(entry: number, { table, id, version, digest }: RowMark, tampered = false): void {
    const name = `${table}/${id}`
    const logged = this.#logged.get(name)
    if (logged === undefined) {
      if (version !== 1 || digest === rowHeadDeleted) throw new VerifyProblem('row-marks-disagree', 'entry', entry)
      this.#logged.set(name, { version, digest, isSeen: false })
    } else {
      if ((version !== logged.version + 1 && !tampered) || logged.digest === rowHeadDeleted) throw new VerifyProblem('row-marks-disagree', 'entry', entry)
      logged.version = version
      logged.digest = digest
    }
    const waiting = this.#unexplained.get(name)
    if (waiting === undefined) return
    if ((waiting.version === null || waiting.version === version) && waiting.digest === digest) this.#unexplained.delete(name)
  }

  /** Holds a row against the log as it was replayed until now. @throws VerifyProblem */
  check(record: RowRecord): void {
    const name = `${record.table}/${record.id}`
    const logged = this.#logged.get(name)
    if (logged?.isSeen === true || this.#unexplained.has(name)) throw new VerifyProblem('row-repeated', 'row', name)
    const found = stateOf(record)
    if (record.row !== null) this.#rows++
    if (logged !== undefined) logged.isSeen = true
    if (found.version === logged?.version && found.digest === logged.digest) return this.#checkSeals(record, found)
    const code = codeOf(record, found, logged)
    // Versions only go up, and a row comes with its head: later entries will explain nothing else.
    const canBeNew = logged === undefined ? record.head !== null : found.version > logged.version
    if (!canBeNew) throw new VerifyProblem(code, 'row', name)
    this.#checkSeals(record, found)
    this.#keep(name, { ...found, code })
  }

  /** Every row has been checked: what the log knows and nobody showed is missing. */
  finish(): void {
    for (const [name, { digest, isSeen }] of this.#logged) {
      if (!isSeen && digest !== rowHeadDeleted) this.#keep(name, { code: 'row-missing', version: null, digest: rowHeadDeleted })
    }
  }

  get hasUnexplained(): boolean {
    return this.#unexplained.size > 0
  }

  /** @throws VerifyProblem with the first row that no entry explains */
  requireExplained(): void {
    for (const [name, { code }] of this.#unexplained) throw new VerifyProblem(code, 'row', name)
  }

  #keep(name: string, unexplained: Unexplained): void {
    this.#unexplained.set(name, unexplained)
    if (this.#unexplained.size > unexplainedMax) this.requireExplained()
  }

  #checkSeals({ table, id, head, macHolds }: RowRecord, { version, digest }: { version: number; digest: string }): void {
    if (head?.version !== version || head.digest !== digest) throw new VerifyProblem('head-differs', 'row', `${table}/${id}`)
    if (macHolds === false) throw new VerifyProblem('row-mac-differs', 'row', `${table}/${id}`)
  }
}

/** The version and digest of a row as it is there; of a deleted one, what its head says. */
function stateOf({ table, id, row, salt, head }: RowRecord): { version: number; digest: string } {
  if (row === null) {
    if (head === null || salt.length > 0) throw new VerifyProblem('row-malformed', 'row', `${table}/${id}`)
    return { version: head.version, digest: rowHeadDeleted }
  }
  const { version } = row
  if (row['id'] !== id || typeof version !== 'number' || !Number.isSafeInteger(version) || version < 1) {
    throw new VerifyProblem('row-malformed', 'row', `${table}/${id}`)
  }
  const text = Buffer.from(canonicalJson({ table, row }), 'utf8')
  return { version, digest: sha256(Buffer.concat([salt, text])).toString('base64url') }
}

function codeOf({ row }: RowRecord, { version }: { version: number }, logged: Logged | undefined): ProblemCode {
  if (logged === undefined) return 'row-unknown'
  if (row === null) return 'row-missing'
  if (logged.digest === rowHeadDeleted) return 'row-unknown'
  if (version < logged.version) return 'row-rolled-back'
  return version > logged.version ? 'row-unlogged-version' : 'row-altered'
}
