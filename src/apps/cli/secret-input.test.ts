import assert from 'node:assert/strict'
import { closeSync, mkdtempSync, openSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { formatToken } from '@claviger/verifier'
import { revealSecret } from '#core/base/secret'
import { CliError } from './exit.ts'
import { reserveSecretFile } from './private-file.ts'
import { readSecret, refuseSecretsIn } from './secret-input.ts'
import type { Output } from './terminal.ts'

const directory = mkdtempSync(join(tmpdir(), 'claviger-secret-'))
after(() => rmSync(directory, { recursive: true }))
const silent: Output = { isTerminal: false, width: 80, write() {}, line() {}, paint: (_style, text) => text }
const terminal = { out: silent, err: silent, canAsk: false }
const secret = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefg'
const token = formatToken({ prefix: 'clv', tag: 'live', id: '4Fh2kQ9sVbT1xY7z', secret })

describe('arguments', () => {
  test('in which a key stands, however packed, are refused, and the key is not repeated', () => {
    for (const argument of [token, `--key=${token}`, `x${token}`, `{"key":"${token}"}`, `${token.slice(0, -1)}0`]) {
      assert.throws(() => refuseSecretsIn(['keys', 'verify', argument]), (error) => {
        assert.ok(error instanceof CliError && error.exit === 'usage')
        assert.ok(![error.message, ...error.notes].join('\n').includes(secret))
        return true
      })
    }
  })

  test('that hold none pass', () => {
    refuseSecretsIn(['keys', 'create', '--name', 'clv_live_short', 'key_4Fh2kQ9sVbT1xY7z', `@${'x'.repeat(80)}`])
  })
})

describe('a secret', () => {
  const from = async (content: string) => {
    const file = join(directory, 'in')
    writeFileSync(file, content)
    return revealSecret(await readSecret(terminal, 'key', 'key', { file }))
  }

  test('is one line of a file, or of a descriptor', async () => {
    assert.equal(await from('abc\n'), 'abc')
    assert.equal(await from('abc\r\n'), 'abc')
    const descriptor = openSync(join(directory, 'in'), 'r')
    assert.equal(revealSecret(await readSecret(terminal, 'key', 'key', { fd: String(descriptor) })), 'abc')
    closeSync(descriptor)
  })

  test('that is empty, or more than a line, is refused', async () => {
    for (const content of ['', '\n', 'a\nb\n', 'x'.repeat(5000)]) await assert.rejects(from(content), (error) => error instanceof CliError && error.exit === 'usage')
    await assert.rejects(readSecret(terminal, 'key', 'key', { file: join(directory, 'missing') }), /There is no file/)
    await assert.rejects(readSecret(terminal, 'key', 'key', { fd: '987' }), /not open/)
    await assert.rejects(readSecret(terminal, 'key', 'key', {}), /--key-file/)
  })
})

describe('a file for a secret', () => {
  test('is made private, before there is a secret, and never over another', () => {
    const path = join(directory, 'out')
    reserveSecretFile(path).keep('it')
    assert.equal(statSync(path).mode & 0o777, 0o600)
    assert.throws(() => reserveSecretFile(path), /not overwritten/)
    const other = join(directory, 'gone')
    reserveSecretFile(other).discard()
    assert.equal(statSync(other, { throwIfNoEntry: false }), undefined)
  })
})
