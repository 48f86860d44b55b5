/** Files of one line a record, written and read without ever holding a whole file. */
import { createReadStream } from 'node:fs'
import { open, type FileHandle } from 'node:fs/promises'
import { VerifyProblem } from './problem.ts'

const newline = 0x0a
/** Bytes of one line; a block of uses with a few hundred thousand customers has as many. */
const lineMax = 64 * 1024 * 1024
const flushAt = 64 * 1024

/** Writes a new file, readable by its owner only. */
export class LineWriter {
  readonly #file: FileHandle
  #waiting = ''

  private constructor(file: FileHandle) {
    this.#file = file
  }

  /** @throws Error `EEXIST` when the file is there: nothing is ever overwritten */
  static async create(path: string): Promise<LineWriter> {
    return new LineWriter(await open(path, 'wx', 0o600))
  }

  async write(line: string): Promise<void> {
    this.#waiting += `${line}\n`
    if (this.#waiting.length >= flushAt) await this.#flush()
  }

  async close(): Promise<void> {
    await this.#flush()
    await this.#file.close()
  }

  async #flush(): Promise<void> {
    const text = this.#waiting
    this.#waiting = ''
    await this.#file.appendFile(text)
  }
}

/**
 * The lines of a file, without their newlines, one by one.
 *
 * @param name what a problem calls the file
 * @throws VerifyProblem when a line has no end, or none in sight
 */
export async function* readLines(path: string, name: string): AsyncGenerator<{ readonly line: Buffer; readonly place: string }> {
  let rest = Buffer.alloc(0)
  let number = 1
  for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) {
    const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
    let start = 0
    for (let end = bytes.indexOf(newline, Math.max(0, rest.length)); end !== -1; end = bytes.indexOf(newline, start)) {
      yield { line: bytes.subarray(start, end), place: `${name}:${number}` }
      start = end + 1
      number++
    }
    rest = Buffer.from(bytes.subarray(start))
    if (rest.length > lineMax) throw new VerifyProblem('source-malformed', 'file', `${name}:${number}`)
  }
  if (rest.length > 0) throw new VerifyProblem('source-malformed', 'file', `${name}:${number}`)
}
