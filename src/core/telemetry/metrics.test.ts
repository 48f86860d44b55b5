import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Counter } from 'prom-client'
import { createMetrics } from './metrics.ts'

const linesOf = (text: string, name: string): readonly string[] => text.split('\n').filter((line) => line.startsWith(name))

test('requests are counted by operation and status, exactly', async () => {
  const metrics = createMetrics()
  const [create, list] = [metrics.meterOf('keys.create'), metrics.meterOf('keys.list')]
  for (let count = 0; count < 3; count++) create.record(201, 1)
  create.record(409, 1)
  list.record(200, 1)
  assert.deepEqual(linesOf(await metrics.text(), 'claviger_http_requests_total'), [
    'claviger_http_requests_total{operation="keys.create",status="201"} 3',
    'claviger_http_requests_total{operation="keys.create",status="409"} 1',
    'claviger_http_requests_total{operation="keys.list",status="200"} 1',
  ])
  assert.equal(metrics.meterOf('keys.create'), create)
  assert.deepEqual(linesOf(await metrics.text(), 'claviger_http_requests_total').length, 3, 'asked again, the same')
})

test('durations fall into the bucket whose bound they do not exceed, and buckets add up', async () => {
  const metrics = createMetrics()
  const meter = metrics.meterOf('keys.verify')
  for (const ms of [0, 0.5, 0.51, 1, 100, 5_000, 5_000.1, 60_000]) meter.record(200, ms)
  const name = 'claviger_http_request_duration_seconds'
  const buckets = linesOf(await metrics.text(), `${name}_bucket`).map((line) => /le="([^"]+)",?.*\} (\d+)$/.exec(line)?.slice(1).join(' '))
  assert.deepEqual(buckets, ['0.0005 2', '0.001 4', '0.0025 4', '0.005 4', '0.01 4', '0.025 4', '0.05 4', '0.1 5', '0.25 5', '0.5 5', '1 5', '2.5 5', '5 6', '+Inf 8'])
  const [sum = ''] = linesOf(await metrics.text(), `${name}_sum{operation="keys.verify"}`)
  assert.ok(Math.abs(Number(sum.split(' ')[1]) - 70.10211) < 1e-9, sum)
  assert.deepEqual(linesOf(await metrics.text(), `${name}_count`), [`${name}_count{operation="keys.verify"} 8`])
})

test('how many requests are under way is asked when somebody scrapes', async () => {
  const metrics = createMetrics()
  let count = 0
  metrics.watchInFlight(() => count)
  for (count of [3, 0]) assert.deepEqual(linesOf(await metrics.text(), 'claviger_http_requests_in_flight'), [`claviger_http_requests_in_flight ${count}`])
})

test('every line is one of the Prometheus text format, each metric explained before it is told', async () => {
  const metrics = createMetrics()
  metrics.meterOf('keys.create').record(201, 1)
  new Counter({ name: 'claviger_of_another_room_total', help: 'One.', registers: [metrics.registry] }).inc()
  const text = await metrics.text()
  const explained = new Set<string>()
  for (const line of text.split('\n').filter((each) => each !== '')) {
    const [, kind, name = ''] = /^# (HELP|TYPE) ([a-zA-Z_:][a-zA-Z0-9_:]*) .+$/.exec(line) ?? []
    if (kind === 'TYPE') explained.add(name)
    if (kind !== undefined) continue
    const [, sampled = ''] = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{[a-z_]+="[^"\n]*"(?:,[a-z_]+="[^"\n]*")*\})? (?:-?[0-9.e+-]+|nan|[+-]inf)$/i.exec(line) ?? []
    assert.ok(explained.has(sampled) || explained.has(sampled.replace(/_(bucket|sum|count)$/, '')), line)
  }
  assert.ok(text.includes('claviger_of_another_room_total 1') && text.includes('process_resident_memory_bytes'))
})
