/**
 * Which server a command speaks to, and as whom.
 *
 * @module
 */
import { accessSync, constants, readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { revealSecret, Secret } from '#core/base/secret'
import { readOwnServer } from '../../own-server.ts'
import { CliError, usageError } from '../exit.ts'
import { errorCode } from '../private-file.ts'
import { proveServer } from '../prove-server.ts'
import { readSecret } from '../secret-input.ts'
import type { Session } from '../session.ts'
import { note } from '../terminal.ts'
import { readProfiles, type Profile } from './profiles.ts'

/** The flags that every command has. */
export interface CommonOptions {
  readonly url?: string
  readonly profile?: string
  readonly credentialFile?: string
  readonly credentialFd?: string
  readonly caFile?: string
  readonly unsafePlainHttp?: boolean
  readonly json?: boolean
  readonly quiet?: boolean
}

export interface Connection {
  readonly url: URL
  readonly credential: Secret
  /** PEM of certificates to trust beside the system's, or null. */
  readonly ca: string | null
  /** The profile that it comes from, or null. */
  readonly profile: string | null
  /** What the profile knows of its workspace, or null. */
  readonly workspaceId: string | null
  /** The address of this machine to connect to, whatever the URL's name means here; null: what the name means. */
  readonly address: string | null
}

export const defaultUrl = 'http://localhost:7420'
/** Where a server that was started here writes the credential of its first owner. */
const ownerCredentialFile = 'data/owner-credential'

export async function connectionFor(options: CommonOptions, session: Pick<Session, 'places' | 'terminal' | 'signal'>): Promise<Connection> {
  const { places, terminal } = session
  const { current, profiles } = readProfiles(places.config)
  const wanted = options.url === undefined ? null : parseUrl(options.url)
  if (options.credentialFile !== undefined || options.credentialFd !== undefined) {
    const credential = await readSecret(terminal, 'credential', 'credential', { file: options.credentialFile, fd: options.credentialFd })
    const named = profiles[options.profile ?? current]
    return checked(wanted ?? parseUrl(named?.url ?? defaultUrl), credential, null, undefined, options)
  }
  const found = findProfile(options.profile, wanted, current, profiles)
  if (found !== null) {
    const [name, profile] = found
    return checked(parseUrl(profile.url), new Secret(profile.credential), name, profile, options)
  }
  return ownerOf(wanted, session, options)
}

/** @throws CliError denied when the profile that was named is not there, or is for another server */
function findProfile(
  name: string | undefined, wanted: URL | null, current: string, profiles: Readonly<Record<string, Profile>>,
): readonly [string, Profile] | null {
  const isFor = (profile: Profile | undefined): profile is Profile => profile !== undefined && (wanted === null || profile.url === wanted.href)
  if (name !== undefined) {
    const profile = profiles[name]
    if (profile === undefined) throw new CliError('denied', `Nobody is logged in as profile \`${name}\`.`, [`Run: claviger login --profile ${name}`])
    // Sending it anyway would hand the credential of one server to another.
    if (wanted !== null && profile.url !== wanted.href) {
      throw new CliError('denied', `Profile \`${name}\` is for ${profile.url}, and its credential goes nowhere else.`, ['Leave out --url, or name another --profile.'])
    }
    return [name, profile]
  }
  if (isFor(profiles[current])) return [current, profiles[current]]
  const other = Object.entries(profiles).find(([, profile]) => wanted !== null && isFor(profile))
  return other ?? null
}

/**
 * Right after the first start nobody has logged in yet, and whoever may read the owner's credential is the owner. It goes
 * to the server of that data directory alone, proved: on a port listens whoever took it first.
 */
async function ownerOf(wanted: URL | null, { terminal, signal }: Pick<Session, 'terminal' | 'signal'>, options: CommonOptions): Promise<Connection> {
  const file = resolve(ownerCredentialFile)
  const own = readOwnServer(dirname(file))
  const url = wanted ?? parseUrl(own?.url ?? defaultUrl)
  const isOurs = wanted === null || wanted.href === parseUrl(own?.url ?? defaultUrl).href
  if (!isOurs || !isReadable(file)) {
    const command = url.href === parseUrl(defaultUrl).href ? 'claviger login' : `claviger login --url ${url.origin}`
    throw new CliError('denied', `Not logged in to ${url.origin}.`, [`Run: ${command}`])
  }
  const address = own === null ? null : await proveServer(own, signal)
  if (address === null) {
    throw new CliError('unavailable', 'No server runs on the data directory here, or whoever answers is not it. The owner\'s credential was sent to nobody.', [
      'Start it with `npm start`. To speak to another server: `claviger login --url URL`',
      'If its log says that it cannot say where it listens, name both: --url URL --credential-file data/owner-credential',
    ])
  }
  const credential = new Secret(readFileSync(file, 'utf8').trim())
  if (options.quiet !== true) note(terminal, `not logged in; using the owner's credential in ${ownerCredentialFile} for ${url.origin}`)
  return { ...checked(url, credential, null, undefined, options), address: address.address }
}

function isReadable(file: string): boolean {
  try {
    accessSync(file, constants.R_OK)
    return true
  } catch {
    return false
  }
}

/** A credential is one line of visible ASCII; anything else could not even be sent. */
const credentialShape = /^[\x21-\x7e]{1,512}$/

function checked(url: URL, credential: Secret, profile: string | null, from: Profile | undefined, options: CommonOptions): Connection {
  if (!credentialShape.test(revealSecret(credential))) throw usageError('This is no credential: it is empty, too long, or has spaces or control characters in it.')
  requireSafe(url, options.unsafePlainHttp === true || from?.unsafePlainHttp === true)
  return { url, credential, ca: readCa(options.caFile ?? from?.caFile), profile, workspaceId: from?.workspaceId ?? null, address: null }
}

/** @throws CliError usage */
export function parseUrl(text: string): URL {
  const url = URL.parse(text.includes('://') ? text : `https://${text}`)
  if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:')) throw usageError('--url takes an address such as https://keys.example.com or http://localhost:7420.')
  if (url.username !== '' || url.password !== '') throw usageError('--url must not hold a name or password: a credential does not belong in an address.')
  if (url.pathname !== '/' || url.search !== '' || url.hash !== '') throw usageError('--url takes scheme, host and port, without a path.')
  return url
}

const loopback = /^(localhost|127(\.[0-9]{1,3}){3}|\[::1\])$/

/** @throws CliError usage */
export function requireSafe(url: URL, unsafePlainHttp: boolean): void {
  if (url.protocol === 'https:' || loopback.test(url.hostname) || unsafePlainHttp) return
  throw usageError(
    `${url.origin} is plain HTTP to another machine: whoever is on the way would read the credential. Nothing was sent.`,
    `Use https://, or a tunnel to this machine. If the way is protected otherwise: --unsafe-plain-http`,
  )
}

/** @throws CliError usage */
export function readCa(file: string | undefined): string | null {
  if (file === undefined) return null
  try {
    const pem = readFileSync(file, 'utf8')
    if (pem.includes('-----BEGIN CERTIFICATE-----')) return pem
  } catch (error) {
    throw usageError(`--ca-file ${file} cannot be read (${errorCode(error) ?? 'unknown'}).`)
  }
  throw usageError(`--ca-file ${file} holds no certificate in PEM.`)
}
