/**
 * How long each task took the last time, so that the longest begin first and no core is left waiting for one at the end.
 *
 * @module
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { root, type Task } from './plan.ts'

export interface Durations {
  /** Longest first; what was never run, before all. */
  order<Of extends { readonly task: Task }>(tasks: readonly Of[]): Of[]
  note(task: Task, durationMs: number): void
  /** For the next run. */
  keep(): void
}

const defaultPath = join(root, '.cache/durations.json')

export function openDurations(path = defaultPath): Durations {
  const known = read(path)
  const of = ({ task }: { readonly task: Task }): number => known.get(task.name) ?? Infinity
  return {
    order: (tasks) => tasks.toSorted((a, b) => (of(a) === of(b) ? 0 : of(b) - of(a))),
    note: ({ name }, durationMs) => void known.set(name, Math.round(durationMs)),
    keep() {
      mkdirSync(dirname(path), { recursive: true })
      writeFileSync(path, JSON.stringify(Object.fromEntries(known), null, 1))
    },
  }
}

function read(path: string): Map<string, number> {
  try {
    return new Map(Object.entries(JSON.parse(readFileSync(path, 'utf8')) as Record<string, number>))
  } catch {
    // Not there yet, or half a file of a run that was ended: an order like any other.
    return new Map()
  }
}
