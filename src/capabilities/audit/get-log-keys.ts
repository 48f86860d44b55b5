import { Type } from 'typebox'
import { exactly, oneOf } from '#core/http/schema'
import { logParams } from './entry-schema.ts'
import { requireOwnLog } from './find.ts'
import { logAlgorithms, originOf } from './log-keys.ts'
import { operation } from './operation.ts'

export const getLogKeys = operation.read({
  id: 'logs.get-keys',
  summary: 'Get the verifier keys of a log',
  description: 'What its checkpoints are checked with, as C2SP signed-note writes keys. Keep them where whoever runs this server cannot change them. They never change.',
  http: 'GET /v1/logs/{workspaceId}/keys',
  permission: 'logs:read',
  existence: 'logs:read',
  roles: ['owner', 'admin', 'auditor'],
  criticality: 'none',
  faults: ['audit/log-not-found'],
  input: { params: logParams },
  output: exactly({
    origin: Type.String({ description: 'First line of every checkpoint, and the name of the keys.' }),
    keys: Type.Array(exactly({ algorithm: oneOf(logAlgorithms), verifierKey: Type.String() })),
  }),
  async handle({ params }, { caller }, { keys }) {
    requireOwnLog(caller, params.workspaceId)
    return { origin: originOf(params.workspaceId), keys: [...(await keys.verifierKeys(params.workspaceId))] }
  },
})
