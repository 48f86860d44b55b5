/**
 * A server's life: configuration, start, signals, drain.
 *
 * @module
 */
import { existsSync, rmSync } from 'node:fs'
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { Fault } from '#core/base/fault'
import { startKeyProcess, type KeyProcessEvent } from '#core/crypto/key-process/client'
import { secretFieldsOf } from '#core/telemetry/redact'
import { createLogger, type Logger } from '#core/telemetry/logger'
import manifest from '../../../package.json' with { type: 'json' }
import { keyProcessProgram } from '../key-process/program.ts'
import { operations } from '../operations.ts'
import { createServerProof, type ServerProof } from '../own-server.ts'
import { ClockAheadError } from './clock-ahead.ts'
import { ConfigError, defaultPort, loadConfig, type Config } from './config.ts'
import { credentialFileOf, prepareDataDirectory, takeRecoveryNotes, writeCredential } from './data-directory.ts'
import { createErrorPages } from './error-pages.ts'
import { openInstance, type Instance } from './open-instance.ts'
import { announce, terminalLog } from './terminal.ts'

const defaultConfigFile = 'claviger.yaml'

export async function run(): Promise<void> {
  // Whatever this process makes belongs to its user alone.
  process.umask(0o077)
  process.title = 'claviger'
  // A listener keeps Node from opening its inspector, through which all memory could be read.
  process.on('SIGUSR1', () => {})
  let config: Config
  try {
    config = loadConfig(configFile(), process.cwd())
    prepareDataDirectory(config.dataDirectory)
  } catch (error) {
    return fail(error, 2)
  }
  const logger = createLogger({
    level: config.logLevel,
    secretFields: new Set(operations.flatMap(({ input, output }) => [input.params, input.query, input.body, output].flatMap((schema) => [...secretFieldsOf(schema ?? {})]))),
    ...(process.stdout.isTTY ? { destination: terminalLog } : {}),
  })
  // Heeded from here on: a signal that comes during the start is answered after it, with everything closed properly.
  const signalled = firstSignal()
  let stop: () => Promise<void>
  try {
    stop = await start(config, logger)
  } catch (error) {
    return fail(error, 1, config)
  }
  await ended(signalled, stop, logger)
}

function configFile(): string | null {
  const { values } = parseArgs({ options: { config: { type: 'string' }, help: { type: 'boolean', short: 'h' } }, strict: true })
  if (values.help === true) {
    process.stdout.write('Usage: npm start -- [--config FILE]\n\nWithout a file: ./claviger.yaml, or the defaults. docs/guides/operate.md has every setting.\n')
    process.exit(0)
  }
  if (values.config !== undefined) return values.config
  const named = process.env['CLAVIGER_CONFIG']
  if (named !== undefined && named !== '') return named
  return existsSync(defaultConfigFile) ? defaultConfigFile : null
}

/** Opens and listens. Resolves with what closes it again. */
async function start(config: Config, logger: Logger): Promise<() => Promise<void>> {
  const credentialFile = credentialFileOf(config.dataDirectory)
  const proof = createServerProof(config.dataDirectory)
  let delivered = false
  const instance = await openInstance({
    database: config.database,
    openKeyProcess: (fresh) => startKeyProcess({
      program: keyProcessProgram, rootKeyFile: config.rootKeyFile, createIfMissing: fresh, onEvent: (event) => logKeyProcess(logger, event),
    }),
    deliverCredential(secret) {
      writeCredential(credentialFile, secret)
      delivered = true
    },
    exampleApi: config.exampleApi,
    acceptClockAhead: config.acceptClockAhead,
    logger,
    errorPages: createErrorPages(),
    prove: proof.prove,
    http: {
      limits: config.limits, trustedProxies: config.trustedProxies, unsafePlainHttp: config.unsafePlainHttp,
      ...(config.tls === null ? {} : { tls: config.tls }),
    },
  })
  // Another server founded the instance at the same moment: what was written here opens nothing.
  if (delivered && instance.founded === null) rmSync(credentialFile, { force: true })
  try {
    const listening = await instance.server.listen(config.listen)
    announceProof(proof, listening, logger)
    tell(config, logger, instance, listening.url)
  } catch (error) {
    proof.withdraw()
    await instance.close()
    throw error
  }
  process.on('SIGHUP', () => instance.server.reloadTls())
  return async () => {
    proof.withdraw()
    await instance.close()
  }
}

/** A full disk must not keep a server from starting: it is then that something may have to be revoked. */
function announceProof(proof: ServerProof, listening: Parameters<ServerProof['announce']>[0], logger: Logger): void {
  try {
    proof.announce(listening)
  } catch (error) {
    logger.warn({ err: error }, 'the data directory cannot say where this server listens: commands here must be told, with --url and --credential-file')
  }
}

