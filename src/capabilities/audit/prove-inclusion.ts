import { Type } from 'typebox'
import { exactly } from '#core/http/schema'
import { leafHashOutput, logParams, proofOutput, rootOutput, treeSize } from './entry-schema.ts'
import { auditFaults } from './faults.ts'
import { requireLog } from './find.ts'
import { operation } from './operation.ts'

export const proveInclusion = operation.read({
  id: 'logs.prove-inclusion',
  summary: 'Prove that an entry is in a log',
  description: 'The path from an entry to the root of the tree of that size (RFC 9162 §2.1.3). Without `size`, of the newest checkpoint.',
  http: 'GET /v1/logs/{workspaceId}/inclusion',
  permission: 'logs:read',
  existence: 'logs:read',
  roles: ['owner', 'admin', 'auditor'],
  criticality: 'none',
  faults: ['audit/log-not-found', 'audit/outside-the-log', 'audit/not-yet-published', 'audit/log-damaged'],
  input: {
    params: logParams,
    query: exactly({ index: treeSize(0, 'Place of the entry in the log.'), size: Type.Optional(treeSize(1, 'Size of the tree.')) }),
  },
  output: exactly({ index: Type.Integer(), size: Type.Integer(), leafHash: leafHashOutput, root: rootOutput, proof: proofOutput }),
  async handle({ params, query }, { caller }, services) {
    const log = await requireLog(services, caller, params.workspaceId)
    const { index, size = log.size } = query
    if (size > log.size) throw auditFaults['outside-the-log'](`The newest checkpoint covers ${log.size} entries.`)
    if (index >= size) throw auditFaults['outside-the-log']('`index` counts from 0 and must be below `size`.')
    const { leafHash, root, proof } = await log.inclusion(index, size)
    return { index, size, leafHash: leafHash.toString('base64'), root: root.toString('base64'), proof: proof.map((hash) => hash.toString('base64')) }
  },
})
