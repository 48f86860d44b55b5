/**
 * The operations as the command line needs them: what they declare, as plain data, without their handlers.
 *
 * Loading every capability to print a help text takes longer than a person wants to wait, so what was derived is kept
 * beside Node's compile cache, and made again whenever a source file has changed.
 *
 * @module
 */
import { mkdirSync, readdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { AnyOperation } from '#core/http/operation'
import type { JsonSchema } from './fields.ts'

export interface OperationSpec {
  readonly id: string
  readonly summary: string
  readonly description: string
  readonly method: string
  /** `/v1/keys/{keyId}`, as declared. */
  readonly path: string
  readonly params: readonly string[]
  readonly permission: string
  readonly roles: readonly string[]
  readonly effect: 'read' | 'write'
  readonly takesAway: boolean
  readonly heedsIfMatch: boolean
  readonly input: { readonly params?: JsonSchema; readonly query?: JsonSchema; readonly body?: JsonSchema }
  readonly output: JsonSchema
  /** Where the answer is not JSON. */
  readonly contentType: string | null
}

export type Catalogue = readonly OperationSpec[]

export function specOf(operation: AnyOperation): OperationSpec {
  const [method = '', path = ''] = operation.http.split(' ')
  return {
    id: operation.id,
    summary: operation.summary,
    description: operation.description,
    method,
    path,
    params: [...path.matchAll(/\{([a-zA-Z]+)\*?\}/g)].map((match) => match[1] ?? ''),
    permission: operation.permission,
    roles: operation.roles,
    effect: operation.effect,
    takesAway: operation.effect === 'write' && operation.takesAway,
    heedsIfMatch: operation.faults.includes('http/precondition-failed'),
    // Schemas are JSON already; the copy drops what TypeBox adds for itself.
    input: JSON.parse(JSON.stringify(operation.input)) as OperationSpec['input'],
    output: JSON.parse(JSON.stringify(operation.output)) as JsonSchema,
    contentType: operation.contentType ?? null,
  }
}

const repository = join(import.meta.dirname, '../../../..')
/** Everything that declarations are made of. */
const sources = ['src/core', 'src/capabilities', 'packages/verifier', 'package-lock.json', 'src/apps/operations.ts', 'src/apps/cli/operations/catalogue.ts']

interface Kept {
  readonly fingerprint: string
  readonly operations: Catalogue
}

export async function loadCatalogue(cacheDirectory: string): Promise<Catalogue> {
  const file = join(cacheDirectory, 'operations.json')
  const fingerprint = fingerprintOf()
  const kept = readKept(file)
  if (kept?.fingerprint === fingerprint) return kept.operations
  const { operations } = await import('../../operations.ts')
  const catalogue = operations.map(specOf)
  keep(file, { fingerprint, operations: catalogue })
  return catalogue
}

function readKept(file: string): Kept | null {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Kept
  } catch {
    return null
  }
}

/** A cache that cannot be written is only slow. */
function keep(file: string, kept: Kept): void {
  try {
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
    const temporary = `${file}.${process.pid}.new`
    writeFileSync(temporary, JSON.stringify(kept), { mode: 0o600 })
    renameSync(temporary, file)
  } catch {
    return
  }
}

/** Path, size and time of every source: whatever changes one of them changes this. */
export function fingerprintOf(): string {
  let fingerprint = repository
  const visit = (path: string): void => {
    const stats = statSync(path, { throwIfNoEntry: false })
    if (stats === undefined) return
    if (stats.isDirectory()) {
      for (const name of readdirSync(path).sort()) if (name !== 'node_modules' && !name.includes('.test.')) visit(join(path, name))
      return
    }
    fingerprint += `\n${path.slice(repository.length)} ${stats.size} ${stats.mtimeMs}`
  }
  for (const source of sources) visit(join(repository, source))
  return fingerprint
}
