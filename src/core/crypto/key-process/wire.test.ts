import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { FrameDecoder, FrameReader, FrameWriter, payloadMax, ProtocolViolation } from './wire.ts'

const someText = fc.string({ unit: 'grapheme', maxLength: 20 })
const someBytes = fc.uint8Array({ maxLength: 60 })
const someCuts = fc.infiniteStream(fc.integer({ min: 1, max: 40 }))

test('frames come out as they went in, however the stream was cut', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(someText, someBytes)), someCuts, (fields, cuts) => {
      const frames = fields.map(([text, bytes]) => new FrameWriter().id(5).text(text).bytes(bytes).frame())
      const stream = Buffer.concat(frames)
      const decoder = new FrameDecoder()
      const read: [string, Uint8Array][] = []
      for (let at = 0; at < stream.length; ) {
        const end = at + cuts.next().value
        for (const payload of decoder.push(Buffer.from(stream.subarray(at, end)))) {
          const input = new FrameReader(payload)
          assert.equal(input.id(), 5)
          read.push([input.text(), new Uint8Array(input.bytes())])
          input.end()
        }
        at = end
      }
      assert.deepEqual(read, fields)
    }),
  )
})

test('what arrived is wiped where it arrived', () => {
  const frame = new FrameWriter().bytes(Buffer.from('a key, for instance')).frame()
  const first = Buffer.from(frame.subarray(0, 10))
  const second = Buffer.from(frame.subarray(10))
  const decoder = new FrameDecoder()
  decoder.push(first)
  const payload = decoder.push(second)[0]!
  assert.ok(payload.includes('a key, for instance'))
  assert.deepEqual(first, Buffer.alloc(first.length))
  assert.deepEqual(second, Buffer.alloc(second.length))
  assert.equal(payload.buffer.byteLength, payload.length, 'shares its memory with nothing')
})

test('an empty frame and one beyond 1 MiB are refused before their content arrives', () => {
  for (const length of [0, payloadMax + 1, 0xffff_ffff]) {
    const head = Buffer.alloc(4)
    head.writeUInt32BE(length)
    assert.throws(() => new FrameDecoder().push(head), ProtocolViolation)
  }
  assert.equal(new FrameDecoder().push(new FrameWriter().bytes(Buffer.alloc(payloadMax - 4)).frame()).length, 1)
  assert.throws(() => new FrameWriter().bytes(Buffer.alloc(payloadMax - 3)).frame(), /C6/)
})

test('a field that promises more than the frame holds, a rest, and ill-formed text are refused', () => {
  const readerOf = (writer: FrameWriter) => new FrameReader(writer.frame().subarray(4))
  assert.throws(() => readerOf(new FrameWriter().u32(9)).bytes(), ProtocolViolation)
  assert.throws(() => readerOf(new FrameWriter().u8(9)).u32(), ProtocolViolation)
  assert.throws(() => readerOf(new FrameWriter().u8(9)).end(), ProtocolViolation)
  assert.throws(() => readerOf(new FrameWriter().bytes(Buffer.of(0xc3, 0x28))).text(), ProtocolViolation)
})
