import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Fault } from '#core/base/fault'
import { unsafeSeededRandom } from '#core/crypto/random'
import { checked, disable, enable, erase, newPrincipal, revoke, revokeAltered, type PrincipalRow } from './principal.ts'

const fresh = newPrincipal({ workspaceId: 'wsp_0123456789ABCDEF', kind: 'user', name: 'Ada', role: 'admin', atMs: 1_000, random: unsafeSeededRandom('principal') })
const acts: Readonly<Record<string, (row: PrincipalRow, nowMs: number) => PrincipalRow>> = { disable, enable, revoke, erase }

test('P5: a revoked principal stays revoked under any sequence of acts, and each act raises the version by one', () => {
  fc.assert(fc.property(fc.array(fc.constantFrom('disable', 'enable', 'revoke', 'erase', 'disable', 'enable'), { maxLength: 12 }), (sequence) => {
    let row = fresh
    let nowMs = 1_000
    let revokedAtMs: number | null = null
    for (const act of sequence) {
      nowMs += 10
      const before = row
      const copy = { ...before }
      try {
        row = (acts[act] as (typeof acts)[string])(before, nowMs)
        assert.equal(row.version, before.version + 1)
      } catch (error) {
        assert.ok(error instanceof Fault, String(error))
      }
      assert.deepEqual(before, copy)
      if (row.status === 'revoked') revokedAtMs ??= row.revoked_at_ms
      if (revokedAtMs !== null) assert.deepEqual([row.status, row.revoked_at_ms], ['revoked', revokedAtMs])
      if (row.erased_at_ms !== null) assert.equal(row.name, null)
    }
  }))
})

test('a principal is erased once, and the row says when; one whose row was altered can be erased, whatever that said', () => {
  const erased = erase(fresh, 2_000)
  assert.throws(() => erase(erased, 3_000), (error: unknown) => error instanceof Fault && error.code === 'principals/already-revoked')
  assert.equal(erase(revokeAltered({ ...fresh, erased_at_ms: 1_500 }, 2_000), 3_000).erased_at_ms, 3_000)
})

test('a row that breaks an invariant is not written', () => {
  for (const part of [{ status: 'revoked' }, { revoked_at_ms: 1 }, { erased_at_ms: 1 }] as const) assert.throws(() => checked({ ...fresh, ...part }), /invariant violated: P5/)
})

test('a row that was altered in any way is revoked all the same', () => {
  const anything = fc.oneof(fc.string(), fc.integer(), fc.constant(null), fc.uint8Array(), fc.constantFrom('owner', 'revoked', 2 ** 60, -1, '\0'))
  const columns = ['kind', 'name', 'role', 'status', 'created_at_ms', 'revoked_at_ms', 'erased_at_ms'] as const
  fc.assert(fc.property(fc.dictionary(fc.constantFrom(...columns), anything), (altered) => {
    const row = revokeAltered({ ...fresh, ...altered } as PrincipalRow, 5_000)
    assert.deepEqual([row.status, row.revoked_at_ms, row.version], ['revoked', 5_000, 2])
  }))
})
