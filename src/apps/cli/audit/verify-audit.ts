/** `claviger audit verify`. */
import { SourceRefused, verifyLog, type VerifyReport } from '#cap/audit'
import { ProblemError } from '../client.ts'
import { CliError, exitCodes } from '../exit.ts'
import { writeJson } from '../operations/answer.ts'
import type { Session } from '../session.ts'
import { recall, remember, type Seen } from './memory.ts'
import { progressOn, reportJson, writeReport } from './report.ts'
import { openLogs, type NamedLog, type SourceOptions } from './sources.ts'
import { readVerifierKeys, workspaceOf } from './verifier-keys.ts'

export interface VerifyAuditOptions extends SourceOptions {
  readonly keyFile?: string
  /** False: what was seen before is neither asked nor changed. */
  readonly memory?: boolean
}

/** @returns the exit code */
export async function verifyAudit(session: Session, named: string | undefined, options: VerifyAuditOptions): Promise<number> {
  const given = options.keyFile === undefined ? null : readVerifierKeys(options.keyFile)
  const { state } = session.places
  const known = (workspaceId: string): readonly string[] | null => given ?? (options.memory === false ? null : (recall(state, workspaceId)?.vkeys ?? null))
  const { logs, close } = await openLogs(session, named, options, known)
  let code: number = exitCodes.ok.code
  try {
    for (const log of logs) {
      const report = await refusing(() => checkOne(session, log, given, options))
      if (!report.ok) code = exitCodes.logWrong.code
    }
  } finally {
    await close()
  }
  return code
}

async function checkOne(session: Session, log: NamedLog, given: readonly string[] | null, options: VerifyAuditOptions): Promise<VerifyReport> {
  const { terminal, places, nowMs } = session
  const { name, workspaceId, source } = log
  const shown = await source.vkeys()
  const id = workspaceId ?? workspaceOf(given ?? shown)
  const seen = options.memory === false || id === null ? null : recall(places.state, id)
  const vkeys = given ?? seen?.vkeys
  const progress = progressOn(terminal)
  const report = await verifyLog(source, {
    ...(vkeys === undefined ? {} : { vkeys }),
    ...(workspaceId === null ? {} : { workspaceId }),
    ...(seen?.checkpoint === undefined || seen.checkpoint === null ? {} : { lastSeen: seen.checkpoint }),
    onProgress: progress.tell,
  })
  progress.end()
  await requireSigning(log, report)
  const context = { name, seen, stateDirectory: places.state, nowMs: nowMs() }
  if (options.json === true) writeJson(terminal.out, reportJson(report, name), null, false)
  else if (options.quiet !== true || !report.ok) writeReport(terminal, report, context)
  if (report.ok && id !== null && options.memory !== false) remember(places.state, id, seenNow(report, vkeys ?? shown, name, context.nowMs))
  return report
}

/** What a checkpoint that is yet to be signed would explain. */
const unexplainedCodes: ReadonlySet<string> = new Set(['row-unknown', 'row-unlogged-version', 'row-missing', 'block-unknown'])

/**
 * While a server cannot sign, what takes away goes on, and its rows are newer than the newest checkpoint: nothing is
 * proved then, and nobody is to be accused.
 *
 * @throws CliError unavailable
 */
export async function requireSigning({ name, isReady }: NamedLog, { problems: [problem], size, rowsFrom }: VerifyReport): Promise<void> {
  if (problem === undefined || !unexplainedCodes.has(problem.code) || size !== rowsFrom || isReady === undefined || (await isReady())) return
  const { kind, name: place } = problem.place
  throw new CliError('unavailable', `${name} is not ready, and signed no checkpoint since its rows were read: whether the log explains ${kind} ${place} cannot be said.`, [
    'What its newest checkpoint covers is well. Its /readyz says what does not work; check again when it does.',
  ])
}

const seenNow = (report: VerifyReport, vkeys: readonly string[], source: string, nowMs: number): Seen =>
  ({ vkeys, checkpoint: report.checkpoint, size: report.size, at: new Date(nowMs).toISOString(), source })

/** What the server refuses is told as every refusal of it. */
export async function refusing<Result>(work: () => Promise<Result>): Promise<Result> {
  try {
    return await work()
  } catch (error) {
    if (!(error instanceof SourceRefused)) throw error
    const { status, code, detail } = error
    throw new ProblemError({ title: detail === '' ? error.message : detail, status, code, ...(code === '' ? {} : { type: `/errors/${code}` }) })
  }
}
