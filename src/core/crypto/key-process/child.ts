import { spawn } from 'node:child_process'
import { dirname, resolve } from 'node:path'
import type { Duplex } from 'node:stream'
import { channelFd, generateArgument } from './protocol.ts'
import { FrameDecoder } from './wire.ts'

/** How a child ended: its exit code, the signal that ended it, or why it was never started. */
export interface Exit {
  readonly code: number | null
  readonly signal: string | null
  readonly error: Error | null
}

export interface Child {
  readonly pid: number
  /** Resolves when it is gone; never rejects. */
  readonly exited: Promise<Exit>
  readonly send: (frame: Buffer) => void
  /** Closes the channel, whereupon it wipes its keys and exits. */
  readonly end: () => void
  readonly kill: () => void
}

export interface ChildOptions {
  /** The absolute path of the program. */
  readonly program: string
  /** An open descriptor of the root-key file; duplicated into the child. */
  readonly rootKeyFile: number
  /** Whether the file is empty and the child shall generate the key. */
  readonly generate: boolean
  /** Called for each payload that arrives, in memory of its own. What it throws costs the child its life. */
  readonly onPayload: (payload: Buffer) => void
}

/**
 * Walls that the machine may or may not let us build, best first: no network (with the right to make a namespace, or by
 * way of a user namespace), no new privileges. The first that works for `true` is taken; what was reached is measured
 * afterwards. `env -i` comes right before the program, because shells put variables into the environment.
 */
const walls = `
ulimit -c 0
for walls in \
  'unshare --net setpriv --no-new-privs' \
  'unshare --user --map-current-user --net setpriv --no-new-privs' \
  'setpriv --no-new-privs'
do $walls true 2>/dev/null && exec $walls env -i "$@"
done
exec env -i "$@"
`

/** C8: nothing but our own code may be read, and nothing written, started or loaded (Node's permission model); no inspector. */
function nodeArguments(program: string): string[] {
  const packageRoot = resolve(import.meta.dirname, '../../../..')
  const readable = [resolve(packageRoot, 'package.json'), resolve(packageRoot, 'src/core/*'), `${dirname(program)}/*`]
  return [
    '--permission',
    ...readable.map((path) => `--allow-fs-read=${path}`),
    '--no-addons',
    '--disable-sigusr1',
  ]
}

export function spawnChild({ program, rootKeyFile, generate, onPayload }: ChildOptions): Child {
  const command = [process.execPath, ...nodeArguments(program), program, ...(generate ? [generateArgument] : [])]
  const child = spawn('/bin/sh', ['-c', walls, 'key-process', ...command], {
    env: {},
    cwd: '/',
    stdio: ['ignore', 'ignore', 'inherit', 'pipe', rootKeyFile],
  })
  const exited = new Promise<Exit>((settle) => {
    child.on('error', (error) => settle({ code: null, signal: null, error }))
    // Not `exit`: answers may still stand in the pipe then, and would be taken for those of the next child.
    child.on('close', (code, signal) => settle({ code, signal, error: null }))
  })
  const kill = (): void => void child.kill('SIGKILL')
  const decoder = new FrameDecoder()
  // A pipe beyond the first three descriptors is a Unix socket pair, so it goes both ways.
  const channel = child.stdio[channelFd] as Duplex
  channel.on('data', (chunk: Buffer) => {
    try {
      for (const payload of decoder.push(chunk)) onPayload(payload)
    } catch {
      kill()
    }
  })
  // Writing to a child that has just died fails; its exit says so already.
  channel.on('error', () => {})
  return {
    pid: child.pid ?? 0,
    exited,
    send: (frame) => void channel.write(frame),
    end: () => void channel.end(),
    kill,
  }
}
