/**
 * What is said in two places is said alike: faults and their pages, invariants and their READMEs, commands and scripts.
 *
 * @module
 */
import { codeFiles, isTestHelp, type Tree } from './tree.ts'

/** Codes of every fault that a file declares. */
export function faultsOf(tree: Tree): ReadonlyMap<string, string> {
  const faults = new Map<string, string>()
  for (const [path, code] of codeFiles(tree)) {
    if (isTestHelp(path) || !path.startsWith('src/')) continue
    for (const [, area, body = ''] of code.matchAll(/defineFaults\('([a-z-]+)', \{([\s\S]*?)\n\}\)/g)) {
      for (const [, name] of body.matchAll(/^\s+'?([a-z-]+)'?: \{ status/gm)) faults.set(`${area}/${name}`, path)
    }
  }
  return faults
}

export function faultPages(tree: Tree): readonly string[] {
  const faults = faultsOf(tree)
  const pages = [...tree.keys()].flatMap((path) => /^docs\/errors\/([a-z-]+\/[a-z-]+)\.md$/.exec(path)?.[1] ?? [])
  return [
    ...[...faults].filter(([code]) => !pages.includes(code)).map(([code, path]) => `${path}: ${code} has no page docs/errors/${code}.md`),
    ...pages.filter((code) => !faults.has(code)).map((code) => `docs/errors/${code}.md: there is no such fault`),
    ...pages.filter((code) => tree.get(`docs/errors/${code}.md`)?.startsWith(`# ${code}\n`) !== true).map((code) => `docs/errors/${code}.md: begins with "# ${code}"`),
    ...pages.filter((code) => (tree.get(`docs/errors/${code}.md`) ?? '').split('\n').filter((line) => line.trim() !== '').length < 4)
      .map((code) => `docs/errors/${code}.md: says what it means, why it happens and what to do`),
  ]
}

export function capabilityFolders(tree: Tree): readonly string[] {
  const folders = new Set([...tree.keys()].flatMap((path) => /^src\/capabilities\/([^/]+)\//.exec(path)?.[1] ?? []))
  return [...folders].flatMap((folder) =>
    ['README.md', 'index.ts', 'faults.ts'].filter((name) => !tree.has(`src/capabilities/${folder}/${name}`)).map((name) => `src/capabilities/${folder} has no ${name}`))
}

const asserted = /['"`]([A-Z]\d+): /g
const mentioned = /\b([A-Z]\d+)\b/g
/** A row of a table, or an item of a list, that begins with a number. */
const defined = /^(?:\| ?|- )\**([A-Z]\d+)\**(?: \||\s)([^\n]*)$/gm

/** The room's folder: where its README lies. */
const roomFolder = (path: string): string => /^(src\/(?:core|capabilities|apps)\/[^/]+|packages\/[^/]+\/src)/.exec(path)?.[1] ?? ''

/**
 * Every invariant that code asserts stands in its room's README, under a number that is used once; and where a README
 * says in which file a number is asserted, that file has it.
 */
export function invariants(tree: Tree): readonly string[] {
  const errors: string[] = []
  const home = new Map<string, string>()
  for (const [path, text] of tree) {
    if (!path.endsWith('/README.md') || !/^(src|packages)\//.test(path)) continue
    const section = invariantSection(text)
    const saysWhere = text.includes('| Asserted in |')
    for (const [, number = '', rest = ''] of section.matchAll(defined)) {
      if (home.has(number)) errors.push(`${path}: ${number} stands in ${home.get(number)} too`)
      home.set(number, path)
      if (saysWhere) errors.push(...assertedIn(tree, path, number, rest))
    }
  }
  for (const [path, code] of codeFiles(tree)) {
    if (isTestHelp(path) || roomFolder(path) === '') continue
    for (const [, number = ''] of code.matchAll(asserted)) {
      if (!home.has(number)) errors.push(`${path}: asserts ${number}, which stands in no README (${roomFolder(path)}/README.md)`)
    }
  }
  return [...new Set(errors)]
}

const invariantSection = (readme: string): string => /^## Invariants\n([\s\S]*?)(?=^## |(?![\s\S]))/m.exec(readme)?.[1] ?? readme

/** The last column, where it names files. */
function assertedIn(tree: Tree, readme: string, number: string, row: string): readonly string[] {
  const column = row.split('|').map((cell) => cell.trim()).filter((cell) => cell !== '').at(-1) ?? ''
  const folder = readme.slice(0, readme.lastIndexOf('/'))
  return [...column.matchAll(/`([\w/-]+\.ts)`/g)].flatMap(([, file = '']) => {
    const path = [`${folder}/${file}`, ...[...tree.keys()].filter((other) => other.startsWith(`${folder}/`) && other.endsWith(`/${file}`))].find((other) => tree.has(other))
    if (path === undefined) return [`${readme}: ${number} is asserted in ${file}, and there is no such file`]
    const numbers = [...(tree.get(path) ?? '').matchAll(mentioned)].map((match) => match[1])
    return numbers.includes(number) ? [] : [`${readme}: ${number} is asserted in ${file}, which does not name it`]
  })
}

interface Scripts {
  readonly scripts: Readonly<Record<string, string>>
}

/** Every npm script starts something that is there, and every command in the documents is a script that is there. */
export function commands(tree: Tree): readonly string[] {
  const { scripts } = JSON.parse(tree.get('package.json') ?? '{"scripts":{}}') as Scripts
  const missing = Object.entries(scripts).flatMap(([name, command]) =>
    [...command.matchAll(/(?:^|\s)(?:node|bash|sh)\s+((?:--[\w-]+(?:=\S+)?\s+)*)([\w./-]+)/g)]
      .filter(([, , file = '']) => !tree.has(file.replace(/^\.\//, ''))).map(([, , file]) => `package.json: the script ${name} starts ${file}, which is not there`))
  const unknown = [...tree].filter(([path]) => path.endsWith('.md') || path === '.ci/run').flatMap(([path, text]) =>
    [...text.matchAll(/\bnpm (?:run ([a-z][a-z:-]*)|(start|test)\b)/g)].map(([, run, short]) => run ?? short ?? '')
      .filter((name) => scripts[name] === undefined).map((name) => `${path}: there is no script ${name}`))
  return [...missing, ...new Set(unknown)]
}
