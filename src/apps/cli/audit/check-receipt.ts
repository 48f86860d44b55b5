/** `claviger audit check-receipt`. */
import { readFileSync } from 'node:fs'
import { verifyReceipt } from '@claviger/verifier'
import { decodeEntry } from '#cap/audit'
import { CliError, exitCodes, usageError } from '../exit.ts'
import { writeJson } from '../operations/answer.ts'
import { errorCode } from '../private-file.ts'
import { writeRecord } from '../render/record.ts'
import type { Session } from '../session.ts'
import { readVerifierKeys } from './verifier-keys.ts'

export interface CheckReceiptOptions {
  readonly keyFile: string
  readonly json?: boolean
  readonly quiet?: boolean
}

/** Proves from a receipt and keys alone that an entry is in a log. @returns the exit code */
export async function checkReceipt({ terminal, nowMs }: Session, file: string, { keyFile, json, quiet }: CheckReceiptOptions): Promise<number> {
  const vkeys = readVerifierKeys(keyFile)
  const verified = verifyReceipt(readReceipt(file), { vkeys })
  if (verified === null) {
    throw new CliError('logWrong', 'The receipt proves nothing.', [
      'It is damaged, its entry is not in the tree that its checkpoint signs, or the checkpoint is not signed by all of these keys.',
    ])
  }
  const { entry: leaf, index, checkpoint } = verified
  const entry = decodeEntry(leaf)
  if (entry === null) throw new CliError('logWrong', 'The receipt holds, but its entry is not one that this version understands.')
  const shown = { log: checkpoint.origin, index, size: checkpoint.size, rootHash: checkpoint.root.toString('base64') }
  if (json === true) writeJson(terminal.out, { ...shown, entry }, null, false)
  else if (quiet === true) terminal.out.line(entry.id)
  else {
    const { id, at, event, operation, actor, target, facts } = entry
    terminal.out.line(`${terminal.out.paint(['bold', 'green'], 'ok')}  The entry is in the log, signed by ${vkeys.length} keys.`)
    writeRecord(terminal.out, { entryId: id, at, event, operation, actor, target, facts, ...shown }, nowMs())
  }
  return exitCodes.ok.code
}

function readReceipt(file: string): string {
  try {
    return readFileSync(file === '-' ? 0 : file, 'utf8')
  } catch (error) {
    throw usageError(`${file} cannot be read (${errorCode(error) ?? 'unknown'}).`)
  }
}
