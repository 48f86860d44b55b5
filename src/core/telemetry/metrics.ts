/**
 * Metrics in the Prometheus text format.
 *
 * Counting a request is a few additions to arrays of our own; prom-client, whose labels cost microseconds, is asked only
 * when somebody scrapes.
 *
 * Invariant T3: labels are operations and statuses, never ids: their number does not grow with use, and they name nobody.
 *
 * @module
 */
import { collectDefaultMetrics, Counter, Gauge, Registry, type Metric } from 'prom-client'

/** Upper bounds in seconds, from a verification in memory to a write that waits. */
const durationBucketsS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5]

/** What one operation has answered. */
export interface RequestMeter {
  record(status: number, durationMs: number): void
}

export interface Metrics {
  /** For further metrics of any room. */
  readonly registry: Registry
  /** The meter of one operation; always the same for the same name. */
  meterOf(operation: string): RequestMeter
  /** Tells how many requests are under way, whenever somebody scrapes. */
  watchInFlight(count: () => number): void
  /** What `/metrics` answers. */
  text(): Promise<string>
  readonly contentType: string
}

class Meter implements RequestMeter {
  readonly countByStatus = new Map<number, number>()
  /** One a bucket, not cumulative; the last holds what was slower than all. */
  readonly counts = new Float64Array(durationBucketsS.length + 1)
  sumS = 0

  record(status: number, durationMs: number): void {
    this.countByStatus.set(status, (this.countByStatus.get(status) ?? 0) + 1)
    const durationS = durationMs / 1000
    let bucket = 0
    while (bucket < durationBucketsS.length && durationS > durationBucketsS[bucket]!) bucket++
    this.counts[bucket]!++
    this.sumS += durationS
  }
}

export function createMetrics(): Metrics {
  const registry = new Registry()
  const meters = new Map<string, Meter>()
  let inFlight = (): number => 0
  collectDefaultMetrics({ register: registry })
  exposeCounts(registry, meters)
  exposeDurations(registry, meters)
  new Gauge({
    name: 'claviger_http_requests_in_flight',
    help: 'Requests under way.',
    registers: [registry],
    collect() {
      this.set(inFlight())
    },
  })
  return {
    registry,
    contentType: registry.contentType,
    text: () => registry.metrics(),
    watchInFlight(count) {
      inFlight = count
    },
    meterOf(operation) {
      const meter = meters.get(operation) ?? new Meter()
      meters.set(operation, meter)
      return meter
    },
  }
}

function exposeCounts(registry: Registry, meters: ReadonlyMap<string, Meter>): void {
  new Counter({
    name: 'claviger_http_requests_total',
    help: 'Requests answered.',
    labelNames: ['operation', 'status'],
    registers: [registry],
    collect() {
      this.reset()
      for (const [operation, { countByStatus }] of meters) {
        for (const [status, count] of countByStatus) this.inc({ operation, status }, count)
      }
    },
  })
}

function exposeDurations(registry: Registry, meters: ReadonlyMap<string, Meter>): void {
  const name = 'claviger_http_request_duration_seconds'
  const described = { name, help: 'From the request line to the answer.', type: 'histogram', aggregator: 'sum' }
  // prom-client's own histogram can only be observed one by one; the counts are ours. This is all that a registry asks of
  // a metric.
  const histogram = { ...described, get: async () => ({ ...described, values: [...meters].flatMap(([operation, meter]) => samplesOf(name, operation, meter)) }) }
  registry.registerMetric(histogram as unknown as Metric)
}

function samplesOf(name: string, operation: string, { counts, sumS }: Meter) {
  let total = 0
  const buckets = [...counts].map((count, index) => {
    total += count
    return { metricName: `${name}_bucket`, labels: { operation, le: durationBucketsS[index] ?? '+Inf' }, value: total }
  })
  return [
    ...buckets,
    { metricName: `${name}_sum`, labels: { operation }, value: sumS },
    { metricName: `${name}_count`, labels: { operation }, value: total },
  ]
}
