/**
 * Sections: bulk records by subject, each sealed under its subject's key, with one commitment for a leaf to hold.
 *
 * The commitment is SHA-256 over the sections' salted commitments in order, so the leaf stays small however many
 * subjects there are, and any section can be erased while the rest can still be checked against it.
 *
 * @module
 */
import { assert } from '#core/base/assert'
import type { Random } from '#core/base/id'
import type { SealingKey } from '#core/crypto/aead'
import { sha256 } from '#core/crypto/hash'
import { defineWork, inlineOffload } from '#core/jobs/offload'
import { storageFaults } from '#core/storage/faults'
import { detailSaltLength, openDetail, sealDetail, type SealedDetail } from './details.ts'
import type { DetailMark } from './entry.ts'
import type { Subjects } from './subjects.ts'
import { isSection } from './verify/records.ts'

interface Section {
  readonly mark: DetailMark
  /** Null when the subject was erased before. */
  readonly detail: SealedDetail | null
}

export interface SealedSections {
  readonly bytes: Uint8Array
  readonly commitment: string
  readonly hasErased: boolean
}

export interface SectionSealer {
  /** `hasErased`: the subject of a section was erased before, and its text is in none of the bytes. */
  seal(workspaceId: string, blockId: string, sections: readonly { subject: string; text: string }[]): Promise<SealedSections>
  /**
   * The readable sections of a block; erased ones are left out.
   *
   * @param only opens this subject's alone
   */
  open(workspaceId: string, blockId: string, bytes: Uint8Array, only?: string): Promise<readonly { subject: string; text: string }[]>
}

/** What the leaf of a block commits to; the same for everyone who holds the block's bytes, keys or not. */
export const sectionsCommitment = (bytes: Uint8Array): string => commitmentOf(parse(bytes))

function commitmentOf(sections: readonly Section[]): string {
  const marks = sections.map((section) => `${section.mark.subject} ${section.mark.commitment}\n`)
  return sha256(Buffer.from(marks.join(''), 'utf8')).toString('base64url')
}

interface ToSeal {
  readonly subject: string
  readonly text: string
  /** Null when the subject was erased before: then nothing of its section is kept. */
  readonly key: SealingKey | null
  readonly salt: Uint8Array
}

export const sealSections = defineWork(import.meta.url, 'sealSections', (workspaceId: string, blockId: string, sections: readonly ToSeal[]) => {
  const sealed = sections.map(({ subject, text, key, salt }): Section =>
    key === null ? { mark: { subject, commitment: '' }, detail: null } : sealDetail(key, { workspaceId, entryId: blockId, subject }, { text }, salt))
  // In memory of its own: to another thread the whole pool that a small buffer lies in would be copied.
  const bytes = new Uint8Array(Buffer.from(JSON.stringify(sealed), 'utf8'))
  return { bytes, commitment: commitmentOf(sealed) }
})

export function createSectionSealer(subjects: Subjects, random: Random, offload = inlineOffload): SectionSealer {
  return {
    async seal(workspaceId, blockId, sections) {
      const wanted: ToSeal[] = []
      for (const { subject, text } of sections) {
        wanted.push({ subject, text, key: await subjects.keyToSeal(workspaceId, subject), salt: random.bytes(detailSaltLength) })
      }
      return { ...(await offload.run(sealSections, workspaceId, blockId, wanted)), hasErased: wanted.some(({ key }) => key === null) }
    },
    async open(workspaceId, blockId, bytes, only) {
      const readable: { subject: string; text: string }[] = []
      for (const { mark, detail } of sectionsOf(blockId, bytes)) {
        if (only !== undefined && mark.subject !== only) continue
        const key = detail === null ? null : await subjects.keyToOpen(workspaceId, mark.subject)
        if (key === null || detail === null) continue
        const data = openDetail(key, { workspaceId, entryId: blockId, subject: mark.subject }, detail, mark)
        if (data === null) throw tamperedBlock(blockId)
        assert(typeof data['text'] === 'string', 'A8: a section holds text')
        readable.push({ subject: mark.subject, text: data['text'] })
      }
      return readable
    },
  }
}

/** Invariant A8: what does not open to what its commitment says was tampered with, and so was what has not the shape of sections. */
function sectionsOf(blockId: string, bytes: Uint8Array): readonly Section[] {
  let list: unknown
  try {
    list = parse(bytes)
  } catch {
    throw tamperedBlock(blockId)
  }
  if (!Array.isArray(list) || !list.every(isSection)) throw tamperedBlock(blockId)
  return list
}

const tamperedBlock = (blockId: string) =>
  storageFaults.tampered('A block of uses was altered outside Claviger. Run `claviger audit verify`.', { context: { block: blockId } })

const parse = (bytes: Uint8Array): Section[] => JSON.parse(Buffer.from(bytes).toString('utf8')) as Section[]
