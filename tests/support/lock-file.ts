/**
 * Whether package-lock.json belongs to the manifests: what `npm ci` refuses, found without npm and without a network.
 *
 * @module
 */
export interface Manifest {
  readonly engines: { readonly node: string }
  readonly workspaces: readonly string[]
  readonly dependencies?: Versions
  readonly devDependencies?: Versions
  readonly optionalDependencies: Versions
}

type Versions = Readonly<Record<string, string>>

interface LockedPackage {
  readonly version?: string
  readonly integrity?: string
  readonly link?: boolean
  readonly dependencies?: Versions
  readonly devDependencies?: Versions
  readonly optionalDependencies?: Versions
}

export interface LockFile {
  readonly packages: Readonly<Record<string, LockedPackage>>
}

const kinds = ['dependencies', 'devDependencies', 'optionalDependencies'] as const
const exact = /^\d+\.\d+\.\d+(-[\w.]+)?$/

/** @param manifests by folder, `''` the root */
export function lockComplaints(manifests: ReadonlyMap<string, Pick<Manifest, (typeof kinds)[number]>>, { packages }: LockFile): readonly string[] {
  const complaints: string[] = []
  for (const [folder, manifest] of manifests) {
    const file = folder === '' ? 'package.json' : `${folder}/package.json`
    const locked = packages[folder]
    for (const kind of kinds) {
      const [wanted, known] = [manifest[kind] ?? {}, locked?.[kind] ?? {}]
      for (const name of new Set([...Object.keys(wanted), ...Object.keys(known)])) {
        const version = wanted[name]
        const found = packages[`${folder === '' ? '' : `${folder}/`}node_modules/${name}`] ?? packages[`node_modules/${name}`]
        if (version !== known[name]) complaints.push(`${file}: ${kind} has ${name} ${version ?? 'not at all'}, package-lock.json ${known[name] ?? 'not at all'}`)
        else if (version !== undefined && !exact.test(version)) complaints.push(`${file}: ${name} is pinned exactly, not as ${version}`)
        else if (found?.link !== true && (found?.version !== version || found?.integrity === undefined)) {
          complaints.push(`package-lock.json: ${name} ${found?.version ?? 'missing'}, ${file} wants ${version ?? 'none'}`)
        }
      }
    }
  }
  return complaints
}
