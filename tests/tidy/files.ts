/**
 * How files are named, sized and written, and whether anybody needs them.
 *
 * @module
 */
import { functionsOf, importsOf, shapeOf } from './code.ts'
import { resolve, roomOf } from './imports.ts'
import { codeFiles, isCode, isTest, isTestHelp, type Tree } from './tree.ts'

const ourFolders = /^(src|packages|sdk|tests|scripts|bench|examples|console)\//
const kebab = /^(\d{4}-)?[a-z0-9]+(-[a-z0-9]+)*(\.[a-z0-9-]+)*$/
const named: ReadonlySet<string> = new Set(['README.md', 'Dockerfile'])

export function kebabCase(tree: Tree): readonly string[] {
  return [...tree.keys()].filter((path) => ourFolders.test(path) || path.startsWith('docs/'))
    .filter((path) => path.split('/').some((part) => !kebab.test(part) && !named.has(part)))
    .map((path) => `${path}: names are kebab-case`)
}

export const linesMax = 400
export const functionLinesMax = 70
/** Made by a program, and says so in its first lines. */
const isGenerated = (text: string): boolean => /\bgenerated\b/i.test(text.slice(0, 400))

export function fileSizes(tree: Tree): readonly string[] {
  return [...tree].filter(([path, text]) => isCode(path) && !isGenerated(text))
    .flatMap(([path, text]) => {
      const lines = text.split('\n').length
      return lines > linesMax ? [`${path}: ${lines} lines; a reader looks here for two things, so split it (at most ${linesMax})`] : []
    })
}

export function functionSizes(tree: Tree): readonly string[] {
  return [...tree].filter(([path, text]) => isCode(path) && !isGenerated(text))
    .flatMap(([path, text]) => functionsOf(text).filter(({ lines }) => lines > functionLinesMax)
      .map(({ line, lines }) => `${path}:${line}: a function of ${lines} lines (at most ${functionLinesMax})`))
}

