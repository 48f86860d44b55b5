import assert from 'node:assert/strict'
import { chmodSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { revealSecret } from '#core/base/secret'
import { CliError } from '../exit.ts'
import type { Output, Terminal } from '../terminal.ts'
import { connectionFor, parseUrl, requireSafe } from './connection.ts'
import { profilesFile, readProfiles, removeProfile, saveProfile, type Profile } from './profiles.ts'

let directory = ''
let said = ''
const silent: Output = { isTerminal: false, width: 80, write: (text) => void (said += text), line: (text = '') => void (said += `${text}\n`), paint: (_style, text) => text }
const terminal: Terminal = { out: silent, err: silent, canAsk: false }
const session = () => ({ places: { config: directory, state: directory, cache: directory }, terminal, signal: new AbortController().signal })
const work: Profile = { url: 'https://keys.example.com/', credential: 'work-credential', workspaceId: 'wsp_0000000000000000', principalId: 'prn_0000000000000000' }
const home: Profile = { ...work, url: 'http://localhost:7420/', credential: 'home-credential' }

beforeEach(() => {
  directory = join(mkdtempSync(join(tmpdir(), 'claviger-profile-')), 'claviger')
  said = ''
})
afterEach(() => rmSync(join(directory, '..'), { recursive: true }))

describe('profiles', () => {
  test('lie in a file for their owner alone, in a directory for their owner alone', () => {
    saveProfile(directory, 'work', work)
    assert.deepEqual([statSync(profilesFile(directory)).mode & 0o777, statSync(directory).mode & 0o777], [0o600, 0o700])
    assert.deepEqual(readdirSync(directory), ['profiles.json'], 'and nothing is left beside it')
  })

  test('are not read when others could have written them', () => {
    saveProfile(directory, 'work', work)
    chmodSync(profilesFile(directory), 0o644)
    assert.throws(() => readProfiles(directory), (error) => error instanceof CliError && error.notes.join().includes('chmod 600'))
  })

  test('that are damaged are told, not overwritten', () => {
    saveProfile(directory, 'work', work)
    for (const text of ['', '{', 'null', '{"current":"x","profiles":{"x":{"url":1}}}']) {
      writeFileSync(profilesFile(directory), text)
      assert.throws(() => readProfiles(directory), /is damaged/)
      assert.throws(() => saveProfile(directory, 'home', home), /is damaged/)
    }
  })

  test('are forgotten one by one, and another takes over', () => {
    saveProfile(directory, 'work', work)
    saveProfile(directory, 'home', home)
    assert.equal(readProfiles(directory).current, 'home')
    assert.equal(removeProfile(directory, 'home'), true)
    assert.equal(removeProfile(directory, 'home'), false)
    assert.deepEqual(readProfiles(directory), { current: 'work', profiles: { work } })
  })
})

describe('a credential', () => {
  test('is that of the profile named, of the one for the address, or of the current one', async () => {
    saveProfile(directory, 'home', home)
    saveProfile(directory, 'work', work)
    const of = async (options: Parameters<typeof connectionFor>[0]) => revealSecret((await connectionFor(options, session())).credential)
    assert.equal(await of({}), 'work-credential')
    assert.equal(await of({ profile: 'home' }), 'home-credential')
    assert.equal(await of({ url: 'http://localhost:7420' }), 'home-credential')
  })

  test('never goes to another server than the one it is for', async () => {
    saveProfile(directory, 'work', work)
    for (const options of [{ url: 'https://other.example.com', profile: 'work' }, { url: 'https://other.example.com' }, { profile: 'nobody' }]) {
      await assert.rejects(connectionFor(options, session()), (error) => error instanceof CliError && error.exit === 'denied')
    }
  })

  test('never crosses a network in plain HTTP unless that is spelled out', () => {
    for (const url of ['http://keys.example.com', 'http://10.0.0.1:7420', 'http://localhost.example.com', 'http://not-localhost', 'http://1.127.0.0.1.example.com', 'http://127.0.0.1.example.com', 'http://[::2]']) {
      assert.throws(() => requireSafe(parseUrl(url), false), /Nothing was sent/)
      requireSafe(parseUrl(url), true)
    }
    for (const url of ['https://keys.example.com', 'http://localhost:7420', 'http://127.0.0.1', 'http://127.9.9.9', 'http://[::1]:7420']) requireSafe(parseUrl(url), false)
  })

  test('that could not be sent is refused before anything is', async () => {
    const file = join(directory, '..', 'credential')
    for (const text of ['has a space', 'ünïcode', 'x'.repeat(600)]) {
      writeFileSync(file, text)
      await assert.rejects(connectionFor({ credentialFile: file }, session()), /no credential/)
    }
  })

  test('does not belong in an address', () => {
    for (const url of ['https://user:secret@keys.example.com', 'ftp://keys.example.com', 'https://keys.example.com/path', 'https://keys.example.com/?x=1', 'https://']) {
      assert.throws(() => parseUrl(url), (error) => error instanceof CliError && !error.message.includes('secret@'))
    }
    assert.equal(parseUrl('keys.example.com').href, 'https://keys.example.com/')
  })
})
