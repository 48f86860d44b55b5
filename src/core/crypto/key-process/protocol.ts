/**
 * What travels between the server and its key process.
 *
 *     frame    := length (u32) payload
 *     request  := id (u48) operation (u8) fields…
 *     response := id (u48) 0 (u8) answer (bytes) | id (u48) refusal (u8, from 1) detail (text)
 *     chain    := count (u8) (context wrapped (bytes))…
 *     context  := workspaceId environmentId type id (text) version (u32)
 *     text, bytes := length (u32) octets; text is UTF-8
 *
 * Integers are big-endian. Keys travel as bytes, never as strings: strings cannot be wiped and show in heap snapshots.
 * Whatever does not read as exactly this is refused as a whole.
 *
 * @module
 */
import { assert } from '#core/base/assert'
import { isKeyType, isWellFormed } from '../key-context.ts'
import type { KeyContext, WrappedKey } from '../key-context.ts'
import { FrameReader, FrameWriter, ProtocolViolation } from './wire.ts'

/** Where the key process finds what it inherits. */
export const channelFd = 3
export const rootKeyFd = 4
/** The argument that tells it to generate the root key into the empty file that it was handed. */
export const generateArgument = '--generate-root-key'
/** Its exit code when the root-key file is damaged: EX_DATAERR of sysexits.h. */
export const damagedExitCode = 65

export type KeyCommand =
  | { readonly operation: 'ping' }
  | { readonly operation: 'createKey'; readonly context: KeyContext; readonly parents: readonly WrappedKey[] }
  | { readonly operation: 'exportKey'; readonly chain: readonly WrappedKey[] }
  | {
      readonly operation: 'derive'
      readonly chain: readonly WrappedKey[]
      readonly label: string
      readonly version: number
    }
  | { readonly operation: 'sign'; readonly chain: readonly WrappedKey[]; readonly message: Uint8Array }
  | { readonly operation: 'publicKey'; readonly chain: readonly WrappedKey[] }

export type Operation = KeyCommand['operation']
export type CommandOf<Name extends Operation> = Extract<KeyCommand, { operation: Name }>

/** Why the key process declines: names of `crypto/…` faults. Their place in the list is their number on the wire. */
export const refusals = ['cannot-unwrap', 'not-permitted'] as const
export type Refusal = (typeof refusals)[number]

/** What comes back for a request. */
export type Response =
  | { readonly id: number; readonly answer: Buffer }
  | { readonly id: number; readonly refusal: Refusal; readonly detail: string }

/** The fields that follow an operation's number: how they are written and read. */
interface Codec<Name extends Operation> {
  write(out: FrameWriter, command: CommandOf<Name>): void
  read(input: FrameReader): Omit<CommandOf<Name>, 'operation'>
}

/** The place of an operation in this table is its number on the wire. */
const codecs: { readonly [Name in Operation]: Codec<Name> } = {
  ping: {
    write() {},
    read: () => ({}),
  },
  createKey: {
    write(out, { context, parents }) {
      writeContext(out, context)
      writeChain(out, parents)
    },
    read: (input) => ({ context: readContext(input), parents: readChain(input) }),
  },
  exportKey: {
    write: (out, { chain }) => writeChain(out, chain),
    read: (input) => ({ chain: readChain(input) }),
  },
  derive: {
    write(out, { chain, label, version }) {
      writeChain(out, chain)
      out.text(label).u32(version)
    },
    read: (input) => ({ chain: readChain(input), label: input.text(), version: input.u32() }),
  },
  sign: {
    write(out, { chain, message }) {
      writeChain(out, chain)
      out.bytes(message)
    },
    read: (input) => ({ chain: readChain(input), message: input.bytes() }),
  },
  publicKey: {
    write: (out, { chain }) => writeChain(out, chain),
    read: (input) => ({ chain: readChain(input) }),
  },
}
const operations = Object.keys(codecs) as readonly Operation[]

// TypeScript cannot tell that a command and the codec found by its operation belong together.
const codecOf = (operation: Operation): Codec<Operation> => codecs[operation] as Codec<Operation>

/** @param id 0 to 2⁴⁸ - 1, unused among the requests under way */
export function encodeRequest(id: number, command: KeyCommand): Buffer {
  const out = new FrameWriter().id(id).u8(operations.indexOf(command.operation))
  codecOf(command.operation).write(out, command)
  return out.frame()
}

/** @throws ProtocolViolation */
export function decodeRequest(payload: Buffer): { readonly id: number; readonly command: KeyCommand } {
  const input = new FrameReader(payload)
  const id = input.id()
  const operation = operations[input.u8()]
  if (operation === undefined) throw new ProtocolViolation('there is no such operation')
  const command = { operation, ...codecOf(operation).read(input) } as KeyCommand
  input.end()
  return { id, command }
}

export function encodeResponse(response: Response): Buffer {
  const out = new FrameWriter().id(response.id)
  if ('answer' in response) return out.u8(0).bytes(response.answer).frame()
  return out.u8(1 + refusals.indexOf(response.refusal)).text(response.detail).frame()
}

/** The answer is a view of the payload. @throws ProtocolViolation */
export function decodeResponse(payload: Buffer): Response {
  const input = new FrameReader(payload)
  const id = input.id()
  const outcome = input.u8()
  const refusal = refusals[outcome - 1]
  if (outcome !== 0 && refusal === undefined) throw new ProtocolViolation('there is no such refusal')
  const response = refusal === undefined ? { id, answer: input.bytes() } : { id, refusal, detail: input.text() }
  input.end()
  return response
}

function writeChain(out: FrameWriter, chain: readonly WrappedKey[]): void {
  out.u8(chain.length)
  for (const { context, wrapped } of chain) {
    writeContext(out, context)
    out.bytes(wrapped)
  }
}

function readChain(input: FrameReader): WrappedKey[] {
  return Array.from({ length: input.u8() }, () => ({ context: readContext(input), wrapped: input.bytes() }))
}

function writeContext(out: FrameWriter, context: KeyContext): void {
  assert(isWellFormed(context), 'C3: a key context names exactly one place')
  const { workspaceId, environmentId, type, id, version } = context
  out.text(workspaceId).text(environmentId).text(type).text(id).u32(version)
}

function readContext(input: FrameReader): KeyContext {
  const workspaceId = input.text()
  const environmentId = input.text()
  const type = input.text()
  if (!isKeyType(type)) throw new ProtocolViolation('there is no such type of key')
  const context = { workspaceId, environmentId, type, id: input.text(), version: input.u32() }
  if (!isWellFormed(context)) throw new ProtocolViolation('a context does not name one place')
  return context
}
