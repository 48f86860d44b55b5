/**
 * What was checked, in calm lines; and what is wrong, not so calmly.
 *
 * @module
 */
import type { VerifyReport } from '#cap/audit'
import { writeRecord } from '../render/record.ts'
import { visible, wrap } from '../render/text.ts'
import { fullTime, relative } from '../render/time.ts'
import type { Terminal } from '../terminal.ts'
import { memoryFile, type Seen } from './memory.ts'

export interface ReportContext {
  readonly name: string
  readonly seen: Seen | null
  readonly stateDirectory: string
  readonly nowMs: number
}

const number = (count: number): string => count.toLocaleString('en')

export function writeReport({ out, err }: Terminal, report: VerifyReport, context: ReportContext): void {
  const { counts, workspaceId } = report
  const { seen, nowMs } = context
  const [problem] = report.problems
  /** Where something was wrong before any of these was looked at, there is nothing to tell of them. */
  const checked = (count: number): string | null => (problem !== undefined && count === 0 ? null : number(count))
  out.line(out.paint('bold', `Audit log of ${visible(workspaceId ?? 'an unknown workspace')}`))
  writeRecord(out, {
    source: context.name,
    keys: keysLine(report, seen, nowMs),
    entries: checked(counts.entries + counts.unpublished) === null ? null
      : `${number(counts.entries)}${counts.unpublished === 0 ? '' : `, and ${number(counts.unpublished)} not under a checkpoint yet`}`,
    span: report.from === null || report.to === null ? null : `${fullTime(report.from, nowMs)} to ${fullTime(report.to, nowMs)}`,
    tiles: checked(counts.tiles),
    checkpoints: checked(counts.checkpoints),
    rows: checked(counts.rows),
    blocks: checked(counts.blocks),
    sealed: checked(counts.entries) === null ? null : counts.sealed === null || counts.subjectKeys === null ? 'not checked: only a data directory shows what is sealed'
      : `${number(counts.sealed)} details, under the keys of ${number(counts.subjectKeys)} subjects`,
    erased: checked(counts.erased),
    size: number(report.size),
    rootHash: report.root,
    lastSeen: seen === null ? null : `size ${number(seen.size)}, ${relative(seen.at, nowMs)}, at ${seen.source}`,
  }, nowMs)
  if (problem === undefined) {
    const [first = '', ...rest] = wrap('The tree, every checkpoint, every row and every block of uses are what the log says.', out.width - 4)
    out.line(`${out.paint(['bold', 'green'], 'ok')}  ${first}`)
    for (const line of rest) out.line(`    ${line}`)
    return
  }
  const indent = ' '.repeat('WRONG  '.length)
  const [begin = '', ...others] = wrap(visible(problem.text), err.width - indent.length)
  err.line(`${err.paint(['bold', 'red'], 'WRONG')}  ${begin}`)
  for (const line of [...others, ...cureOf(problem.code, workspaceId, context).flatMap((text) => wrap(text, err.width - indent.length))]) err.line(indent + line)
  err.line(err.paint('dim', indent + problem.code))
}

function keysLine({ keysFrom }: VerifyReport, seen: Seen | null, nowMs: number): string {
  if (keysFrom === 'source') return 'as the source shows them, seen for the first time and remembered from now on'
  return seen === null ? 'as given' : `as remembered, or given, since ${relative(seen.at, nowMs)}`
}

/** The log has another past than the one that was seen. */
const memoryCodes: ReadonlySet<string> = new Set(['log-went-back', 'log-forked', 'last-seen-malformed', 'keys-differ'])

function cureOf(code: string, workspaceId: string | null, { seen, stateDirectory }: ReportContext): readonly string[] {
  if (!memoryCodes.has(code) || seen === null || workspaceId === null) return ['Whatever comes after it was not looked at. Keep this copy: it is the evidence.']
  return [
    `It was seen at size ${number(seen.size)} on ${seen.at}, at ${seen.source}: history was taken back or rewritten since.`,
    'An older backup that was put back, or an older export, looks the same. If you know it is that, check it with --no-memory.',
    `What was seen is kept in ${memoryFile(stateDirectory, workspaceId)}`,
  ]
}

/** The report as JSON. */
export const reportJson = (report: VerifyReport, name: string): object => ({
  ...report, source: name, problems: report.problems.map(({ code, place, text }) => ({ code, place, text })),
})

/** Tells on a terminal how far the check is. */
export function progressOn({ err }: Terminal): { readonly tell: (entries: number) => void; readonly end: () => void } {
  let shown = false
  return {
    tell(entries) {
      if (!err.isTerminal || entries === 0) return
      shown = true
      err.write(`\r${err.paint('dim', `checked ${number(entries)} entries …`)}`)
    },
    end() {
      if (shown) err.write('\r\u001b[K')
    },
  }
}
