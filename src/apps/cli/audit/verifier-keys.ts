/** Verifier keys in a file: one a line, or the JSON of `claviger logs get-keys --json`. */
import { readFileSync } from 'node:fs'
import { parseVerifierKey } from '@claviger/verifier'
import { usageError } from '../exit.ts'
import { errorCode } from '../private-file.ts'

/** @throws CliError usage */
export function readVerifierKeys(file: string): readonly string[] {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    throw usageError(`--key-file ${file} cannot be read (${errorCode(error) ?? 'unknown'}).`)
  }
  const vkeys = fromJson(text) ?? text.split('\n').map((line) => line.trim()).filter((line) => line !== '' && !line.startsWith('#'))
  if (vkeys.length === 0) throw usageError(`--key-file ${file} holds no verifier key.`)
  for (const [index, vkey] of vkeys.entries()) {
    if (parseVerifierKey(vkey) === null) throw usageError(`--key-file ${file}: key ${index + 1} is no verifier key (C2SP signed-note: name+hash+key).`)
  }
  return vkeys
}

function fromJson(text: string): readonly string[] | null {
  if (!text.trimStart().startsWith('{')) return null
  try {
    const { keys } = JSON.parse(text) as { keys?: readonly { verifierKey?: unknown }[] }
    return (keys ?? []).map(({ verifierKey }) => String(verifierKey))
  } catch {
    return null
  }
}

/** The workspace whose log these keys are of, or null. */
export const workspaceOf = (vkeys: readonly string[]): string | null =>
  /^claviger\/(wsp_[0-9A-Za-z]{16})$/.exec(parseVerifierKey(vkeys[0] ?? '')?.name ?? '')?.[1] ?? null
