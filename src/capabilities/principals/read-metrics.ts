import { Type } from 'typebox'
import { requireFirstWorkspace } from './create-workspace.ts'
import { operation } from './operation.ts'

export const readMetrics = operation.read({
  id: 'telemetry.read-metrics',
  summary: 'Read the metrics',
  description:
    'Counters and durations of this server in the Prometheus text format. They tell of operations, never of single keys; but of those of every workspace, so only principals of the first workspace get them.',
  http: 'GET /metrics',
  permission: 'telemetry:read',
  existence: 'telemetry:read',
  roles: ['owner', 'admin', 'operator', 'auditor'],
  criticality: 'none',
  faults: ['principals/not-first-workspace', 'principals/workspace-not-found', 'storage/tampered'],
  input: {},
  output: Type.String(),
  contentType: 'text/plain; version=0.0.4; charset=utf-8',
  async handle(_input, { caller }, services) {
    await requireFirstWorkspace(services, caller)
    return services.metrics.text()
  },
})
