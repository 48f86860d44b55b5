import { decodeDetails, openSalted } from './details.ts'
import type { DetailMark } from './entry.ts'
import { entryOutput, entryParams, presentEntry } from './entry-schema.ts'
import { requireEntry, type FoundEntry } from './find.ts'
import { operation } from './operation.ts'
import type { Subjects } from './subjects.ts'

/** Opens details; stands for no operation of its own. */
export const readDetails = { permission: 'audit:read-details', roles: ['owner', 'admin', 'auditor'] } as const

export const getEntry = operation.read({
  id: 'audit.get-entry',
  summary: 'Show an audit entry',
  description:
    'With the permission `audit:read-details`, also the personal details that lie beside it. Of an erased subject they are gone: `erased` is true, and the entry still verifies.',
  http: 'GET /v1/audit/entries/{entryId}',
  permission: 'audit:read',
  existence: 'audit:read',
  roles: ['owner', 'admin', 'operator', 'auditor'],
  criticality: 'none',
  faults: ['audit/not-found', 'audit/not-yet-published', 'storage/tampered'],
  input: { params: entryParams },
  output: entryOutput,
  async handle({ params }, { caller }, services) {
    const found = await requireEntry(services, caller, params.entryId)
    const presented = presentEntry(found)
    if (!caller.permissions.has(readDetails.permission)) return presented
    return { ...presented, details: await Promise.all(found.entry.details.map((mark) => openMark(services.subjects, found, mark))) }
  },
})

async function openMark(subjects: Subjects, { stored }: FoundEntry, mark: DetailMark) {
  const { subject, commitment } = mark
  const key = await subjects.keyToOpen(stored.stream, subject)
  if (key === null) return { subject, commitment, erased: true }
  const detail = decodeDetails(stored.details)?.find((one) => one.subject === subject)
  const opened = detail === undefined ? null : openSalted(key, { workspaceId: stored.stream, entryId: stored.id, subject }, detail, mark)
  return opened === null ? { subject, commitment, damaged: true } : { subject, commitment, ...opened }
}
