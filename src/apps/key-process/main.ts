/**
 * The key process: holds the root key, answers the server over a socket pair, and does nothing else.
 *
 * Started by `startKeyProcess` with an empty environment, the channel and the root-key file already open, and whatever
 * walls the machine offers. Its imports are few on purpose: they are what has to be trusted with the root key.
 *
 * @module
 */
import { closeSync } from 'node:fs'
import { Socket } from 'node:net'
import { Fault } from '#core/base/fault'
import { zero } from '#core/crypto/aead'
import { createKeeper } from '#core/crypto/key-process/keeper'
import { channelFd, damagedExitCode, generateArgument, rootKeyFd } from '#core/crypto/key-process/protocol'
import { generateRootKey, readRootKey } from '#core/crypto/key-process/root-key-file'
import { serveKeeper } from '#core/crypto/key-process/serve'
import { systemRandom } from '#core/crypto/random'

/** Neither a person's nor a service's: between the ranges that Debian and systemd hand out, and not `nobody`. */
const ownUid = 65_533
/** What containers answer: without the capability, and where the user namespace has no such user. */
const notAllowed: readonly (string | undefined)[] = ['EPERM', 'EINVAL']

/**
 * From root to a user of our own. Done here and not by the launcher, because a process that changes its user while it
 * runs is no longer dumpable (prctl(2), PR_SET_DUMPABLE): nobody but root can read its memory or attach to it, and no
 * core is written, not even to a pipe, to which `ulimit -c` does not apply. The code also need not be readable to that
 * user. Where it is not allowed, the server sees and says so.
 */
function giveUpRoot(): void {
  if (process.getuid?.() !== 0) return
  try {
    process.setgroups?.([])
    process.setgid?.(ownUid)
    process.setuid?.(ownUid)
  } catch (error) {
    if (!notAllowed.includes((error as NodeJS.ErrnoException).code)) throw error
  }
}

function takeRootKey(): Buffer {
  try {
    return process.argv.includes(generateArgument) ? generateRootKey(rootKeyFd, systemRandom) : readRootKey(rootKeyFd)
  } catch (error) {
    if (error instanceof Fault && error.code === 'crypto/root-key-damaged') process.exit(damagedExitCode)
    throw error
  } finally {
    closeSync(rootKeyFd)
  }
}

// Signals to the whole group end the server, which may still need its keys to finish; the channel's end is what counts.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {})
giveUpRoot()
const rootKey = takeRootKey()
const keeper = createKeeper(rootKey, systemRandom)
zero(rootKey)
serveKeeper(keeper, new Socket({ fd: channelFd }), () => process.exit(0))
