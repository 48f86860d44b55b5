/**
 * The configuration that a server started here would use, for commands that work on its files.
 *
 * @module
 */
import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { loadConfig, type Config } from '../server/config.ts'
import type { Environment } from './places.ts'

export interface ConfigOptions {
  /** The data directory, if not the configured one. */
  readonly data?: string
  readonly config?: string
}

export const defaultConfigFile = 'claviger.yaml'

/** @throws ConfigError */
export function serverConfig({ data, config }: ConfigOptions, environment: Environment): Config {
  const named = config ?? (environment['CLAVIGER_CONFIG'] || undefined)
  const file = named ?? (existsSync(defaultConfigFile) ? defaultConfigFile : null)
  const loaded = loadConfig(file, process.cwd())
  return data === undefined ? loaded : withData(loaded, resolve(data))
}

/** Another data directory, and in it everything that lies there unless it is told to lie elsewhere. */
function withData(config: Config, dataDirectory: string): Config {
  const moved = (path: string): string => (path.startsWith(`${config.dataDirectory}/`) ? resolve(dataDirectory, path.slice(config.dataDirectory.length + 1)) : path)
  return {
    ...config,
    dataDirectory,
    rootKeyFile: moved(config.rootKeyFile),
    database: config.database.engine === 'sqlite' ? { engine: 'sqlite', path: moved(config.database.path) } : config.database,
  }
}
