import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { formatToken } from '@claviger/verifier'
import { defineFaults } from '#core/base/fault'
import { Secret } from '#core/base/secret'
import { createLogger, type Logger, type LogLevel } from './logger.ts'

function logging(level: LogLevel = 'debug'): { logger: Logger; lines: string[]; last: () => Record<string, unknown> } {
  const lines: string[] = []
  const logger = createLogger({ level, secretFields: new Set(['secret', 'pinCode']), destination: { write: (line) => void lines.push(line) } })
  return { logger, lines, last: () => JSON.parse(lines.at(-1) ?? '') as Record<string, unknown> }
}

const base62 = (length: number) => fc.stringMatching(new RegExp(`^[0-9A-Za-z]{${length}}$`))
const name = (maxLength: number) => fc.stringMatching(new RegExp(`^[a-z][a-z0-9]{1,${maxLength - 1}}$`))
const tokens = fc.record({ prefix: name(12), tag: name(8), id: base62(16), secret: base62(43) }).map(formatToken)

test('a line is one JSON object with time, level, message and what was given', () => {
  const { logger, lines, last } = logging()
  logger.info({ operation: 'keys.create', ms: 1.5 }, 'request\nwith a second line')
  assert.ok(lines.length === 1 && lines[0]?.indexOf('\n') === lines[0]!.length - 1)
  const { time, ...rest } = last()
  assert.match(String(time), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
  assert.deepEqual(rest, { level: 'info', operation: 'keys.create', ms: 1.5, msg: 'request\nwith a second line' })
})

test('levels below the chosen one are not written, and are known not to be', () => {
  const { logger, lines } = logging('warn')
  logger.info({}, 'no')
  logger.debug({}, 'no')
  logger.warn({}, 'yes')
  logger.error({}, 'yes')
  assert.equal(lines.length, 2)
  assert.deepEqual((['error', 'warn', 'info', 'debug'] as const).map((level) => logger.isLevelEnabled(level)), [true, true, false, false])
})

test('T1, first net: members named like a secret field, and credential headers, are dropped at any depth and in any case', () => {
  const { logger, lines, last } = logging()
  logger.error({
    secret: 'hunter2', Authorization: 'hunter2', kept: 1,
    request: { headers: { authorization: 'hunter2', COOKIE: 'hunter2', 'set-cookie': ['hunter2'], 'proxy-authorization': 'hunter2', accept: 'a' }, items: [{ PINCODE: 'hunter2', b: 2 }] },
    err: Object.assign(new Error('broken'), { secret: 'hunter2', request: { pinCode: 'hunter2' } }),
  }, 'failed')
  assert.ok(!lines.join('').includes('hunter2'))
  const { kept, request, err } = last()
  assert.deepEqual([kept, request], [1, { headers: { accept: 'a' }, items: [{ b: 2 }] }])
  assert.equal((err as { message: string }).message, 'broken')
})

test('T1, second net: a wrapped secret prints as one, under whatever name', () => {
  const { logger, lines, last } = logging()
  logger.info({ a: new Secret('hunter2'), b: [{ c: new Secret('hunter2') }] }, `with ${String(new Secret('hunter2'))}`)
  assert.ok(!lines.join('').includes('hunter2'))
  assert.deepEqual([last()['a'], last()['b'], last()['msg']], ['[secret]', [{ c: '[secret]' }], 'with [secret]'])
})

test('T1, third net: what looks like a token is masked wherever it stands, in names, values, messages, errors and stacks', () => {
  fc.assert(fc.property(tokens, (token) => {
    const { logger, lines } = logging()
    const error = new Error(`refused ${token}`, { cause: new Error(`because of ${token}`) })
    logger.error({ text: `"${token}"`, [token]: 1, list: [`Bearer ${token}`, { url: `/v1?key=${token}&${token}` }], err: error, cause: { nested: error } }, `of ${token}.`)
    const line = lines.join('')
    assert.ok(!line.includes(token) && !line.includes(token.slice(-49)), line)
    assert.ok(JSON.parse(line) !== null && line.includes('[token]'))
  }), { numRuns: 50 })
})

test('an error is told to operators with its code, its context, its causes and its stack', () => {
  const { logger, last } = logging()
  const faults = defineFaults('test-telemetry', { broken: { status: 503, title: 'Broken' } })
  logger.error({ err: faults.broken('Try again.', { context: { row: 17 }, cause: new Error('the disk') }) }, 'failed')
  const err = last()['err'] as Record<string, unknown>
  assert.deepEqual([err['type'], err['code'], err['context']], ['Fault', 'test-telemetry/broken', { row: 17 }])
  assert.match(String(err['stack']), /logger\.test\.ts[^]*the disk/)
})

test('bytes are told by their number, dates as dates, and what goes round in circles or down without end is cut', () => {
  const { logger, last } = logging()
  const circle: Record<string, unknown> = { name: 'circle' }
  circle['self'] = circle
  logger.info({ bytes: Buffer.from('hunter2'), at: new Date(0), circle, none: null, missing: undefined, big: 2n ** 64n }, 'odd')
  const { bytes, at, none } = last()
  assert.deepEqual([bytes, at, none], ['[7 bytes]', '1970-01-01T00:00:00.000Z', null])
  assert.match(JSON.stringify(last()), /\[deeper\]/)
})

test('what is given to be logged is not changed', () => {
  const { logger } = logging()
  const fields = Object.freeze({ secret: 'hunter2', deep: Object.freeze({ secret: 'hunter2' }) })
  logger.info(fields, 'frozen')
  assert.equal(fields.deep.secret, 'hunter2')
})
