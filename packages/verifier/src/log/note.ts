/**
 * Notes: text signed by one or more keys (C2SP signed-note, "Format").
 *
 * Guarantee V12: a wrong signature of a known key sinks the note, however many good ones stand beside it.
 *
 * @module
 */
import { parseBase64 } from './base64.ts'
import { isKeyName, signatureCheck, type SignatureCheck } from './note-key.ts'

export interface OpenedNote {
  /** The text that is signed, its last newline included. */
  readonly body: string
  /** The verifier keys whose signature verified, as they were given, in their order. May be empty. */
  readonly verified: readonly string[]
}

/** UTF-16 code units of the longest note. Anything longer is refused unread. */
export const noteMaxLength = 512 * 1024
/** Signature lines under one note; a reader must bear at least 16. */
const signaturesMax = 100
const keyIdLength = 4
const separator = '\n\n'
const lineStart = '— '

// oxlint-disable-next-line no-control-regex -- they are what is refused
const forbidden = /[\u0000-\u0009\u000b-\u001f]/

/**
 * Checks a note against known keys. Null when it is malformed or the signature of a known key is wrong. Signatures of
 * other keys are passed over, so look at `verified` before you trust the body.
 *
 * @throws RangeError when a `vkey` is none: `parseVerifierKey` tells before
 */
export const openNote = (text: string, vkeys: readonly string[]): OpenedNote | null => createNoteOpener(vkeys)(text)

/** The same for many notes: the keys are read once. */
export function createNoteOpener(vkeys: readonly string[]): (text: string) => OpenedNote | null {
  const checks = [...new Set(vkeys)].map(signatureCheck)
  return (text) => {
    const note = splitNote(text)
    if (note === null) return null
    const verified = new Set<SignatureCheck>()
    for (const { name, keyId, signature } of note.signatures) {
      for (const check of checks) {
        if (!check.claims(name, keyId)) continue
        if (!check.verifies(note.body, signature)) return null
        verified.add(check)
      }
    }
    return { body: note.body, verified: checks.filter((check) => verified.has(check)).map(({ vkey }) => vkey) }
  }
}

interface NoteSignature {
  readonly name: string
  readonly keyId: Buffer
  readonly signature: Buffer
}

function splitNote(text: string): { body: string; signatures: readonly NoteSignature[] } | null {
  if (text.length > noteMaxLength || !text.isWellFormed() || forbidden.test(text)) return null
  const split = text.lastIndexOf(separator)
  if (split === -1 || !text.endsWith('\n')) return null
  const lines = text.slice(split + separator.length, -1).split('\n')
  if (lines.length > signaturesMax) return null
  const signatures: NoteSignature[] = []
  for (const line of lines) {
    const signature = parseSignatureLine(line)
    if (signature === null) return null
    signatures.push(signature)
  }
  return { body: text.slice(0, split + 1), signatures }
}

function parseSignatureLine(line: string): NoteSignature | null {
  if (!line.startsWith(lineStart)) return null
  const [name, encoded, ...rest] = line.slice(lineStart.length).split(' ')
  if (encoded === undefined || rest.length > 0 || !isKeyName(name!)) return null
  const bytes = parseBase64(encoded)
  if (bytes === null || bytes.length <= keyIdLength) return null
  return { name: name!, keyId: bytes.subarray(0, keyIdLength), signature: bytes.subarray(keyIdLength) }
}
