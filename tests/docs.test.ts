/**
 * The documents: their links lead somewhere, and what they name is there.
 *
 * @module
 */
import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { test } from 'node:test'
import { verdicts } from '@claviger/verifier'
import { defaultLimits } from '#core/http/limits'
import { configSchema } from '../src/apps/server/config.ts'

const root = join(import.meta.dirname, '..')
const read = (path: string): string => readFileSync(join(root, path), 'utf8')

/** Our Markdown: of the root, of `docs`, and every room's README. */
const documents = [
  ...readdirSync(root).filter((name) => name.endsWith('.md')),
  ...['docs', 'src', 'packages', 'sdk', 'examples'].flatMap(markdownBelow),
]

function markdownBelow(folder: string): string[] {
  if (!existsSync(join(root, folder))) return []
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((item) => {
    const path = join(folder, item.name)
    if (item.isDirectory()) return item.name === 'node_modules' || item.name === 'dist' ? [] : markdownBelow(path)
    return item.name.endsWith('.md') ? [path] : []
  })
}

/** GitHub's: lower case, spaces to hyphens, the rest of the punctuation gone. */
const anchorOf = (heading: string): string => heading.toLowerCase().replaceAll(/[^\p{L}\p{N} _-]/gu, '').replaceAll(' ', '-')
const anchorsOf = (text: string): string[] => [...text.matchAll(/^#{1,6} (.+)$/gm)].map((match) => anchorOf(match[1] ?? ''))

test('every link between documents leads to a file, and to a heading where it names one', () => {
  const broken: string[] = []
  for (const path of documents) {
    const text = read(path).replaceAll(/^```[\s\S]*?^```/gm, '')
    for (const [, target = ''] of text.matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^[a-z]+:/.test(target) || target.startsWith('/')) continue
      const [file = '', anchor = ''] = target.split('#')
      const led = file === '' ? path : relative(root, join(root, dirname(path), file))
      const isThere = existsSync(join(root, led))
      const isAnchored = anchor === '' || (isThere && statSync(join(root, led)).isFile() && anchorsOf(read(led)).includes(anchor))
      if (!isThere || !isAnchored) broken.push(`${path}: ${target}`)
    }
  }
  assert.deepEqual(broken, [])
})

interface Invariant {
  readonly number: string
  /** Cells of its row: where it is asserted, where it is tested. */
  readonly asserted: string
  readonly tested: string
}

const threatModel: readonly Invariant[] = [...read('docs/threat-model.md').matchAll(/^\| ([A-Z]\d+) \| .+ \| (.+) \| (.+) \|$/gm)]
  .map(([, number = '', asserted = '', tested = '']) => ({ number, asserted, tested }))
const contentOf = (path: string): string => (existsSync(join(root, path)) ? read(path) : '')

test('every invariant of the threat model is asserted in the files and functions that it names', () => {
  const wrong: string[] = []
  for (const { number, asserted } of threatModel) {
    const places = [...asserted.matchAll(/`([\w./-]+\.ts)` `(\w+)`/g)]
    if (places.length !== asserted.split('<br>').length) wrong.push(`${number}: names file and function, and nothing else`)
    for (const [, path = '', symbol = ''] of places) {
      const text = contentOf(path)
      if (!new RegExp(`\\b${symbol}\\b`).test(text)) wrong.push(`${number}: there is no ${symbol} in ${path}`)
      // What the whole product promises (I) has no assertion of its own: it rests on those of the rooms.
      const isNamed = number.startsWith('I') || new RegExp(`\\b${number}\\b`).test(text)
      if (!isNamed) wrong.push(`${number}: ${path} does not name it`)
    }
  }
  assert.deepEqual(wrong, [])
})

test('every test that the threat model names exists', () => {
  const wrong: string[] = []
  for (const { number, tested } of threatModel) {
    if (tested === '**none yet**') continue
    const tests = [...tested.matchAll(/`([\w./-]+\.ts)` \*([^*]+)\*/g)]
    if (tests.length !== tested.split('<br>').length) wrong.push(`${number}: names test files and the names of tests`)
    for (const [, path = '', name = ''] of tests) {
      if (!contentOf(path).replaceAll("\\'", "'").includes(name)) wrong.push(`${number}: ${path} has no test "${name}"`)
    }
  }
  assert.deepEqual(wrong, [])
})

test('the threat model has every invariant that a README states', () => {
  const stated = documents.filter((path) => path.endsWith('/README.md'))
    .flatMap((path) => [...read(path).matchAll(/^(?:\| |- \*\*)([A-Z]\d+)(?: \||\*\*)/gm)].map((match) => match[1] ?? ''))
  const listed = threatModel.map(({ number }) => number)
  assert.ok(listed.length > 60, `${listed.length} rows were read`)
  assert.deepEqual(listed.filter((number, at) => listed.indexOf(number) !== at), [], 'a number stands there once')
  assert.deepEqual([...new Set(stated)].filter((number) => !listed.includes(number)), [])
})

test('the guide for services has every code that a verification may answer, with its status', () => {
  const guide = read('docs/guides/protect-a-service.md')
  const told = [...guide.matchAll(/^\| (401|403)[^|]* \| (`[^|]+`) \|$/gm)].flatMap(([, status, codes = '']) => [...codes.matchAll(/`([a-z-]+)`/g)].map(([, code]) => `${status} ${code}`))
  const answered = Object.entries(verdicts).filter(([, { httpStatus }]) => httpStatus === 401 || httpStatus === 403).map(([code, { httpStatus }]) => `${httpStatus} ${code}`)
  assert.deepEqual(told.toSorted(), answered.toSorted())
  for (const code of Object.keys(verdicts)) assert.ok(guide.includes(`\`${code}\``), code)
})

test('the operator\'s guide has every setting, every limit with its default, and every metric', () => {
  const guide = read('docs/guides/operate.md')
  const settings = Object.entries(configSchema.properties).filter(([name]) => name !== 'limits').flatMap(([name, schema]) =>
    'properties' in schema ? Object.keys(schema.properties).map((member) => `${name}.${member}`) : [name])
  const metrics = ['src/apps/server/watch-instance.ts', 'src/core/telemetry/metrics.ts']
    .flatMap((path) => [...read(path).matchAll(/(?:gauge\('|name: 'claviger_|const name = 'claviger_)([a-z_]+)'/g)].map((match) => `claviger_${match[1]}`))
  assert.ok(settings.length > 12 && metrics.length > 6, 'settings and metrics were found')
  assert.deepEqual(settings.filter((name) => !guide.includes(`\`${name}\``)), [])
  assert.deepEqual(metrics.filter((name) => !guide.includes(name)), [])
  for (const [name, value] of Object.entries(defaultLimits)) {
    const row = guide.split('\n').find((line) => line.startsWith('|') && line.includes(`\`${name}\``)) ?? ''
    assert.ok(row.replaceAll(',', '').includes(String(value)), `${name} is ${value}`)
  }
})
