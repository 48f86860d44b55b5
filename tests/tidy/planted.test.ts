/** Each house rule bites: a tree that is as it should be, and one planted violation at a time. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { codeOf, functionsOf, importsOf, shapeOf } from './code.ts'
import { capabilityFolders, commands, faultPages, invariants } from './documents.ts'
import { deadFiles, escapes, fileSizes, forbiddenCode, foreignNames, functionSizes, kebabCase, unfinished } from './files.ts'
import { ambientCrypto, doors, drivers, environment, importDirections, verifierIsPure } from './imports.ts'
import { eventNames, forgottenOperations, knownFaults, speakingAddresses, uniqueOperations, wordsForPatterns, type Declared } from './operations.ts'
import type { Tree } from './tree.ts'

const page = '# keys/not-found\n\nWhat it means.\n\nWhy it happens.\n\nWhat to do.\n'
const good: Readonly<Record<string, string>> = {
  'package.json': '{"scripts":{"start":"node src/apps/server/main.ts"}}',
  'README.md': 'Run `npm start`.\n',
  'src/core/base/assert.ts': 'export const assert = 1\n',
  'src/core/storage/open.ts': "import pg from 'pg'\nimport { assert } from '#core/base/assert'\nexport const open = [pg, assert]\n",
  'src/capabilities/keys/README.md': '## Invariants\n\n| # | What always holds | Asserted in |\n|---|---|---|\n| K1 | A thing | `key.ts` |\n',
  'src/capabilities/keys/index.ts': "export { key } from './key.ts'\nexport { keyFaults } from './faults.ts'\n",
  'src/capabilities/keys/faults.ts': "export const keyFaults = defineFaults('keys', {\n  'not-found': { status: 404, title: 'No such key' },\n})\n",
  'src/capabilities/keys/key.ts': "import { open } from '#core/storage/open'\nassert(true, 'K1: a thing')\nexport const key = open\n",
  'src/capabilities/keys/key.test.ts': "import { key } from './key.ts'\ntest('it', { skip: 'no reason to' }, () => key)\n",
  'src/apps/server/main.ts': "import { key } from '#cap/keys'\nconsole.log(key, process.env['A'])\n",
  'packages/verifier/src/index.ts': "import { hash } from 'node:crypto'\nexport { hash }\n",
  'docs/errors/keys/not-found.md': page,
}

const treeWith = (changes: Readonly<Record<string, string | null>>): Tree =>
  new Map(Object.entries({ ...good, ...changes }).filter((entry): entry is [string, string] => entry[1] !== null))

const rules = {
  importDirections, doors, verifierIsPure, drivers, ambientCrypto, environment, kebabCase, fileSizes, functionSizes, forbiddenCode, escapes, unfinished,
  foreignNames, deadFiles, faultPages, capabilityFolders, invariants, commands,
}
type Rule = keyof typeof rules

test('no rule complains of a tree that is as it should be', () => {
  for (const [name, rule] of Object.entries(rules)) assert.deepEqual(rule(treeWith({})), [], name)
})

const line = (text: string) => `${text}\n`
/** Written in two parts, so that this file does not break the rules that it tests. */
const apart = (...parts: readonly string[]) => parts.join('')

