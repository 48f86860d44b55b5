import { assert } from '#core/base/assert'
import { zero } from '../aead.ts'

/** The other end sent something that is not the protocol. Nothing it sends can be trusted any more. */
export class ProtocolViolation extends Error {
  override readonly name = 'ProtocolViolation'
}

/** The most that a frame carries: 1 MiB. */
export const payloadMax = 1 << 20

const lengthSize = 4
const idSize = 6

/** Puts fields behind one another, in one frame: `length (u32 BE) payload`. */
export class FrameWriter {
  readonly #parts: Uint8Array[] = []
  #length = 0

  id(value: number): this {
    return this.#uint(value, idSize)
  }
  u8(value: number): this {
    return this.#uint(value, 1)
  }
  u32(value: number): this {
    return this.#uint(value, 4)
  }
  bytes(value: Uint8Array): this {
    return this.u32(value.length).#add(value)
  }
  text(value: string): this {
    return this.bytes(Buffer.from(value, 'utf8'))
  }

  /** The frame, in memory of its own, so that it can be wiped once it is sent. */
  frame(): Buffer {
    assert(this.#length <= payloadMax, 'C6: a frame carries at most 1 MiB')
    const frame = Buffer.allocUnsafeSlow(lengthSize + this.#length)
    frame.writeUInt32BE(this.#length)
    let at = lengthSize
    for (const part of this.#parts) {
      frame.set(part, at)
      at += part.length
    }
    return frame
  }

  #uint(value: number, size: number): this {
    assert(Number.isInteger(value), 'C6: a number on the wire is an integer')
    const part = Buffer.alloc(size)
    part.writeUIntBE(value, 0, size)
    return this.#add(part)
  }
  #add(part: Uint8Array): this {
    this.#parts.push(part)
    this.#length += part.length
    return this
  }
}

/**
 * Takes fields from a payload, in the order in which they were put. Bytes stay where they are: they are views of it.
 *
 * @throws ProtocolViolation by every method, when the payload holds something else
 */
export class FrameReader {
  readonly #payload: Buffer
  #at = 0

  constructor(payload: Buffer) {
    this.#payload = payload
  }

  id(): number {
    return this.#take(idSize).readUIntBE(0, idSize)
  }
  u8(): number {
    return this.#take(1).readUInt8()
  }
  u32(): number {
    return this.#take(4).readUInt32BE()
  }
  bytes(): Buffer {
    return this.#take(this.u32())
  }
  text(): string {
    const bytes = this.bytes()
    const text = bytes.toString('utf8')
    // Ill-formed UTF-8 decodes to replacement characters: two byte sequences would read as one text.
    if (!Buffer.from(text, 'utf8').equals(bytes)) throw new ProtocolViolation('a text is not UTF-8')
    return text
  }
  end(): void {
    if (this.#at !== this.#payload.length) throw new ProtocolViolation('a frame is longer than what it says')
  }

  #take(length: number): Buffer {
    const end = this.#at + length
    if (end > this.#payload.length) throw new ProtocolViolation('a frame is shorter than what it says')
    const part = this.#payload.subarray(this.#at, end)
    this.#at = end
    return part
  }
}

/** Cuts a stream of bytes into payloads. What arrives is wiped where it arrived: a frame may carry a key. */
export class FrameDecoder {
  #rest: Buffer = Buffer.alloc(0)

  /**
   * @returns the payloads that the chunk completes, each in memory of its own
   * @throws ProtocolViolation when a frame is empty or beyond the bound
   */
  push(chunk: Buffer): Buffer[] {
    const input = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk])
    const payloads: Buffer[] = []
    let at = 0
    while (input.length - at >= lengthSize) {
      const length = input.readUInt32BE(at)
      if (length === 0 || length > payloadMax) throw new ProtocolViolation('a frame has 1 byte to 1 MiB')
      const end = at + lengthSize + length
      if (end > input.length) break
      payloads.push(ownCopy(input.subarray(at + lengthSize, end)))
      at = end
    }
    zero(this.#rest)
    this.#rest = ownCopy(input.subarray(at))
    zero(input)
    zero(chunk)
    return payloads
  }
}

// Small buffers share one pool, where a wiped key's neighbours would keep it alive; these do not.
function ownCopy(bytes: Buffer): Buffer {
  const copy = Buffer.allocUnsafeSlow(bytes.length)
  copy.set(bytes)
  return copy
}
