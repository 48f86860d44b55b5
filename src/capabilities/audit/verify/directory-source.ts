/**
 * A log as a directory of files: what `exportLog` wrote, in the layout of C2SP tlog-tiles with a few files beside it.
 *
 *     checkpoint         the newest signed checkpoint
 *     tile/…             hash tiles and entry bundles
 *     keys               verifier keys, one a line
 *     checkpoint.start   the newest checkpoint when the rows began to be read
 *     checkpoints.jsonl  {"checkpoint"}, smallest first
 *     rows.jsonl         {"head","id","row","salt","table"}, each row as its digest covers it
 *     blocks.jsonl       {"environment","from","id","sections","to","uses"}
 *     leaves.jsonl       {"index","leaf"}: entries that no checkpoint covered yet
 *
 * @module
 */
import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { noteMaxLength, parseTilePath } from '@claviger/verifier'
import { parseBlock, parseCheckpointLine, parseLeaf, parseRow } from './records.ts'
import { VerifyProblem } from './problem.ts'
import type { LogSource } from './source.ts'
import { readLines } from './text-files.ts'

export const directoryFiles = {
  checkpoint: 'checkpoint',
  start: 'checkpoint.start',
  keys: 'keys',
  checkpoints: 'checkpoints.jsonl',
  rows: 'rows.jsonl',
  blocks: 'blocks.jsonl',
  leaves: 'leaves.jsonl',
} as const

/** 256 entries of 65,535 bytes, each behind its length. */
const tileMax = 256 * (2 + 65_535)
const keysMax = 64 * 1024

/** @param directory where `exportLog` wrote */
export function directorySource(directory: string): LogSource {
  async function note(name: string): Promise<string | null> {
    const bytes = await readBounded(join(directory, name), noteMaxLength)
    if (bytes === 'too-long') throw new VerifyProblem('checkpoint-malformed', 'file', name)
    return bytes?.toString('utf8') ?? null
  }

  async function* records<Record>(name: string, parse: (line: Uint8Array) => Record | null): AsyncGenerator<Record> {
    if ((await sizeOf(join(directory, name))) === null) throw new VerifyProblem('source-malformed', 'file', name)
    for await (const { line, place } of readLines(join(directory, name), name)) {
      const record = parse(line)
      if (record === null) throw new VerifyProblem('source-malformed', 'file', place)
      yield record
    }
  }

  return {
    isLive: false,
    async vkeys() {
      const bytes = await readBounded(join(directory, directoryFiles.keys), keysMax)
      const text = bytes?.toString('utf8') ?? ''
      if (!text.endsWith('\n')) throw new VerifyProblem('keys-malformed', 'file', directoryFiles.keys)
      return text.slice(0, -1).split('\n')
    },
    checkpoint: () => note(directoryFiles.checkpoint),
    startCheckpoint: () => note(directoryFiles.start),
    checkpoints: () => records(directoryFiles.checkpoints, parseCheckpointLine),
    async tile(path) {
      const kind = parseTilePath(path)?.kind
      if (kind === undefined) return null
      const bytes = await readBounded(join(directory, path), tileMax)
      if (bytes === 'too-long') throw new VerifyProblem(kind === 'entries' ? 'bundle-malformed' : 'tile-malformed', 'tile', path)
      return bytes
    },
    rows: () => records(directoryFiles.rows, parseRow),
    blocks: () => records(directoryFiles.blocks, parseBlock),
    async *leaves(from) {
      let next = from
      for await (const { index, leaf } of records(directoryFiles.leaves, parseLeaf)) {
        if (index < from) continue
        if (index !== next++) throw new VerifyProblem('source-malformed', 'file', directoryFiles.leaves)
        yield leaf
      }
    },
  }
}

/** Null when there is no such file. */
async function sizeOf(path: string): Promise<number | null> {
  try {
    const found = await stat(path)
    return found.isFile() ? found.size : null
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR') return null
    throw error
  }
}

/** Null when there is no such file; it is not read when it is longer than `max`. */
async function readBounded(path: string, max: number): Promise<Buffer | 'too-long' | null> {
  const size = await sizeOf(path)
  if (size === null) return null
  return size > max ? 'too-long' : readFile(path)
}