const planted: readonly (readonly [rule: Rule, what: string, changes: Readonly<Record<string, string | null>>])[] = [
  ['importDirections', 'a lower room imports a higher one', { 'src/core/base/assert.ts': line("import { open } from '#core/storage/open'") }],
  ['importDirections', 'core imports a capability', { 'src/core/storage/open.ts': line("import '#cap/keys'") }],
  ['importDirections', 'core imports a capability when it runs', { 'src/core/storage/open.ts': line("const late = await import('#cap/keys')") }],
  ['importDirections', 'a room hands on a higher one', { 'src/core/storage/open.ts': line("export * from '#cap/keys'") }],
  ['importDirections', 'peers import each other', { 'src/core/telemetry/log.ts': line("import { open } from '#core/storage/open'") }],
  ['importDirections', 'a capability imports an app', { 'src/capabilities/keys/key.ts': line("import '../../apps/server/main.ts'") }],
  ['importDirections', 'a room that stands in no tier', { 'src/core/new/thing.ts': line("import { assert } from '#core/base/assert'") }],
  ['importDirections', 'production code imports what tests use', { 'src/core/storage/open.ts': line("import { start } from '../../../tests/support/postgres.ts'") }],
  ['importDirections', 'the SDK imports the server', { 'sdk/typescript/src/index.ts': line("import { key } from '#cap/keys'") }],
  ['doors', 'an app goes past the door', { 'src/apps/server/main.ts': line("import { key } from '../../capabilities/keys/key.ts'") }],
  ['doors', 'a room climbs into another', { 'src/capabilities/keys/key.ts': line("import { open } from '../../core/storage/open.ts'") }],
  ['verifierIsPure', 'the verifier imports a room', { 'packages/verifier/src/index.ts': line("import { assert } from '#core/base/assert'") }],
  ['verifierIsPure', 'the verifier imports a package', { 'packages/verifier/src/index.ts': line("import { z } from 'zod'") }],
  ['verifierIsPure', 'the verifier reads files', { 'packages/verifier/src/index.ts': line("import { readFileSync } from 'node:fs'") }],
  ['drivers', 'a capability knows a driver', { 'src/capabilities/keys/key.ts': line("import { DatabaseSync } from 'node:sqlite'") }],
  ['drivers', 'a capability knows a dialect', { 'src/capabilities/keys/key.ts': line("import { sql, PostgresDialect } from 'kysely'") }],
  ['drivers', 'a capability does its own cryptography', { 'src/capabilities/keys/key.ts': line("import { createHmac } from 'node:crypto'") }],
  ['drivers', 'an app does its own cryptography', { 'src/apps/server/main.ts': line("import { createHash } from 'node:crypto'") }],
  ['ambientCrypto', 'a capability finds cryptography without an import', { 'src/capabilities/keys/key.ts': line('export const key = crypto.randomUUID()') }],
  ['environment', 'a capability reads the environment', { 'src/capabilities/keys/key.ts': line("export const key = process.env['KEY']") }],
  ['environment', 'the verifier reads the environment', { 'packages/verifier/src/index.ts': line('export const env = process.env') }],
  ['kebabCase', 'a file in camel case', { 'src/capabilities/keys/createKey.ts': '' }],
  ['kebabCase', 'a folder in capitals', { 'src/core/Base/x.ts': '' }],
  ['fileSizes', 'a file that goes on and on', { 'src/core/base/long.ts': '\n'.repeat(401) }],
  ['functionSizes', 'a function that goes on and on', { 'src/core/base/assert.ts': `export function long(): void {\n${'  a()\n'.repeat(71)}}\n` }],
  ['functionSizes', 'an arrow that goes on and on', { 'src/core/base/assert.ts': `export const long = () => {\n${'  a()\n'.repeat(71)}}\n` }],
  ['forbiddenCode', 'core prints', { 'src/core/base/assert.ts': line("console.log('here')") }],
  ['forbiddenCode', 'a default export', { 'src/core/base/assert.ts': line('export default 1') }],
  ['forbiddenCode', 'a test that runs alone', { 'src/capabilities/keys/key.test.ts': line("test.only('it', () => {})") }],
  ['forbiddenCode', 'a test skipped without a reason', { 'src/capabilities/keys/key.test.ts': line("test('it', { skip: true }, () => {})") }],
  ['forbiddenCode', 'a test skipped by its name', { 'src/capabilities/keys/key.test.ts': line("test.skip('it', () => {})") }],
  ['forbiddenCode', 'any', { 'src/core/base/assert.ts': line('export const loose = (value: any) => value') }],
  ['escapes', 'the type checker looks away', { 'src/core/base/assert.ts': line(apart('// @ts-', 'ignore')) }],
  ['escapes', 'a lint rule is off without a reason', { 'src/core/base/assert.ts': line(apart('// oxlint-dis', 'able-next-line no-control-regex')) }],
  ['unfinished', 'something is left for later', { 'src/core/base/assert.ts': line(apart('// TO', 'DO: later')) }],
  ['foreignNames', 'a path of one machine', { 'README.md': line(apart('See /wo', 'rk/main.')) }],
  ['foreignNames', 'a registry host', { 'package-lock.json': line(apart('https://registry.npm', 'js.org/x')) }],
  ['foreignNames', 'an internal tool', { 'README.md': line(apart('Ask far', 'm-status.')) }],
  ['deadFiles', 'a file that nothing imports', { 'src/core/base/idle.ts': line('export const idle = 1') }],
  ['deadFiles', 'a file that only a test imports', { 'src/core/base/idle.ts': '', 'src/core/base/idle.test.ts': line("import './idle.ts'") }],
  ['faultPages', 'a fault without a page', { 'docs/errors/keys/not-found.md': null }],
  ['faultPages', 'a page without a fault', { 'docs/errors/keys/gone.md': page.replace('not-found', 'gone') }],
  ['faultPages', 'a page under another name', { 'docs/errors/keys/not-found.md': page.replace('not-found', 'lost') }],
  ['faultPages', 'a page that says nothing', { 'docs/errors/keys/not-found.md': '# keys/not-found\n\nNo.\n' }],
  ['capabilityFolders', 'a capability without a door', { 'src/capabilities/keys/index.ts': null }],
  ['capabilityFolders', 'a capability without a README', { 'src/capabilities/keys/README.md': null }],
  ['invariants', 'an invariant that no README has', { 'src/capabilities/keys/key.ts': line("assert(true, 'K1: a thing')\nassert(true, 'K2: another')") }],
  ['invariants', 'a README that promises an assertion', { 'src/capabilities/keys/key.ts': line('export const key = 1') }],
  ['invariants', 'a README that names a file which is not there', { 'src/capabilities/keys/README.md': (good['src/capabilities/keys/README.md'] ?? '').replace('key.ts', 'lock.ts') }],
  ['invariants', 'a number that is used twice', { 'src/core/base/README.md': line('- **K1** Another thing.') }],
  ['commands', 'a script that starts a file which is not there', { 'src/apps/server/main.ts': null }],
  ['commands', 'a document that names a script which is not there', { 'README.md': line('Run `npm run demo`.') }],
]

