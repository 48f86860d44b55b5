import type { KeyProcess } from '#core/crypto/key-process/client'
import type { Gates } from './gates.ts'
import type { Troubles } from './troubles.ts'

/** A server's connection to the key process: late at times, away at others. */
export function simulatedKeyProcess(real: KeyProcess, gates: Gates, troubles: Troubles): KeyProcess {
  const through = <Request, Answer>(ask: (request: Request) => Promise<Answer>) => async (request: Request): Promise<Answer> => {
    if (troubles.outages.keyProcess === 'hangs' || troubles.happens('delay')) await gates.pass('key-process')
    const refusal = troubles.refusalOfKeyProcess()
    if (refusal !== null) throw refusal
    return ask(request)
  }
  return {
    isolation: real.isolation,
    pid: real.pid,
    createKey: through(real.createKey),
    exportKey: through(real.exportKey),
    derive: through(real.derive),
    sign: through(real.sign),
    publicKey: through(real.publicKey),
    ping: () => through(real.ping)(undefined),
    close: () => Promise.resolve(),
  }
}
