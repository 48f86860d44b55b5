/**
 * Builds the SDK as it is published: JavaScript and declarations, without TypeScript source, tests or dependencies.
 * `node scripts/build-sdk.ts [FOLDER]`; the folder is `sdk/typescript/dist` unless named.
 *
 * @module
 */
import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'

const root = resolve(import.meta.dirname, '..')
const source = join(root, 'sdk/typescript')

interface Manifest {
  readonly exports: Readonly<Record<string, string>>
}

/** @throws Error when the compiler finds something */
export function buildSdk(folder: string): void {
  mkdirSync(folder, { recursive: true })
  const compiler = join(root, 'node_modules/typescript/bin/tsc')
  execFileSync(process.execPath, [compiler, '-p', join(source, 'tsconfig.build.json'), '--outDir', folder], { stdio: ['ignore', 'inherit', 'inherit'] })
  const manifest = JSON.parse(readFileSync(join(source, 'package.json'), 'utf8')) as Manifest
  const entries = Object.entries(manifest.exports).map(([name, path]) => [name, builtEntry(path)])
  writeFileSync(join(folder, 'package.json'), `${JSON.stringify({ ...manifest, exports: Object.fromEntries(entries) }, null, 2)}\n`)
  cpSync(join(source, 'README.md'), join(folder, 'README.md'))
  cpSync(join(root, 'LICENSE'), join(folder, 'LICENSE'))
}

/** `./src/index.ts` → what stands for it after compiling. */
function builtEntry(path: string): { readonly types: string; readonly default: string } {
  const base = path.replace('./src/', './').replace(/\.ts$/, '')
  return { types: `${base}.d.ts`, default: `${base}.js` }
}

if (import.meta.main) buildSdk(resolve(process.argv[2] ?? join(source, 'dist')))