for (const [rule, what, changes] of planted) {
  test(`${rule} finds ${what}`, () => {
    assert.equal(rules[rule](treeWith(changes)).length, 1, JSON.stringify(rules[rule](treeWith(changes))))
  })
}

const declared: Declared = { id: 'keys.get', http: 'GET /v1/keys/{keyId}', faults: ['keys/not-found'], effect: 'read', input: { params: { pattern: '^a$', 'x-claviger-form': 'the letter a' } } }

test('operations that are declared as they should be pass', () => {
  const known = new Set(['keys/not-found'])
  assert.deepEqual([uniqueOperations([declared]), speakingAddresses([declared]), eventNames([declared]), knownFaults([declared], known), wordsForPatterns([declared])], [[], [], [], [], []])
  assert.deepEqual(forgottenOperations([declared], new Map([['keys', [declared]]])), [])
  assert.deepEqual(speakingAddresses([{ ...declared, id: 'principals.get-self', http: 'GET /v1/self' }]), [])
})

test('an operation declared twice, under another\'s address, under a name that is not its own, or forgotten, is found', () => {
  assert.equal(uniqueOperations([declared, { ...declared, http: 'GET /v1/others' }]).length, 1)
  assert.equal(uniqueOperations([declared, { ...declared, id: 'keys.show', http: 'GET /v1/keys/{id}' }]).length, 1)
  assert.equal(speakingAddresses([{ ...declared, http: 'GET /v1/consumers/{keyId}' }]).length, 1)
  assert.equal(eventNames([{ ...declared, effect: 'write', event: 'KeyRevoked' }]).length, 1)
  assert.equal(knownFaults([declared], new Set()).length, 1)
  for (const field of [{ pattern: '^a$' }, { pattern: '^a$', 'x-claviger-form': 'A sentence.' }]) {
    assert.equal(wordsForPatterns([{ ...declared, input: { body: { properties: { list: { items: field } } } } }]).length, 1)
  }
  assert.equal(forgottenOperations([], new Map([['keys', [declared]]])).length, 1)
  assert.equal(forgottenOperations([], new Map([['keys', undefined]])).length, 1)
})

test('comments are no code, and strings are no structure', () => {
  const text = "const a = '// no' // yes\nconst b = /[/'\"]/.test(`x ${'}'} /* no */`) /* yes\nyes */ + 1 / 2 // yes\n"
  assert.equal(codeOf(text).replaceAll(/ +/g, ' '), "const a = '// no' \nconst b = /[/'\"]/.test(`x ${'}'} /* no */`) \n + 1 / 2 \n")
  assert.equal(shapeOf(text).includes('no'), false)
  assert.equal(codeOf(text).split('\n').length, text.split('\n').length)
})

test('every form of import is seen', () => {
  const specifiers = importsOf("import a from 'one'\nimport * as b from 'two'\nimport { c, type D } from 'three'\nimport type { E } from 'four'\nimport 'five'\nexport { f } from 'six'\nexport * from 'seven'\nawait import('eight')\nimport g, {\n  h,\n} from 'nine'\n")
  assert.deepEqual(specifiers.map(({ specifier }) => specifier).sort(), ['eight', 'five', 'four', 'nine', 'one', 'seven', 'six', 'three', 'two'])
  assert.deepEqual(specifiers.find(({ specifier }) => specifier === 'three')?.names, ['c', 'D'])
  assert.deepEqual(specifiers.filter(({ typeOnly }) => typeOnly).map(({ specifier }) => specifier), ['four'])
})

test('a function is measured without the functions in it', () => {
  const text = `function outer(): void {\n  a()\n  const inner = () => {\n${'    b()\n'.repeat(10)}  }\n  if (x) {\n    c()\n  }\n}\n`
  assert.deepEqual(functionsOf(text), [{ line: 1, lines: 7 }, { line: 3, lines: 12 }])
})
