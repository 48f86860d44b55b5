import { formatReceipt } from '@claviger/verifier'
import { Type } from 'typebox'
import { entryParams } from './entry-schema.ts'
import { notYetPublished, publishSoon, requireEntry } from './find.ts'
import type { PublishedLog } from './log-reader.ts'
import { operation } from './operation.ts'
import type { AuditServices } from './services.ts'

export const getReceipt = operation.read({
  id: 'audit.get-receipt',
  summary: 'Get the receipt of an audit entry',
  description:
    'Proves offline that the entry is in the log: the entry itself, its place, the path to the root, and the checkpoint that signs the root (`c2sp.org/tlog-proof@v1`). Check it with `claviger audit check-receipt`. Waits up to 2 seconds for the first checkpoint that covers the entry.',
  http: 'GET /v1/audit/entries/{entryId}/receipt',
  permission: 'audit:read',
  existence: 'audit:read',
  roles: ['owner', 'admin', 'operator', 'auditor'],
  criticality: 'none',
  faults: ['audit/not-found', 'audit/not-yet-published', 'audit/log-damaged', 'storage/tampered'],
  input: { params: entryParams },
  output: Type.String(),
  contentType: 'text/plain; charset=utf-8',
  async handle({ params }, { caller }, services) {
    const { stored } = await requireEntry(services, caller, params.entryId)
    const log = await publishedWith(services, caller.workspaceId, stored.idx)
    const { proof } = await log.inclusion(stored.idx, log.size, stored.leaf)
    return formatReceipt({ index: stored.idx, proof, checkpoint: log.checkpoint, entry: Buffer.from(stored.leaf) })
  },
})

/** The log once it covers an entry. @throws Fault audit/not-yet-published, audit/log-damaged */
async function publishedWith({ reader, publisher }: AuditServices, workspaceId: string, index: number): Promise<PublishedLog> {
  const known = await reader.open(workspaceId)
  if (known !== null && known.size > index) return known
  await publishSoon(publisher, workspaceId)
  const log = await reader.open(workspaceId)
  if (log === null || log.size <= index) throw notYetPublished()
  return log
}
