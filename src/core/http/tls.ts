/**
 * TLS 1.3 from files, read again when they change.
 *
 * @module
 */
import { readFileSync, statSync } from 'node:fs'
import { createSecureContext, type SecureContextOptions } from 'node:tls'

export interface TlsFiles {
  /** PEM: the certificate, and the chain up to the root. */
  readonly certFile: string
  /** PEM. */
  readonly keyFile: string
  /** PEM: the authorities whose client certificates are taken. Given, a client without one is refused (mutual TLS). */
  readonly clientCaFile?: string
}

/** @throws Error when a file cannot be read, or is not what it should be */
export function readTls({ certFile, keyFile, clientCaFile }: TlsFiles): SecureContextOptions {
  const options: SecureContextOptions = {
    minVersion: 'TLSv1.3',
    cert: readFileSync(certFile),
    key: readFileSync(keyFile),
    ...(clientCaFile === undefined ? {} : { ca: readFileSync(clientCaFile) }),
  }
  // Tells a key that does not belong to the certificate, or a file that is no PEM, before a server is given them.
  createSecureContext(options)
  return options
}

/** A text that changes when one of the files does; '' while one of them cannot be seen, as between two moves. */
export function tlsFingerprint({ certFile, keyFile, clientCaFile }: TlsFiles): string {
  const files = [certFile, keyFile, ...(clientCaFile === undefined ? [] : [clientCaFile])]
  try {
    return files.map((file) => statSync(file)).map(({ mtimeMs, size, ino }) => `${mtimeMs}/${size}/${ino}`).join()
  } catch {
    return ''
  }
}
