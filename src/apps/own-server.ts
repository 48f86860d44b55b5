/**
 * Which server is the one of a data directory: what that server leaves there, and how another program has it proved (I17).
 *
 * On a machine with several users, who listens on a port says nothing: whoever took it first does. So a server that
 * listens writes where it does and a key of its own, new at each start, into its data directory, where its user alone can
 * read. A program of that user connects to that address and no other, sends a nonce, and gets an HMAC of it. Only the
 * server that wrote the file knows the key; and while it lives, nobody else can listen at its address, so nobody can stand
 * in between and pass the nonce on.
 *
 * @module
 */
import { closeSync, fsyncSync, openSync, readFileSync, renameSync, rmSync, writeSync } from 'node:fs'
import { isIP } from 'node:net'
import { join } from 'node:path'
import { createHmacSha256, equalDigest } from '@claviger/verifier'
import { systemRandom } from '#core/crypto/random'

export interface Address {
  readonly address: string
  readonly port: number
}

/** What a server says of itself in its data directory while it runs. */
export interface OwnServer {
  readonly pid: number
  readonly url: string
  /** Every socket it listens on: `localhost` has two. */
  readonly addresses: readonly Address[]
  /** base64url, 32 bytes. */
  readonly proofKey: string
}

export const serverFileOf = (dataDirectory: string): string => join(dataDirectory, 'server.json')
/** The same process id by itself, for shells and service managers. */
export const pidFileOf = (dataDirectory: string): string => join(dataDirectory, 'server.pid')
export const proofPath = (nonce: string): string => `/.well-known/claviger-server/${nonce}`

const keyBytes = 32
const nonceShape = /^[A-Za-z0-9_-]{43}$/
/** So that what is answered here is of use for nothing else. */
const purpose = 'claviger-server-proof/v1:'

export interface ServerProof {
  /** Null for what is no nonce. */
  readonly prove: (nonce: string) => string | null
  /** Tells the programs of this user where the server listens. @throws what the disk says: then nothing is told */
  announce(listening: { readonly url: string; readonly addresses: readonly Address[] }): void
  /** Takes that back, unless another server has written its own there. Never throws: what stays proves nothing any more. */
  withdraw(): void
}

export function createServerProof(dataDirectory: string): ServerProof {
  const key = systemRandom.bytes(keyBytes)
  const proofKey = key.toString('base64url')
  const hash = createHmacSha256(key)
  key.fill(0)
  const files = [serverFileOf(dataDirectory), pidFileOf(dataDirectory)] as const
  return {
    prove: (nonce) => (nonceShape.test(nonce) ? hash.digest(purpose + nonce).toString('base64url') : null),
    announce({ url, addresses }) {
      const told: OwnServer = { pid: process.pid, url, addresses: addresses.map(({ address, port }) => ({ address, port })), proofKey }
      try {
        replace(files[0], `${JSON.stringify(told, null, 2)}\n`)
        replace(files[1], `${process.pid}\n`)
      } catch (error) {
        // What a server that was killed left names a process that may be anybody's by now.
        for (const file of files) remove(file)
        throw error
      }
    },
    withdraw() {
      if (readOwnServer(dataDirectory)?.proofKey === proofKey) for (const file of files) remove(file)
    },
  }
}

/** Whole or not at all: somebody may be reading. */
function replace(file: string, text: string): void {
  const temporary = `${file}.new`
  rmSync(temporary, { force: true })
  const descriptor = openSync(temporary, 'wx', 0o600)
  try {
    writeSync(descriptor, text)
    fsyncSync(descriptor)
    renameSync(temporary, file)
  } catch (error) {
    remove(temporary)
    throw error
  } finally {
    closeSync(descriptor)
  }
}

function remove(file: string): void {
  try {
    rmSync(file, { force: true })
  } catch {
    // A disk that cannot be written keeps it.
  }
}

/** What the last server of a data directory left: it may have ended since. Null when there is nothing to go by. */
export function readOwnServer(dataDirectory: string): OwnServer | null {
  try {
    const told = JSON.parse(readFileSync(serverFileOf(dataDirectory), 'utf8')) as Partial<OwnServer>
    return isOwnServer(told) ? told : null
  } catch {
    return null
  }
}

function isOwnServer(told: Partial<OwnServer>): told is OwnServer {
  const { pid, url, addresses, proofKey } = told
  return Number.isSafeInteger(pid) && typeof url === 'string' && URL.canParse(url)
    && Array.isArray(addresses) && addresses.length > 0 && addresses.every((each) => isIP(String(each?.address)) !== 0 && Number.isSafeInteger(each.port))
    && typeof proofKey === 'string' && Buffer.from(proofKey, 'base64url').length === keyBytes
}

/** Where to connect to a server on this machine that listens on every address. */
const loopbackOf: Readonly<Record<string, string>> = { '0.0.0.0': '127.0.0.1', '::': '::1' }
export const reachable = ({ addresses: [first] }: OwnServer): Address => ({ address: loopbackOf[first?.address ?? ''] ?? first?.address ?? '', port: first?.port ?? 0 })

export interface Challenge {
  readonly path: string
  isAnsweredBy(answer: string): boolean
}

/** A question that only this server can answer. */
export function challenge({ proofKey }: OwnServer): Challenge {
  const nonce = systemRandom.bytes(keyBytes).toString('base64url')
  const expected = createHmacSha256(Buffer.from(proofKey, 'base64url')).digest(purpose + nonce)
  return {
    path: proofPath(nonce),
    isAnsweredBy(answer) {
      const given = Buffer.from(answer.trim(), 'base64url')
      return given.length === expected.length && equalDigest(given, 0, expected)
    },
  }
}
