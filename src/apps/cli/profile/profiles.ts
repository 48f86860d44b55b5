/**
 * Who is logged in where: one private file of named profiles.
 *
 * @module
 */
import { join } from 'node:path'
import { CliError } from '../exit.ts'
import { readPrivate, writePrivate } from '../private-file.ts'

export interface Profile {
  readonly url: string
  readonly credential: string
  /** Certificates to trust beside the system's. */
  readonly caFile?: string
  /** Whether the credential may go over plain HTTP to another machine. */
  readonly unsafePlainHttp?: true
  readonly workspaceId: string
  readonly principalId: string
}

export interface Profiles {
  /** The one used unless another is named; '' when nobody is logged in. */
  readonly current: string
  readonly profiles: Readonly<Record<string, Profile>>
}

export const defaultProfile = 'default'
const noProfiles: Profiles = Object.freeze({ current: '', profiles: {} })
const nameShape = /^[A-Za-z0-9][A-Za-z0-9._-]{0,39}$/

export const profilesFile = (configDirectory: string): string => join(configDirectory, 'profiles.json')

export function readProfiles(configDirectory: string): Profiles {
  const file = profilesFile(configDirectory)
  const text = readPrivate(file)
  if (text === null) return noProfiles
  const value = parsed(text)
  if (!isProfiles(value)) throw new CliError('failed', `${file} is damaged.`, ['Remove it and log in again: claviger login'])
  return value
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

function isProfiles(value: unknown): value is Profiles {
  const { current, profiles } = (value ?? {}) as { current?: unknown; profiles?: unknown }
  return typeof current === 'string' && typeof profiles === 'object' && profiles !== null && Object.values(profiles).every(isProfile)
}

function isProfile(value: unknown): boolean {
  const { url, credential, workspaceId, principalId } = (value ?? {}) as Record<string, unknown>
  return [url, credential, workspaceId, principalId].every((member) => typeof member === 'string')
}

/** @throws CliError usage */
export function requireProfileName(name: string): string {
  if (!nameShape.test(name)) throw new CliError('usage', 'A profile is named by up to 40 letters, digits, dots, dashes and underscores.')
  return name
}

export function saveProfile(configDirectory: string, name: string, profile: Profile): void {
  const { profiles } = readProfiles(configDirectory)
  write(configDirectory, { current: name, profiles: { ...profiles, [name]: profile } })
}

/** @returns whether there was one */
export function removeProfile(configDirectory: string, name: string): boolean {
  const { current, profiles } = readProfiles(configDirectory)
  const { [name]: removed, ...rest } = profiles
  if (removed === undefined) return false
  write(configDirectory, { current: current === name ? (Object.keys(rest)[0] ?? '') : current, profiles: rest })
  return true
}

const write = (configDirectory: string, profiles: Profiles): void =>
  writePrivate(profilesFile(configDirectory), `${JSON.stringify(profiles, null, 2)}\n`)