function tell(config: Config, logger: Logger, instance: Instance, url: string): void {
  const credentialFile = credentialFileOf(config.dataDirectory)
  process.stdout.write(announce({
    version: manifest.version, url, dataDirectory: config.dataDirectory, database: config.database.engine,
    rootKeyFile: config.rootKeyFile, credentialFile: existsSync(credentialFile) ? credentialFile : null, exampleApi: config.exampleApi,
    isDefault: url === `http://localhost:${defaultPort}` && config.dataDirectory === resolve('data'),
  }))
  logger.info({ url, database: config.database.engine, node: process.version }, 'listening')
  for (const { workspaceId, principalId, keyId } of takeRecoveryNotes(config.dataDirectory)) {
    logger.warn({ workspaceId, principalId, keyId }, 'an owner was recovered since the last start (`claviger owner recover`); if that was not you, somebody has your data and the root key: revoke that credential, and see docs/guides/operate.md')
  }
  // Stays until the root key comes from elsewhere (Shamir shares, PKCS#11).
  logger.warn({ rootKeyFile: config.rootKeyFile }, 'the root key lies in a file: whoever can read it and the database can read everything')
  for (const reason of instance.keyProcess.isolation.reasons) logger.warn({ reason }, 'a wall around the key process is missing')
  if (config.acceptClockAhead) logger.warn({}, 'acceptClockAhead: a clock that is years ahead is not noticed at the next start; take the setting out again')
  if (config.unsafePlainHttp) logger.warn({}, 'unsafePlainHttp: credentials may cross the network readable')
  if (instance.clock.behindMs() > 0) logger.warn({ behindMs: instance.clock.behindMs() }, 'the clock stands below times that were committed; time stands still until it catches up')
}

function logKeyProcess(logger: Logger, event: KeyProcessEvent): void {
  if (event.kind === 'started') logger.info({ pid: event.pid }, 'key process started')
  else if (event.kind === 'ended') logger.error({ ...event.exit }, 'key process ended; it is started again')
  else logger.error({ err: event.fault }, 'key process did not start; it is tried again')
}

/** Sooner than this nobody presses Ctrl-C again: npm passes on the signal that the terminal sent to us as well. */
const signalEchoMs = 500

/** Resolves with the first signal to stop. A second one, if it is not the echo of the first, ends the process at once. */
function firstSignal(): Promise<NodeJS.Signals> {
  return new Promise((settle) => {
    let firstAtMs: number | null = null
    for (const name of ['SIGINT', 'SIGTERM'] as const) {
      process.on(name, () => {
        const nowMs = performance.now()
        if (firstAtMs !== null && nowMs - firstAtMs >= signalEchoMs) process.exit(130)
        firstAtMs ??= nowMs
        settle(name)
      })
    }
  })
}

/** Longer than draining and writing what waits can take; beyond it something hangs, and all that was acknowledged is on disk. */
const stopMaxMs = 30_000

async function ended(signalled: Promise<NodeJS.Signals>, stop: () => Promise<void>, logger: Logger): Promise<void> {
  const signal = await signalled
  logger.info({ signal }, 'stopping: answering what is under way')
  setTimeout(() => {
    logger.error({ stopMaxMs }, 'stopping hangs; ended without the rest')
    process.exit(1)
  }, stopMaxMs).unref()
  await stop()
  logger.info({}, 'stopped')
  process.exit(0)
}

function fail(error: unknown, exitCode: 1 | 2, config?: Config): void {
  process.stderr.write(`\n  Claviger did not start.\n\n${indent(explain(error, config))}\n\n`)
  process.exit(exitCode)
}

const indent = (text: string): string => text.replaceAll(/^/gm, '  ')

function explain(error: unknown, config: Config | undefined): string {
  if (error instanceof ConfigError || error instanceof ClockAheadError) return error.message
  if (error instanceof Fault) return `${error.detail}\n(${error.code}; docs/errors/${error.code}.md says more)${contextOf(error)}`
  const { code, message } = error as NodeJS.ErrnoException
  if (code === 'EADDRINUSE') {
    return `Port ${config?.listen.port} on ${config?.listen.host} is in use. Stop what listens there, or set \`listen.port\` in ${config?.file ?? resolve(defaultConfigFile)}.`
  }
  if (code === 'EACCES' && config !== undefined) return `Port ${config.listen.port} may not be opened by this user. Set \`listen.port\` to one above 1023.`
  if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND') return `There is no address ${config?.listen.host} on this machine. Correct \`listen.host\`.`
  if (code?.startsWith('ERR_PARSE_ARGS') === true) return `${message}\nUsage: npm start -- [--config FILE]`
  return error instanceof Error ? (error.stack ?? message) : String(error)
}

/** Nothing in a fault's context is secret; at the start its reader is the operator. */
const contextOf = ({ context, cause }: Fault): string => {
  const causes = cause instanceof Error ? [cause.message] : []
  const facts = Object.entries(context).map(([name, value]) => `${name}: ${String(value)}`)
  return [...facts, ...causes].map((line) => `\n${line}`).join('')
}
