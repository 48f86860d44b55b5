/** The example of CONTRIBUTING.md is code. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test } from 'node:test'

const root = join(import.meta.dirname, '..')

test('the example of CONTRIBUTING.md compiles, and its test passes', () => {
  const files = [...readFileSync(join(root, 'CONTRIBUTING.md'), 'utf8').matchAll(/^```ts file=(\S+)\n([\s\S]*?)^```$/gm)]
  assert.ok(files.length >= 7, 'the example has its files')
  const folder = mkdtempSync(join(tmpdir(), 'claviger-contributing-'))
  try {
    for (const [, path = '', text = ''] of files) {
      mkdirSync(dirname(join(folder, path)), { recursive: true })
      writeFileSync(join(folder, path), text)
    }
    symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'))
    symlinkSync(join(root, 'src/core'), join(folder, 'src/core'))
    writeFileSync(join(folder, 'package.json'), JSON.stringify({ type: 'module', imports: { '#core/*': './src/core/*.ts' } }))
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ extends: join(root, 'tsconfig.json'), include: ['src/capabilities', join(root, 'packages/verifier/src/buffer.d.ts')], exclude: [] }))
    const compiled = spawnSync(join(root, 'node_modules/.bin/tsc'), ['-p', folder], { encoding: 'utf8' })
    assert.equal(compiled.stdout + compiled.stderr, '')
    const tested = spawnSync(process.execPath, ['--test', 'src/capabilities/labels/label.test.ts'], {
      cwd: folder, encoding: 'utf8', env: { PATH: process.env['PATH'] ?? '' },
    })
    assert.equal(tested.status, 0, tested.stdout)
    assert.match(tested.stdout, /pass 1\b/)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})
