import { Type } from 'typebox'
import { exactly } from '#core/http/schema'
import { logParams, proofOutput, rootOutput, treeSize } from './entry-schema.ts'
import { auditFaults } from './faults.ts'
import { requireLog } from './find.ts'
import { operation } from './operation.ts'

export const proveConsistency = operation.read({
  id: 'logs.prove-consistency',
  summary: 'Prove that a log only grew',
  description: 'That the tree of size `from` is the beginning of the tree of size `to` (RFC 9162 §2.1.4). Without `to`, of the newest checkpoint.',
  http: 'GET /v1/logs/{workspaceId}/consistency',
  permission: 'logs:read',
  existence: 'logs:read',
  roles: ['owner', 'admin', 'auditor'],
  criticality: 'none',
  faults: ['audit/log-not-found', 'audit/outside-the-log', 'audit/not-yet-published', 'audit/log-damaged'],
  input: {
    params: logParams,
    query: exactly({ from: treeSize(1, 'Size of the older tree.'), to: Type.Optional(treeSize(1, 'Size of the newer tree.')) }),
  },
  output: exactly({ from: Type.Integer(), to: Type.Integer(), fromRoot: rootOutput, toRoot: rootOutput, proof: proofOutput }),
  async handle({ params, query }, { caller }, services) {
    const log = await requireLog(services, caller, params.workspaceId)
    const { from, to = log.size } = query
    if (to > log.size) throw auditFaults['outside-the-log'](`The newest checkpoint covers ${log.size} entries.`)
    if (from > to) throw auditFaults['outside-the-log']('`from` must not be above `to`.')
    const { fromRoot, toRoot, proof } = await log.consistency(from, to)
    return { from, to, fromRoot: fromRoot.toString('base64'), toRoot: toRoot.toString('base64'), proof: proof.map((hash) => hash.toString('base64')) }
  },
})
