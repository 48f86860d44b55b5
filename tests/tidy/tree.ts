/**
 * The repository as the rules see it: every file of ours by its path, read once.
 *
 * @module
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { codeOf } from './code.ts'

/** Text by path, from the root, with `/`. */
export type Tree = ReadonlyMap<string, string>

/** Not ours, or not kept: what `.gitignore` names, and npm's. */
const left: ReadonlySet<string> = new Set(['node_modules', '.git', 'data', 'dist', '.stryker-tmp', 'reports', '.cache'])
const binary = /\.(png|jpg|ico|woff2?|gz|zip|db|bin|p12)$/

export function readTree(root: string, folder = ''): Tree {
  const tree = new Map<string, string>()
  for (const entry of readdirSync(join(root, folder), { withFileTypes: true })) {
    const path = folder === '' ? entry.name : `${folder}/${entry.name}`
    if (left.has(entry.name) || binary.test(entry.name) || entry.name.endsWith('.log')) continue
    if (entry.isDirectory()) for (const [below, text] of readTree(root, path)) tree.set(below, text)
    else if (entry.isFile()) tree.set(path, readFileSync(join(root, path), 'utf8'))
  }
  return tree
}

export const isCode = (path: string): boolean => /\.(ts|mts|mjs)$/.test(path) && !path.endsWith('.d.ts') && !path.endsWith('.d.mts')
export const isTest = (path: string): boolean => path.endsWith('.test.ts') || path.startsWith('tests/')
/** What only tests use, beside the code that it helps to test. */
export const isTestHelp = (path: string): boolean =>
  isTest(path) || /(^|\/)(fixtures?|conformance|harness|naive-[a-z-]+)(\/|\.ts$)/.test(path)

/** The code files of a tree, without their comments; strings stay. */
export function codeFiles(tree: Tree): ReadonlyMap<string, string> {
  const known = codeByTree.get(tree)
  if (known !== undefined) return known
  const code = new Map([...tree].filter(([path]) => isCode(path)).map(([path, text]) => [path, codeOf(text)]))
  codeByTree.set(tree, code)
  return code
}

const codeByTree = new WeakMap<Tree, ReadonlyMap<string, string>>()
