/**
 * What was seen of each log the last time: its keys and its newest checkpoint. A log that is shown smaller later, with
 * another past, or under other keys is noticed by that.
 *
 * @module
 */
import { join } from 'node:path'
import { CliError } from '../exit.ts'
import { readPrivate, writePrivate } from '../private-file.ts'

export interface Seen {
  readonly vkeys: readonly string[]
  /** The signed note; null when there was none yet. */
  readonly checkpoint: string | null
  readonly size: number
  readonly at: string
  /** Where the log was read. */
  readonly source: string
}

export const memoryFile = (stateDirectory: string, workspaceId: string): string => join(stateDirectory, 'logs', `${workspaceId}.json`)

/** @throws CliError when it is there and cannot be relied on: forgetting is what a forger would want */
export function recall(stateDirectory: string, workspaceId: string): Seen | null {
  const file = memoryFile(stateDirectory, workspaceId)
  const text = readPrivate(file)
  if (text === null) return null
  const seen = parsed(text)
  if (!isSeen(seen)) throw new CliError('logWrong', `${file}, which remembers the log, is damaged.`, ['Find out why before you remove it: without it, a log that went back is not noticed.'])
  return seen
}

/** Keeps what was seen now. Never the smaller one. */
export function remember(stateDirectory: string, workspaceId: string, seen: Seen): void {
  writePrivate(memoryFile(stateDirectory, workspaceId), `${JSON.stringify(seen, null, 2)}\n`)
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

function isSeen(value: unknown): value is Seen {
  const { vkeys, checkpoint, size, at, source } = (value ?? {}) as Record<string, unknown>
  return Array.isArray(vkeys) && vkeys.every((each) => typeof each === 'string') && (checkpoint === null || typeof checkpoint === 'string') &&
    Number.isSafeInteger(size) && typeof at === 'string' && typeof source === 'string'
}
