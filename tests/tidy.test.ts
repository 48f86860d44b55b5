/**
 * The house rules. Each is a pure function over the files (`tests/tidy/`), shown to bite in `tests/tidy/planted.test.ts`.
 *
 * @module
 */
import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { faultCatalogue } from '#core/base/fault'
import { operations } from '../src/apps/operations.ts'
import { capabilityFolders, commands, faultPages, invariants } from './tidy/documents.ts'
import { deadFiles, escapes, fileSizes, forbiddenCode, foreignNames, functionSizes, kebabCase, unfinished } from './tidy/files.ts'
import { ambientCrypto, doors, drivers, environment, importDirections, verifierIsPure } from './tidy/imports.ts'
import { eventNames, forgottenOperations, knownFaults, speakingAddresses, uniqueOperations, wordsForPatterns, type Declared } from './tidy/operations.ts'
import { readTree, type Tree } from './tidy/tree.ts'

const root = join(import.meta.dirname, '..')
const tree = readTree(root)

/** Shows each violation on a line of its own. */
const holds = (violations: readonly string[]): void =>
  assert.ok(violations.length === 0, `${violations.length} of them\n${[...violations].sort().map((violation) => `  ${violation}`).join('\n')}`)

const rules: readonly (readonly [sentence: string, rule: (tree: Tree) => readonly string[]])[] = [
  ['rooms import lower rooms only', importDirections],
  ['a capability is entered by its door', doors],
  ['the verifier imports node:crypto and nothing else', verifierIsPure],
  ['drivers and cryptography stay in their rooms', drivers],
  ['no cryptography by the back door', ambientCrypto],
  ['only apps read the environment', environment],
  ['names are kebab-case', kebabCase],
  ['files are of a size that a reader can hold', fileSizes],
  ['functions are of a size that a reader can hold', functionSizes],
  ['nothing is written that the house does not allow', forbiddenCode],
  ['the type checker and the linter are not told to look away without a reason', escapes],
  ['nothing is left for later', unfinished],
  ['no file names a machine, a registry or an internal tool', foreignNames],
  ['every file is needed', deadFiles],
  ['every fault has its page, and every page its fault', faultPages],
  ['every capability has its README, door and faults', capabilityFolders],
  ['every invariant stands in its README, and is asserted where that says', invariants],
  ['every command exists', commands],
]

for (const [sentence, rule] of rules) test(sentence, () => holds(rule(tree)))

test('the tree that the rules look at is the repository', () => {
  for (const path of ['package.json', 'src/core/http/operation.ts', 'packages/verifier/src/index.ts', 'tests/tidy.test.ts']) assert.ok(tree.has(path), path)
  assert.ok(tree.size > 200, `${tree.size} files`)
})

const declared: readonly Declared[] = operations

test('operations and their addresses are unique', () => holds(uniqueOperations(declared)))
test('an operation\'s address names it', () => holds(speakingAddresses(declared)))
test('events are named alike', () => holds(eventNames(declared)))
test('no pattern is without words for people', () => holds(wordsForPatterns(declared)))
test('operations declare faults that exist', () => holds(knownFaults(declared, new Set(faultCatalogue.keys()))))

test('no capability is forgotten in src/apps/operations.ts', async () => {
  const names = readdirSync(join(root, 'src/capabilities'), { withFileTypes: true }).filter((entry) => entry.isDirectory()).map(({ name }) => name)
  const doorsOf = names.map(async (name) => [name, ((await import(`#cap/${name}`)) as { operations?: readonly Declared[] }).operations] as const)
  holds(forgottenOperations(declared, new Map(await Promise.all(doorsOf))))
})
