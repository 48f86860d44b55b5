import assert from 'node:assert/strict'
import { EventEmitter } from 'node:events'
import type { Socket } from 'node:net'
import { test } from 'node:test'
import { createConnectionCounts } from './connection-counts.ts'

/** As far as a socket is looked at here. */
const socketOf = (remoteAddress?: string): Socket => Object.assign(new EventEmitter(), { remoteAddress }) as unknown as Socket

test('an IPv6 /64 is one address, and an IPv4 address is itself, also when it comes in the clothes of IPv6', () => {
  const counts = createConnectionCounts(2, () => false)
  const admitted = (address: string): boolean => counts.admit(socketOf(address))
  assert.deepEqual(['2001:db8::1', '2001:db8:0:0:ffff::2', '2001:db8::3'].map(admitted), [true, true, false])
  assert.equal(admitted('2001:db8:0:1::1'), true)
  assert.deepEqual(['192.0.2.1', '::ffff:192.0.2.1', '192.0.2.1', '::ffff:192.0.2.1'].map(admitted), [true, true, false, false])
  assert.equal(admitted('::ffff:192.0.2.2'), true)
})

test('a connection that ends gives back its own place, once, and one that was refused gives back none', () => {
  const counts = createConnectionCounts(2, () => false)
  const [first, second, refused] = [socketOf('192.0.2.1'), socketOf('192.0.2.1'), socketOf('192.0.2.1')]
  assert.deepEqual([first, second, refused].map((socket) => counts.admit(socket)), [true, true, false])
  refused.emit('close')
  assert.equal(counts.admit(socketOf('192.0.2.1')), false)
  first.emit('close')
  first.emit('close')
  assert.deepEqual([1, 2].map(() => counts.admit(socketOf('192.0.2.1'))), [true, false])
})

test('a connection that has no address any more takes nobody\'s place', () => {
  const counts = createConnectionCounts(1, () => false)
  assert.deepEqual([1, 2, 3].map(() => counts.admit(socketOf())), [true, true, true])
})
