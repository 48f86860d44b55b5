import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { operations } from '../../operations.ts'
import { fingerprintOf, loadCatalogue, specOf } from './catalogue.ts'

test('what is kept depends on every source that declarations are made of', () => {
  const files = fingerprintOf().split('\n').map((line) => line.split(' ')[0])
  for (const file of ['/src/capabilities/keys/create-key.ts', '/src/core/http/schema.ts', '/packages/verifier/src/token.ts', '/src/apps/operations.ts', '/src/apps/cli/operations/catalogue.ts', '/package-lock.json']) {
    assert.ok(files.includes(file), file)
  }
})

test('what was kept of other sources, or is damaged, is made anew', async (context) => {
  const directory = mkdtempSync(join(tmpdir(), 'claviger-catalogue-'))
  context.after(() => rmSync(directory, { recursive: true }))
  const file = join(directory, 'operations.json')
  for (const kept of [null, '{', 'null', JSON.stringify({ fingerprint: 'another', operations: [] })]) {
    if (kept !== null) writeFileSync(file, kept)
    assert.deepEqual(await loadCatalogue(directory), operations.map(specOf))
    assert.equal((JSON.parse(readFileSync(file, 'utf8')) as { fingerprint: string }).fingerprint, fingerprintOf())
  }
})

test('where nothing can be kept, all works without', async () => {
  assert.deepEqual(await loadCatalogue('/dev/null/claviger'), operations.map(specOf))
})
