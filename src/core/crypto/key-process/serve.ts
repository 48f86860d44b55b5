import type { Duplex } from 'node:stream'
import { Fault } from '#core/base/fault'
import { zero } from '../aead.ts'
import type { Keeper } from './keeper.ts'
import { decodeRequest, encodeResponse, refusals } from './protocol.ts'
import type { KeyCommand, Response } from './protocol.ts'
import { FrameDecoder, ProtocolViolation } from './wire.ts'

/**
 * Answers the requests that come over the channel until it closes, then wipes the keys.
 *
 * A channel that carries something else is closed (C6). What is thrown beyond that is a bug: it leaves the event and
 * ends the process, which is replaced.
 */
export function serveKeeper(keeper: Keeper, channel: Duplex, onClose: () => void): void {
  const decoder = new FrameDecoder()
  channel.on('data', (chunk: Buffer) => {
    try {
      for (const payload of decoder.push(chunk)) answer(keeper, payload, channel)
    } catch (error) {
      if (!(error instanceof ProtocolViolation)) throw error
      channel.destroy()
    }
  })
  // A broken channel closes as well; why it broke is of no use to anyone once the other end is gone.
  channel.on('error', () => {})
  channel.on('close', () => {
    keeper.close()
    onClose()
  })
}

function answer(keeper: Keeper, payload: Buffer, channel: Duplex): void {
  const { id, command } = decodeRequest(payload)
  const response = respond(keeper, id, command)
  const frame = encodeResponse(response)
  if ('answer' in response) zero(response.answer)
  channel.write(frame, () => zero(frame))
}

function respond(keeper: Keeper, id: number, command: KeyCommand): Response {
  try {
    return { id, answer: keeper.answer(command) }
  } catch (error) {
    const refusal = error instanceof Fault ? refusals.find((name) => error.code === `crypto/${name}`) : undefined
    if (refusal === undefined) throw error
    return { id, refusal, detail: (error as Fault).detail }
  }
}
