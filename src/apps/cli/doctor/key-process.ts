/**
 * The root key and the walls around the process that holds it. The key itself is read by that process alone, here as in
 * the server: it is started, measured, asked, and ended.
 */
import { Fault } from '#core/base/fault'
import { startKeyProcess, type KeyProcess } from '#core/crypto/key-process/client'
import { createKeyring, rowMacKey } from '#core/keyring/keyring'
import type { Inspection } from '#core/storage/sqlite/inspect'
import { keyProcessProgram } from '../../key-process/program.ts'
import type { Config } from '../../server/config.ts'
import { ok, problem, reasonOf, warning, type Check } from './check.ts'

export async function checkKeyProcess({ rootKeyFile }: Config, inspection: Inspection | null): Promise<readonly Check[]> {
  let keyProcess: KeyProcess
  try {
    keyProcess = await startKeyProcess({ program: keyProcessProgram, rootKeyFile, createIfMissing: false, onEvent() {} })
  } catch (error) {
    const detail = error instanceof Fault ? error.detail : reasonOf(error)
    return [problem('root key', detail)]
  }
  try {
    const { reasons } = keyProcess.isolation
    return [
      await rootKeyCheck(keyProcess, rootKeyFile, inspection),
      ...(reasons.length === 0
        ? [ok('key process', 'a user of its own, no network, no core dumps, no inspector')]
        : reasons.map((reason) => warning('key process', reason))),
    ]
  } finally {
    await keyProcess.close()
  }
}

/** Whole, and the one that this database was encrypted under: it opens a key that was stored at the first start. */
async function rootKeyCheck(keyProcess: KeyProcess, rootKeyFile: string, inspection: Inspection | null): Promise<Check> {
  const whole = `${rootKeyFile} is whole and private`
  if (inspection === null) return ok('root key', whole)
  try {
    const key = await createKeyring({ reader: () => inspection.reader(), onForeignWrite() {} }, keyProcess).exportKey(rowMacKey)
    key?.fill(0)
    return key === null ? ok('root key', whole) : ok('root key', `${whole}, and opens this database`)
  } catch (error) {
    if (error instanceof Fault && error.code === 'crypto/cannot-unwrap') {
      return problem('root key', `${rootKeyFile} is not the key that this database was encrypted under`, 'Restore the right one from your backup. Without it nothing in the database can be opened.')
    }
    return warning('root key', `${whole}; whether it opens the database cannot be told (${reasonOf(error)})`)
  }
}
