import { logParams, noteOutput } from './entry-schema.ts'
import { requireLog } from './find.ts'
import { operation } from './operation.ts'

export const getCheckpoint = operation.read({
  id: 'logs.get-checkpoint',
  summary: 'Get the newest checkpoint of a log',
  description:
    'What the log signs: its size and the root of its tree (C2SP tlog-checkpoint), by Ed25519 and ML-DSA-44. Keep it: a log that ever shows you a smaller or inconsistent one was rolled back. Made within a second of growth.',
  http: 'GET /v1/logs/{workspaceId}/checkpoint',
  permission: 'logs:read',
  existence: 'logs:read',
  roles: ['owner', 'admin', 'auditor'],
  criticality: 'none',
  faults: ['audit/log-not-found', 'audit/not-yet-published', 'audit/log-damaged'],
  input: { params: logParams },
  output: noteOutput,
  contentType: 'text/plain; charset=utf-8',
  async handle({ params }, { caller }, services) {
    return (await requireLog(services, caller, params.workspaceId)).checkpoint
  },
})
