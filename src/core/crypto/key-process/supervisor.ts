import { closeSync, fstatSync, statSync, unlinkSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { Fault } from '#core/base/fault'
import type { FaultOptions } from '#core/base/fault'
import { cryptoFaults } from '../faults.ts'
import { spawnChild } from './child.ts'
import type { Child, Exit } from './child.ts'
import { measureIsolation } from './isolation.ts'
import type { Isolation } from './isolation.ts'
import { damagedExitCode, decodeResponse, encodeRequest } from './protocol.ts'
import type { KeyCommand } from './protocol.ts'
import { Requests } from './requests.ts'
import { createRootKeyFile, openRootKeyFile, removeEmptyRootKeyFile, syncRootKeyFile } from './root-key-file.ts'

/** How long a child may take from its start to its first answer. */
const startMaxMs = 10_000
/** After a life this long, the next restart is immediate again. */
const steadyMs = 10_000
const restartDelayMaxMs = 2_000
/** How long a child may take to wipe its keys and exit. */
const closeMaxMs = 1_000
/** The first request to every child asks which root key it holds; the others count from 1. */
const handshakeId = 0

export interface SupervisorOptions {
  /** The absolute path of the key process's program. */
  readonly program: string
  readonly rootKeyFile: string
  /**
   * Whether a root-key file that is missing or empty is made. Only for the first start of an instance: where there is data
   * already, such a file is to be restored, not replaced.
   */
  readonly createIfMissing: boolean
  readonly onEvent: (event: KeyProcessEvent) => void
}

/** What the operator may want to know. A child that ended, or failed to start, is being started again. */
export type KeyProcessEvent =
  | { readonly kind: 'started'; readonly pid: number; readonly isolation: Isolation }
  | { readonly kind: 'ended'; readonly exit: Exit }
  | { readonly kind: 'start-failed'; readonly fault: Fault }

export interface Supervisor {
  readonly ask: (command: KeyCommand) => Promise<Buffer>
  readonly isolation: () => Isolation
  readonly pid: () => number
  readonly close: () => Promise<void>
}

/** 0, 50, 100, 200 … 2,000 ms. */
export const restartDelayMs = (failures: number): number =>
  failures === 0 ? 0 : Math.min(50 * 2 ** (failures - 1), restartDelayMaxMs)

/** Runs a child and replaces it when it ends, never by one with another root key (C9). Resolves when the first one has answered. */
export async function supervise(options: SupervisorOptions): Promise<Supervisor> {
  const { program, rootKeyFile, createIfMissing, onEvent } = options
  const closing = new AbortController()
  let latest: Child | undefined
  let running: Child | undefined
  let isolation: Isolation
  let rootCheckValue: Buffer | undefined
  // A child that does not answer is worth no more than one that ended.
  const requests = new Requests(() => running?.kill())

  /** Starts a child and waits until it has shown, by its check value, which root key it holds. */
  async function start(fd: number, generate: boolean): Promise<Child> {
    const proof = Promise.withResolvers<Buffer>()
    const child = spawnChild({
      program,
      rootKeyFile: fd,
      generate,
      onPayload(payload) {
        const response = decodeResponse(payload)
        if (response.id === handshakeId && 'answer' in response) proof.resolve(response.answer)
        else requests.settle(response)
      },
    })
    latest = child
    child.send(encodeRequest(handshakeId, { operation: 'ping' }))
    const timer = setTimeout(child.kill, startMaxMs)
    const outcome = await Promise.race([proof.promise, child.exited])
    clearTimeout(timer)
    if (!Buffer.isBuffer(outcome)) throw startFault(outcome, rootKeyFile)
    if (rootCheckValue?.equals(outcome) === false) {
      child.kill()
      throw refused(`The root-key file ${rootKeyFile} holds another key than before. Restore it.`)
    }
    rootCheckValue = outcome
    return child
  }

  function adopt(child: Child): void {
    isolation = measureIsolation(child.pid)
    running = child
    for (const frame of requests.frames()) child.send(frame)
    onEvent({ kind: 'started', pid: child.pid, isolation })
  }

  async function firstStart(): Promise<void> {
    const found = openRootKeyFile(rootKeyFile)
    if (found === null && !createIfMissing) throw missingFault(rootKeyFile)
    const existing = found !== null && createIfMissing && removeEmptyRootKeyFile(found, rootKeyFile) ? null : found
    const fd = existing ?? createRootKeyFile(rootKeyFile)
    try {
      const child = await start(fd, existing === null)
      if (existing === null) syncRootKeyFile(fd, rootKeyFile)
      adopt(child)
    } catch (error) {
      latest?.kill()
      // Nothing was encrypted under the key of a file made just now, and left behind it would stop the next start.
      if (existing === null && statSync(rootKeyFile, { throwIfNoEntry: false })?.ino === fstatSync(fd).ino) unlinkSync(rootKeyFile)
      throw error
    } finally {
      closeSync(fd)
    }
  }

  async function restart(): Promise<void> {
    const fd = openRootKeyFile(rootKeyFile)
    if (fd === null) throw missingFault(rootKeyFile)
    try {
      adopt(await start(fd, false))
    } finally {
      closeSync(fd)
    }
  }

  async function keepRunning(): Promise<void> {
    let failures = 0
    while (!closing.signal.aborted) {
      if (running !== undefined) {
        const sinceMs = performance.now()
        const exit = await running.exited
        running = undefined
        if (closing.signal.aborted) return
        onEvent({ kind: 'ended', exit })
        if (performance.now() - sinceMs >= steadyMs) failures = 0
      }
      try {
        await delay(restartDelayMs(failures++), undefined, { signal: closing.signal })
        closing.signal.throwIfAborted()
        await restart()
      } catch (error) {
        if (closing.signal.aborted) return
        onEvent({ kind: 'start-failed', fault: error instanceof Fault ? error : notStarted({ cause: error }) })
      }
    }
  }

  await firstStart()
  const ended = keepRunning()

  return {
    async ask(command) {
      if (closing.signal.aborted) throw cryptoFaults['key-process-unavailable']('The key process is closed.')
      const { frame, answer } = requests.add(command)
      running?.send(frame)
      return answer
    },
    isolation: () => isolation,
    pid: () => latest?.pid ?? 0,
    async close() {
      closing.abort()
      requests.rejectAll(cryptoFaults['key-process-unavailable']('The key process is closed.'))
      latest?.end()
      const timer = setTimeout(() => latest?.kill(), closeMaxMs)
      await latest?.exited
      clearTimeout(timer)
      await ended
    },
  }
}

function startFault(exit: Exit, rootKeyFile: string): Fault {
  if (exit.code === damagedExitCode) {
    return cryptoFaults['root-key-damaged'](
      `The root-key file ${rootKeyFile} is empty, cut short or altered. Restore it from its backup; ` +
        'if this instance was never used, delete it.',
    )
  }
  return notStarted({ cause: exit.error, context: { code: exit.code, signal: exit.signal } })
}

const notStarted = (options: FaultOptions): Fault =>
  cryptoFaults['key-process-unavailable']('The key process did not start.', options)

const refused = cryptoFaults['root-key-refused']
const missingFault = (rootKeyFile: string): Fault =>
  refused(`The root-key file ${rootKeyFile} is missing. Restore it from its backup.`)
