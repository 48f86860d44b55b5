import { Type } from 'typebox'
import { exactly, idOf } from '#core/http/schema'
import type { FoundEntry } from './find.ts'

export const entryParams = exactly({ entryId: idOf('ent') })
export const logParams = exactly({ workspaceId: idOf('wsp') })

const hash = (description: string) => Type.String({ minLength: 44, maxLength: 44, description: `${description} 32 bytes, base64.` })
export const leafHashOutput = hash('SHA-256(00 ‖ entry).')
export const rootOutput = hash('Root of the tree.')
export const proofOutput = Type.Array(hash('One hash of the path.'), { maxItems: 128, description: 'From the leaf up (RFC 9162 §2.1.3, §2.1.4).' })
export const treeSize = (minimum: number, description: string) => Type.Integer({ minimum, maximum: Number.MAX_SAFE_INTEGER, description })
export const noteOutput = Type.String({ description: 'C2SP signed note: origin, size and root, signed by Ed25519 and ML-DSA-44.' })

/** Values that stand in a leaf's facts or in details; what they are is up to the operation that wrote them. */
const anyObject = (description: string) => Type.Record(Type.String(), Type.Unknown(), { description })

const rowMark = exactly({
  table: Type.String(),
  id: Type.String(),
  version: Type.Integer(),
  digest: Type.String({ description: 'Salted SHA-256 of the row as it was written, base64url; empty when it was deleted.' }),
})

const detailMark = exactly({
  subject: Type.String({ description: 'Id of the person or place that the details are about.' }),
  commitment: Type.String({ description: 'Salted SHA-256 of the details, base64url.' }),
})

const detail = exactly({
  ...detailMark.properties,
  data: Type.Optional(anyObject('The details. Only with the permission `audit:read-details`.')),
  salt: Type.Optional(Type.String({ description: '32 bytes, base64url. SHA-256 over them and the canonical JSON of `data` is the commitment.' })),
  erased: Type.Optional(Type.Boolean({ description: 'The subject was erased: nobody can read the details any more.' })),
  damaged: Type.Optional(Type.Boolean({ description: 'What is stored does not open, or not to what the entry committed to.' })),
})

const entryFields = {
  entryId: idOf('ent'),
  index: Type.Integer({ minimum: 0, description: 'Its place in the log.' }),
  at: Type.String(),
  event: Type.String({ examples: ['key.revoked'] }),
  operation: Type.String({ examples: ['keys.revoke'] }),
  actor: Type.Union([
    exactly({ principal: Type.String(), key: Type.String(), workspace: Type.String() }),
    exactly({ system: Type.String({ description: 'A part of the server that acted by itself.' }) }),
  ]),
  target: Type.String({ description: 'Id of what it is about; may be empty.' }),
  facts: anyObject('What the entry says for ever.'),
  rows: Type.Array(rowMark, { description: 'Rows that the change wrote.' }),
  withheld: Type.Boolean({ description: 'Details existed and could not be sealed; the change took something away and went on.' }),
}

export const listedEntryOutput = exactly({ ...entryFields, details: Type.Array(detailMark) })
export const entryOutput = exactly({ ...entryFields, details: Type.Array(detail) })

export const presentEntry = ({ stored, entry }: FoundEntry) => ({
  entryId: entry.id,
  index: stored.idx,
  at: entry.at,
  event: entry.event,
  operation: entry.operation,
  actor: entry.actor,
  target: entry.target,
  facts: entry.facts,
  rows: [...entry.rows],
  withheld: entry.withheld === true,
  details: entry.details.map(({ subject, commitment }) => ({ subject, commitment })),
})
