/**
 * Where this program keeps its files (XDG Base Directory Specification 0.8), and what it reads of the environment.
 *
 * @module
 */
import { homedir } from 'node:os'
import { isAbsolute, join } from 'node:path'

export type Environment = Readonly<Record<string, string | undefined>>

export interface Places {
  /** Profiles, with their credentials. */
  readonly config: string
  /** The last checkpoint that was seen of each log. */
  readonly state: string
  /** What can be made again at any time. */
  readonly cache: string
}

export function placesOf(environment: Environment): Places {
  const home = environment['HOME'] ?? homedir()
  // A relative path in one of these variables is invalid and to be ignored.
  const base = (variable: string, otherwise: string): string => {
    const value = environment[variable] ?? ''
    return join(isAbsolute(value) ? value : join(home, otherwise), 'claviger')
  }
  return {
    config: base('XDG_CONFIG_HOME', '.config'),
    state: base('XDG_STATE_HOME', '.local/state'),
    cache: base('XDG_CACHE_HOME', '.cache'),
  }
}
