/**
 * `claviger doctor`: looks at this machine, its data and its server, and says what to do. It changes nothing.
 *
 * @module
 */
import { ConfigError, type Config } from '../../server/config.ts'
import { exitCodes } from '../exit.ts'
import { writeJson } from '../operations/answer.ts'
import { defaultConfigFile, serverConfig, type ConfigOptions } from '../server-config.ts'
import { padTo, visible, widthOf, wrap } from '../render/text.ts'
import type { Session } from '../session.ts'
import type { Output, Style } from '../terminal.ts'
import { ok, problem, type Check } from './check.ts'
import { checkClock, startWatch } from './clock.ts'
import { checkDatabase, type DatabaseFindings } from './database.ts'
import { checkDisk } from './disk.ts'
import { checkFiles, checkSecretsOutside } from './files.ts'
import { checkKeyProcess } from './key-process.ts'
import { checkListener } from './listener.ts'

export interface DoctorOptions extends ConfigOptions {
  readonly json?: boolean
  readonly quiet?: boolean
}

/** @returns the exit code */
export async function runDoctor({ terminal, environment, signal, nowMs }: Session, options: DoctorOptions): Promise<number> {
  const watch = startWatch()
  const checks: Check[] = []
  const add = (...found: readonly Check[]): void => {
    checks.push(...found)
    if (options.json === true || options.quiet === true) return
    for (const check of found) writeCheck(terminal.out, check)
  }
  add(checkNode())
  const config = readConfig(options, environment, add)
  if (config !== null) {
    const started = checkFiles(config)
    add(...started.checks, ...checkSecretsOutside(config))
    if (started.isThere) await checkInside(config, add, watch, nowMs())
    add(...await checkListener(config, signal))
  }
  const problems = checks.filter(({ status }) => status === 'problem').length
  const warnings = checks.filter(({ status }) => status === 'warning').length
  if (options.json === true) writeJson(terminal.out, { status: problems > 0 ? 'problem' : warnings > 0 ? 'warning' : 'ok', checks }, null, false)
  else if (options.quiet !== true) terminal.out.line(summary(problems, warnings))
  return problems > 0 ? exitCodes.negative.code : exitCodes.ok.code
}

async function checkInside(config: Config, add: (...found: readonly Check[]) => void, watch: () => number, nowMs: number): Promise<void> {
  const database: DatabaseFindings = checkDatabase(config)
  try {
    add(...database.checks, checkDisk(config), ...await checkKeyProcess(config, database.inspection))
    add(checkClock(database.highestTimeMs, watch(), nowMs, config.acceptClockAhead))
  } finally {
    database.inspection?.close()
  }
}

function checkNode(): Check {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
  const isFit = (major === 24 && minor >= 16) || (major === 26 && minor >= 1) || major > 26
  return isFit ? ok('node', `version ${process.versions.node}`)
    : problem('node', `version ${process.versions.node}; Claviger needs 24.16 or newer`, 'Run `npm ci` once in its folder: that brings the right one.')
}

/** The configuration that a server started here would use. */
function readConfig(options: DoctorOptions, environment: Session['environment'], add: (...found: readonly Check[]) => void): Config | null {
  try {
    const config = serverConfig(options, environment)
    add(ok('configuration', config.file ?? `the defaults (there is no ${defaultConfigFile} here)`))
    return config
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    add(problem('configuration', error.message, 'Correct what the line says.'))
    return null
  }
}

const nameWidth = 15
const styles: Readonly<Record<Check['status'], Style>> = { ok: 'green', warning: 'yellow', problem: ['bold', 'red'] }

function writeCheck(out: Output, { name, status, detail, cure }: Check): void {
  const indent = 'problem'.length + 2 + nameWidth + 2
  const lines = [...detail.split('\n'), ...(cure === undefined ? [] : [cure])].flatMap((text) => wrap(visible(text), Math.max(30, out.width - indent)))
  const head = `${out.paint(styles[status], padTo(status, 'problem'.length))}  ${padTo(name, Math.max(nameWidth, widthOf(name)))}`
  lines.forEach((line, index) => out.line(index === 0 ? `${head}  ${line}` : `${' '.repeat(indent)}${line}`))
}

function summary(problems: number, warnings: number): string {
  const count = (number: number, word: string): string => `${number} ${word}${number === 1 ? '' : 's'}`
  if (problems + warnings === 0) return '\nAll is well.'
  return `\n${[...(problems === 0 ? [] : [count(problems, 'problem')]), ...(warnings === 0 ? [] : [count(warnings, 'warning')])].join(', ')}.`
}
