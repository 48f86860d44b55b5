/**
 * Logging in and out, and who one is.
 *
 * @module
 */
import { revealSecret } from '#core/base/secret'
import { Client } from '../client.ts'
import { CliError, exitCodes } from '../exit.ts'
import { writeJson } from '../operations/answer.ts'
import { writeRecord } from '../render/record.ts'
import { visible, wrap } from '../render/text.ts'
import { readSecret } from '../secret-input.ts'
import type { Session } from '../session.ts'
import { connectionFor, defaultUrl, parseUrl, readCa, requireSafe, type CommonOptions, type Connection } from './connection.ts'
import { defaultProfile, profilesFile, readProfiles, removeProfile, requireProfileName, saveProfile } from './profiles.ts'

/** The answer of `GET /v1/self`. */
interface Self {
  readonly principal: { readonly principalId: string; readonly name: string | null; readonly role: string; readonly kind: string }
  readonly workspaceId: string
  readonly credentialId: string
  readonly permissions: readonly string[]
}

export async function logIn(session: Session, options: CommonOptions): Promise<number> {
  const { terminal, places, signal } = session
  const name = requireProfileName(options.profile ?? defaultProfile)
  const url = parseUrl(options.url ?? readProfiles(places.config).profiles[name]?.url ?? defaultUrl)
  // Before the credential is asked for: it shall not be typed for nothing.
  requireSafe(url, options.unsafePlainHttp === true)
  const ca = readCa(options.caFile)
  const credential = await readSecret(terminal, `credential for ${url.origin}`, 'credential', { file: options.credentialFile, fd: options.credentialFd })
  session.connectedTo(url, null)
  const self = await askSelf({ url, credential, ca, profile: name, workspaceId: null, address: null }, signal)
  saveProfile(places.config, name, {
    url: url.href,
    credential: revealSecret(credential),
    workspaceId: self.workspaceId,
    principalId: self.principal.principalId,
    ...(options.caFile === undefined ? {} : { caFile: (await import('node:path')).resolve(options.caFile) }),
    ...(options.unsafePlainHttp === true ? { unsafePlainHttp: true } : {}),
  })
  const { out, err } = terminal
  if (options.quiet === true) return exitCodes.ok.code
  out.line(`Logged in to ${url.origin} as ${out.paint('bold', visible(self.principal.name ?? self.principal.principalId))} (${self.principal.role}), profile ${name}.`)
  err.line(err.paint('dim', `The credential is in ${profilesFile(places.config)}, readable by you alone.`))
  return exitCodes.ok.code
}

export function logOut({ terminal, places }: Session, options: CommonOptions): number {
  const { current } = readProfiles(places.config)
  const name = options.profile ?? (current === '' ? defaultProfile : current)
  if (!removeProfile(places.config, name)) throw new CliError('denied', `Nobody is logged in as profile \`${name}\`.`)
  if (options.quiet === true) return exitCodes.ok.code
  for (const line of wrap(`Logged out of profile ${name}. The credential itself stays valid: revoke it if it is not needed any more.`, terminal.out.width)) terminal.out.line(line)
  return exitCodes.ok.code
}

export async function showSelf(session: Session, options: CommonOptions): Promise<number> {
  const { terminal, signal } = session
  const connection = await connectionFor(options, session)
  session.connectedTo(connection.url, connection.profile)
  const self = await askSelf(connection, signal)
  if (options.json === true) writeJson(terminal.out, self, null, false)
  else if (options.quiet === true) terminal.out.line(self.principal.principalId)
  else {
    const { principal, workspaceId, credentialId, permissions } = self
    writeRecord(terminal.out, {
      name: principal.name, role: principal.role, kind: principal.kind, principalId: principal.principalId, workspaceId, credentialId,
      server: connection.url.origin, profile: connection.profile, permissions,
    }, session.nowMs())
  }
  return exitCodes.ok.code
}

async function askSelf(connection: Connection, signal: AbortSignal): Promise<Self> {
  const client = new Client(connection, signal)
  try {
    return await client.json<Self>({ method: 'GET', path: '/v1/self' })
  } finally {
    client.close()
  }
}
