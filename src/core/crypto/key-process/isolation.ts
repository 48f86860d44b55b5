import { readFileSync, readlinkSync } from 'node:fs'

/** How well the operating system walls the key process off; measured from outside, not assumed. */
export interface Isolation {
  /** It runs under a user of its own. */
  readonly uid: boolean
  /** It has no network. */
  readonly network: boolean
  /** A crash leaves no memory image. */
  readonly coreDumps: boolean
  /** No debugger can be opened in it. */
  readonly inspector: boolean
  /** A sentence for each wall that is missing. */
  readonly reasons: readonly string[]
}

type Wall = 'uid' | 'network' | 'coreDumps' | 'inspector'

interface Probe {
  /** Whether the wall stands. Throws where the machine cannot tell. */
  readonly stands: (pid: number) => boolean
  readonly reason: string
}

const sigusr1 = 10

const probes: Readonly<Record<Wall, Probe>> = {
  uid: {
    stands: (pid) => Number(procField(`${pid}/status`, /^Uid:\t\d+\t(\d+)/m)) !== process.geteuid?.(),
    reason:
      'The key process runs as the same user as the server, so whoever takes over that user can read its memory. ' +
      'It gets a user of its own where the server is started as root and may change users.',
  },
  network: {
    stands: (pid) => readlinkSync(`/proc/${pid}/ns/net`) !== readlinkSync('/proc/self/ns/net'),
    reason:
      'The key process can reach the network. It is cut off where `unshare` (util-linux) is installed and the system ' +
      'lets the server make network namespaces.',
  },
  coreDumps: {
    stands: (pid) => procField(`${pid}/limits`, /^Max core file size +(\w+) +(\w+)/m) === '0',
    reason: 'A crash of the key process may leave an image of its memory on disk.',
  },
  inspector: {
    // Node opens its inspector from a handler of SIGUSR1; where nothing catches the signal there is none.
    stands: (pid) => {
      const caught = BigInt(`0x${procField(`${pid}/status`, /^SigCgt:\t([0-9a-f]+)/m)}`)
      return (caught & (1n << BigInt(sigusr1 - 1))) === 0n
    },
    reason: 'A debugger could be opened in the key process.',
  },
}

/** Measures the walls of a running process. Where they cannot be measured (outside Linux) they count as missing. */
export function measureIsolation(pid: number): Isolation {
  const standing = (wall: Wall): boolean => {
    try {
      return probes[wall].stands(pid)
    } catch {
      return false
    }
  }
  const walls = {
    uid: standing('uid'),
    network: standing('network'),
    coreDumps: standing('coreDumps'),
    inspector: standing('inspector'),
  }
  const missing = (Object.keys(probes) as Wall[]).filter((wall) => !walls[wall])
  return { ...walls, reasons: missing.map((wall) => probes[wall].reason) }
}

function procField(file: string, pattern: RegExp): string {
  const value = pattern.exec(readFileSync(`/proc/${file}`, 'latin1'))?.[1]
  if (value === undefined) throw new Error(`no such field in /proc/${file}`)
  return value
}
