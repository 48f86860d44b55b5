/** Real keys for the tests of notes and receipts. */
import { generateKeyPairSync, sign } from 'node:crypto'
import { formatCheckpoint } from './checkpoint.ts'
import { messageToSign, noteAlgorithms, signatureLine, verifierKey, type NoteAlgorithmName } from './note-key.ts'

export interface Signer {
  readonly algorithm: NoteAlgorithmName
  readonly name: string
  readonly publicKey: Buffer
  readonly vkey: string
  line(body: string, atS?: number): string
}

export function newSigner(name: string, algorithm: NoteAlgorithmName): Signer {
  // The overloads name each algorithm by itself; both take no options.
  const pair = algorithm === 'ed25519' ? generateKeyPairSync('ed25519') : generateKeyPairSync('ml-dsa-44')
  const publicKey = pair.publicKey.export({ format: 'der', type: 'spki' }).subarray(-noteAlgorithms[algorithm].publicKeyLength)
  return {
    algorithm,
    name,
    publicKey,
    vkey: verifierKey(name, algorithm, publicKey),
    line(body, atS = 1_764_000_000) {
      const signature = sign(null, messageToSign(algorithm, { name, body, atS }), pair.privateKey)
      return signatureLine({ name, algorithm, publicKey, signature, atS })
    },
  }
}

export const origin = 'claviger/wsp_0123456789abcdef'
export const ed25519 = newSigner(origin, 'ed25519')
export const mlDsa44 = newSigner(origin, 'ml-dsa-44')
export const vkeys = [ed25519.vkey, mlDsa44.vkey]

export function signedCheckpoint(size: number, root: Buffer, signers: readonly Signer[] = [ed25519, mlDsa44]): string {
  const body = formatCheckpoint({ origin, size, root })
  return `${body}\n${signers.map((signer) => signer.line(body)).join('')}`
}