/** What is forbidden everywhere or in some places, and why. */
const words: readonly { readonly pattern: RegExp; readonly where: (path: string) => boolean; readonly says: string }[] = [
  { pattern: /\bconsole\.\w+\(/, where: (path) => roomOf(path) === 'verifier' || /^src\/(core|capabilities)\//.test(path), says: 'log through the logger' },
  { pattern: /^export default\b/m, where: (path) => !path.endsWith('.config.ts') && path !== 'scripts/test/reporter.ts', says: 'exports have names' },
  { pattern: /\b(?:test|it|describe|suite)\.only\b|\bonly: true\b/, where: isTest, says: 'a test that runs alone hides the others' },
  { pattern: /\b(?:test|it|describe|suite)\.(?:skip|todo)\b|\b(?:skip|todo): true\b/, where: isTest, says: 'a skipped test gives its reason: { skip: reason }' },
  { pattern: /[:<|]\s*any\b(?!\()|\bas any\b/, where: () => true, says: 'no any' },
]

export function forbiddenCode(tree: Tree): readonly string[] {
  return [...codeFiles(tree)].flatMap(([path, code]) =>
    words.filter(({ pattern, where }) => where(path) && pattern.test(shapeOf(code))).map(({ says }) => `${path}: ${says}`))
}

/** Written in two parts, so that this file does not name what it looks for. */
const joined = (...parts: readonly string[]): string => parts.join('')
const places = new RegExp(joined('(?:^|[\\s\'"`(=:@])/(?:wo', 'rk|fa', 'rm|ro', 'ot)/[\\w.]|/tm', 'p/b/'), 'm')
const hosts = new RegExp([joined('registry\\.npm', 'js'), joined('deb\\.deb', 'ian'), joined('proxy\\.gol', 'ang'), joined('pypi\\.o', 'rg'), joined('crates\\.', 'io')].join('|'))
const toolNames = new RegExp(joined('\\bfar', 'm-[a-z]+'))
const leftovers = new RegExp(joined('\\b(?:TO', 'DO|FIX', 'ME|XX', 'X|HA', 'CK)\\b'))

export function foreignNames(tree: Tree): readonly string[] {
  return [...tree].flatMap(([path, text]) => [
    ...(places.test(text) ? [`${path}: names a path of one machine`] : []),
    ...(hosts.test(text) ? [`${path}: names a registry host`] : []),
    ...(toolNames.test(text) ? [`${path}: names an internal tool`] : []),
  ])
}

export const unfinished = (tree: Tree): readonly string[] =>
  [...tree].filter(([path, text]) => path !== 'package-lock.json' && leftovers.test(text)).map(([path]) => `${path}: has something left for later`)

/** An escape from the type checker or the linter gives its reason. */
export function escapes(tree: Tree): readonly string[] {
  return [...tree].filter(([path]) => isCode(path)).flatMap(([path, text]) => [
    ...(new RegExp(joined('@ts-', '(?:ignore|nocheck|expect-error)')).test(text) ? [`${path}: tells the type checker to look away`] : []),
    ...([...text.matchAll(new RegExp(joined('(?:oxlint|eslint)-dis', 'able[^\\n]*'), 'g'))].some(([comment]) => !comment.includes(' -- ')) ? [`${path}: a lint rule is off, and no reason stands beside it`] : []),
  ])
}

/** Files that nothing loads: not imported from where programs start, and named by no file either. */
export function deadFiles(tree: Tree): readonly string[] {
  const code = codeFiles(tree)
  const mentioned = [...tree].filter(([path]) => isCode(path) || path.endsWith('.json') || path.endsWith('.sh') || !path.includes('.') || path.endsWith('.md'))
  const isNamed = (path: string, byTests: boolean): boolean => {
    const name = path.split('/').at(-1) ?? ''
    const loads = new RegExp(`['"\`/ ](?:[\\w./-]*/)?${name.replaceAll('.', '\\.')}['"\`\\s]`)
    return mentioned.some(([other, text]) => other !== path && (byTests || !isTestHelp(other)) && loads.test(isCode(other) ? (code.get(other) ?? text) : text))
  }
  const starts = [...code.keys()].filter((path) => isTest(path) || isStart(path))
  const [fromPrograms, fromAll] = [reachable(code, starts.filter((path) => !isTestHelp(path))), reachable(code, starts)]
  return [...code.keys()].flatMap((path) => {
    if (path.endsWith('.test.ts') || isStart(path)) return []
    if (!fromAll.has(path)) return isNamed(path, true) ? [] : [`${path}: nothing imports it`]
    return fromPrograms.has(path) || isTestHelp(path) || isNamed(path, false) ? [] : [`${path}: only tests import it (call it a fixture, or delete it)`]
  })
}

const isStart = (path: string): boolean =>
  /^src\/apps\/[a-z-]+\/main\.ts$/.test(path) || /^scripts\/[a-z-]+\.(ts|mjs)$/.test(path) || /^(bench|examples)\//.test(path) ||
  path === 'packages/verifier/src/index.ts' || path === 'sdk/typescript/src/index.ts' || path.endsWith('.config.ts')

function reachable(code: ReadonlyMap<string, string>, starts: readonly string[]): ReadonlySet<string> {
  const seen = new Set(starts)
  for (const path of seen) {
    for (const { specifier } of importsOf(code.get(path) ?? '')) {
      const target = resolve(path, specifier)
      if (target !== null && code.has(target)) seen.add(target)
    }
    // A worker or a child is named by `new URL('…', import.meta.url)` or `import.meta.resolve`.
    for (const [, specifier = ''] of (code.get(path) ?? '').matchAll(/['"](\.{1,2}\/[\w./-]+\.m?ts)['"]/g)) {
      const target = resolve(path, specifier)
      if (target !== null && code.has(target)) seen.add(target)
    }
  }
  return seen
}
