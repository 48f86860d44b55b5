/**
 * Export: a copy of a log for whoever shall check it elsewhere, made of exactly what a check reads.
 *
 * It is the check itself that runs, over a source that writes down what it is asked for; so what lands in the directory
 * is complete, and was checked once already.
 *
 * @module
 */
import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { directoryFiles } from './directory-source.ts'
import { encodeBlock, encodeCheckpointLine, encodeLeaf, encodeRow, withoutSealed } from './records.ts'
import type { LogSource } from './source.ts'
import { LineWriter } from './text-files.ts'
import { verifyLog, type VerifyOptions, type VerifyReport } from './verify-log.ts'

type LineFile = 'checkpoints' | 'rows' | 'blocks' | 'leaves'

/**
 * Copies a log into a directory, which `directorySource` reads. What is sealed in blocks of uses stays behind.
 *
 * A log that does not pass its check is copied up to the first thing that is wrong, and the report says so.
 *
 * @param directory made when it is missing; what stands in it is never overwritten
 * @throws Error `EEXIST` when an export is there already
 */
export async function exportLog(source: LogSource, directory: string, options: VerifyOptions = {}): Promise<VerifyReport> {
  await mkdir(directory, { recursive: true, mode: 0o700 })
  const lines: Record<LineFile, LineWriter> = {
    checkpoints: await LineWriter.create(join(directory, directoryFiles.checkpoints)),
    rows: await LineWriter.create(join(directory, directoryFiles.rows)),
    blocks: await LineWriter.create(join(directory, directoryFiles.blocks)),
    leaves: await LineWriter.create(join(directory, directoryFiles.leaves)),
  }
  const recorder = new Recorder(source, directory, lines)
  try {
    const report = await verifyLog(recorder.source(), options)
    await recorder.finish()
    return report
  } finally {
    for (const file of Object.values(lines)) await file.close()
  }
}

class Recorder {
  readonly #from: LogSource
  readonly #directory: string
  readonly #lines: Readonly<Record<LineFile, LineWriter>>
  readonly #tiles = new Set<string>()
  #start: string | null = null
  #newest: string | null = null

  constructor(from: LogSource, directory: string, lines: Readonly<Record<LineFile, LineWriter>>) {
    this.#from = from
    this.#directory = directory
    this.#lines = lines
  }

  source(): LogSource {
    const from = this.#from
    const recording: LogSource = {
      isLive: from.isLive,
      vkeys: async () => {
        const vkeys = await from.vkeys()
        await this.#write(directoryFiles.keys, vkeys.map((vkey) => `${vkey}\n`).join(''))
        return vkeys
      },
      checkpoint: async () => (this.#newest = await from.checkpoint()),
      startCheckpoint: async () => (this.#start = from.startCheckpoint === undefined ? this.#newest : await from.startCheckpoint()),
      checkpoints: () => this.#each(from.checkpoints(), 'checkpoints', encodeCheckpointLine),
      tile: (path) => this.#tile(path),
      rows: () => this.#each(from.rows(), 'rows', encodeRow),
      blocks: () => this.#each(from.blocks(), 'blocks', (block) => encodeBlock({ ...block, sections: withoutSealed(block.sections) ?? block.sections })),
    }
    // Where a log grows, what rows already show is waited for; else the copy could not tell when it read which entry.
    if (from.isLive || from.leaves === undefined) return recording
    const leaves = from.leaves.bind(from)
    return {
      ...recording,
      leaves: (index) => {
        let next = index
        return this.#each(leaves(index), 'leaves', (leaf) => encodeLeaf({ index: next++, leaf }))
      },
    }
  }

  /** The checkpoints come last: a copy that was broken off has none. */
  async finish(): Promise<void> {
    if (this.#start !== null) await this.#write(directoryFiles.start, this.#start)
    if (this.#newest !== null) await this.#write(directoryFiles.checkpoint, this.#newest)
  }

  async *#each<Item>(items: AsyncIterable<Item>, file: LineFile, encode: (item: Item) => string): AsyncGenerator<Item> {
    for await (const item of items) {
      await this.#lines[file].write(encode(item))
      yield item
    }
  }

  async #tile(path: string): Promise<Uint8Array | null> {
    const tile = await this.#from.tile(path)
    if (tile !== null && !this.#tiles.has(path)) {
      this.#tiles.add(path)
      await this.#write(path, tile)
    }
    return tile
  }

  async #write(path: string, content: string | Uint8Array): Promise<void> {
    const file = join(this.#directory, path)
    await mkdir(dirname(file), { recursive: true, mode: 0o700 })
    await writeFile(file, content, { flag: 'wx', mode: 0o600 })
  }
}
