/** `claviger audit export`. */
import { readdirSync } from 'node:fs'
import { resolve } from 'node:path'
import { exportLog } from '#cap/audit'
import { exitCodes, usageError } from '../exit.ts'
import { writeJson } from '../operations/answer.ts'
import { errorCode } from '../private-file.ts'
import type { Session } from '../session.ts'
import { recall } from './memory.ts'
import { progressOn, reportJson, writeReport } from './report.ts'
import { openServer, type SourceOptions } from './sources.ts'
import { refusing, requireSigning } from './verify-audit.ts'

/** Exports what a check reads, checking it on the way. @returns the exit code */
export async function exportAudit(session: Session, named: string, options: SourceOptions): Promise<number> {
  const { terminal, places, nowMs } = session
  const directory = resolve(named)
  requireEmpty(directory)
  const { logs: [log], close } = await openServer(session, options)
  try {
    const { name, workspaceId, source } = log
    const seen = workspaceId === null ? null : recall(places.state, workspaceId)
    const progress = progressOn(terminal)
    const report = await refusing(() => exportLog(source, directory, {
      ...(seen === null ? {} : { vkeys: seen.vkeys }),
      ...(seen === null || seen.checkpoint === null ? {} : { lastSeen: seen.checkpoint }),
      onProgress: progress.tell,
    }))
    progress.end()
    await requireSigning(log, report)
    if (options.json === true) writeJson(terminal.out, { ...reportJson(report, name), directory }, null, false)
    else if (options.quiet === true && report.ok) terminal.out.line(directory)
    else writeReport(terminal, report, { name, seen, stateDirectory: places.state, nowMs: nowMs() })
    if (options.json !== true && options.quiet !== true && report.ok) terminal.err.line(`Exported to ${directory}. Check it anywhere: claviger audit verify ${named}`)
    return report.ok ? exitCodes.ok.code : exitCodes.logWrong.code
  } finally {
    await close()
  }
}

function requireEmpty(directory: string): void {
  try {
    if (readdirSync(directory).length > 0) throw usageError(`${directory} is not empty, and nothing is overwritten.`)
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error
  }
}
