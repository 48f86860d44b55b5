/**
 * Who may import whom.
 *
 * @module
 */
import { posix } from 'node:path'
import { importsOf, type Import } from './code.ts'
import { codeFiles, isTestHelp, type Tree } from './tree.ts'

/** Lower may never import higher, and rooms of one line never each other. */
export const tiers: readonly (readonly string[])[] = [
  ['verifier'], ['base'], ['crypto'], ['storage', 'telemetry'], ['keyring'], ['jobs'], ['http'],
  ['audit'], ['keys'], ['principals'], ['approvals'], ['secrets', 'managed-keys'], ['notices'],
  ['gateway', 'monitoring', 'scanner', 'broker'], ['playbooks', 'compliance', 'education', 'markets'], ['apps'],
]
const rankOf = new Map(tiers.flatMap((rooms, rank) => rooms.map((room) => [room, rank] as const)))

const ours: ReadonlyMap<string, string> = new Map([['@claviger/verifier', 'packages/verifier/src/index.ts'], ['@claviger/sdk', 'sdk/typescript/src/index.ts']])

/** The path that a specifier means, or null when it is a package or built in. */
export function resolve(from: string, specifier: string): string | null {
  if (specifier.startsWith('#core/')) return `src/core/${specifier.slice('#core/'.length)}.ts`
  if (specifier.startsWith('#cap/')) return `src/capabilities/${specifier.slice('#cap/'.length)}/index.ts`
  if (specifier.startsWith('.')) return posix.join(posix.dirname(from), specifier)
  return ours.get(specifier) ?? null
}

/** The room that a path is in, or null for what is no room: tests, scripts, manifests. */
export function roomOf(path: string): string | null {
  const [top, second, third] = path.split('/')
  if (top === 'packages' && second === 'verifier') return 'verifier'
  if (top === 'sdk') return 'sdk'
  if (top !== 'src') return null
  return second === 'apps' ? 'apps' : (third ?? null)
}

/** Every import of the rooms' files, with what it leads to. */
function roomImports(tree: Tree): readonly { from: string; room: string; target: string | null; item: Import }[] {
  return [...codeFiles(tree)].flatMap(([from, code]) => {
    const room = roomOf(from)
    return room === null ? [] : importsOf(code).map((item) => ({ from, room, target: resolve(from, item.specifier), item }))
  })
}

export function importDirections(tree: Tree): readonly string[] {
  return roomImports(tree).flatMap(({ from, room, target, item: { specifier } }) => {
    if (target === null) return []
    const to = roomOf(target)
    if (to === room || target === 'package.json') return []
    if (to === null) return isTestHelp(from) ? [] : [`${from}: '${specifier}' lies outside the house`]
    // The SDK's tests hold it against what the server says.
    if (room === 'sdk' && isTestHelp(from)) return []
    if (room === 'sdk' || to === 'sdk') return [`${from}: the SDK speaks HTTP; ${room} and ${to} do not import each other`]
    const [low, high] = [rankOf.get(to), rankOf.get(room)]
    if (low === undefined || high === undefined) return [`${from}: '${specifier}': the room ${low === undefined ? to : room} stands in no tier (tests/tidy/imports.ts)`]
    return low < high ? [] : [`${from}: ${room} must not import ${to} ('${specifier}')`]
  })
}

/** From outside, a capability is its `index.ts`; rooms are named by `#core/…` and `#cap/…`, not by climbing. */
export function doors(tree: Tree): readonly string[] {
  return [...codeFiles(tree)].flatMap(([from, code]) =>
    importsOf(code).flatMap(({ specifier }) => {
      const target = resolve(from, specifier)
      if (target === null || roomOf(target) === roomOf(from)) return []
      if (target.startsWith('src/capabilities/') && !/^src\/capabilities\/[a-z-]+\/index\.ts$/.test(target)) {
        // Tests and benchmarks outside look at parts.
        return !/^(src|packages|sdk|scripts|examples)\//.test(from) ? [] : [`${from}: '${specifier}' goes past the door #cap/${roomOf(target)}`]
      }
      const isClimbing = specifier.startsWith('.') && from.startsWith('src/') && (target.startsWith('src/core/') || target.startsWith('src/capabilities/'))
      return isClimbing ? [`${from}: write '${specifier}' as #core/… or #cap/…`] : []
    }))
}

/** The pure package: `node:crypto` and its own files. Its tests may use what tests use. */
export function verifierIsPure(tree: Tree): readonly string[] {
  return roomImports(tree).flatMap(({ from, room, target, item: { specifier } }) => {
    if (room !== 'verifier' || isTestHelp(from)) return []
    const isOwn = target !== null && roomOf(target) === 'verifier'
    return isOwn || specifier === 'node:crypto' ? [] : [`${from}: the verifier imports node:crypto and its own files, not '${specifier}'`]
  })
}

/** Modules that only one room may touch, by name. */
const owners: ReadonlyMap<string, readonly string[]> = new Map([
  ['pg', ['storage']], ['node:sqlite', ['storage']], ['node:crypto', ['crypto', 'verifier']], ['crypto', []], ['fastify', ['http', 'sdk']],
])
/** Of Kysely the rooms use the query builder and its types; what speaks to a driver stays in storage. */
const driverNames = /(Dialect|Driver|Adapter|QueryCompiler|Introspector)$/

export function drivers(tree: Tree): readonly string[] {
  return roomImports(tree).flatMap(({ from, room, item: { specifier, names } }) => {
    if (isTestHelp(from)) return []
    const allowed = owners.get(specifier)
    if (allowed !== undefined && !allowed.includes(room)) return [`${from}: only ${allowed.join(' and ') || 'nobody'} imports ${specifier}`]
    const own = specifier === 'kysely' && room !== 'storage' ? names.filter((name) => driverNames.test(name)) : []
    return own.map((name) => `${from}: only storage knows drivers, and ${name} of kysely is about one`)
  })
}

/** Cryptography that needs no import. Apps and the SDK name requests with it, and no more. */
export function ambientCrypto(tree: Tree): readonly string[] {
  return roomFilesWith(tree, /\bcrypto\.(?:randomUUID|getRandomValues|subtle)\b/, ['crypto', 'verifier', 'apps', 'sdk'])
    .map((path) => `${path}: cryptography lies in core/crypto`)
}

export function environment(tree: Tree): readonly string[] {
  return roomFilesWith(tree, /\bprocess\.(?:env|argv|cwd\(|stdin|stdout|stderr)/, ['apps']).map((path) => `${path}: only src/apps reads the environment, arguments and streams of the process`)
}

function roomFilesWith(tree: Tree, pattern: RegExp, except: readonly string[]): readonly string[] {
  return [...codeFiles(tree)].filter(([path, code]) => {
    const room = roomOf(path)
    return room !== null && !except.includes(room) && !isTestHelp(path) && pattern.test(code)
  }).map(([path]) => path)
}
