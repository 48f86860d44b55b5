import { Type } from 'typebox'
import type { Metrics } from '#core/telemetry/metrics'
import { operationsOf, type Mount } from './operation.ts'

interface MetricsServices {
  readonly metrics: Metrics
}

export const readMetrics = operationsOf<MetricsServices>().read({
  id: 'telemetry.read-metrics',
  summary: 'Read the metrics',
  description: 'Counters and durations of this server in the Prometheus text format. They tell of operations, never of single keys.',
  http: 'GET /metrics',
  permission: 'telemetry:read',
  existence: 'telemetry:read',
  roles: ['owner', 'admin', 'operator', 'auditor'],
  criticality: 'none',
  faults: [],
  input: {},
  output: Type.String(),
  contentType: 'text/plain; version=0.0.4; charset=utf-8',
  handle: (_input, _call, { metrics }) => metrics.text(),
})

export const metricsMount = (metrics: Metrics): Mount<MetricsServices> => ({ operations: [readMetrics], services: { metrics } })
