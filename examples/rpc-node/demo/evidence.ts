/** What is left of it afterwards: the uses, and a proof that needs nobody's word. */
import type { KeysCreateOutput, UsesListItem } from '@claviger/sdk'
import { verifyReceipt } from '@claviger/verifier'
import type { Provider } from './provider.ts'
import { expect, screen } from './screen.ts'

export interface Receipt {
  readonly text: string
  readonly vkeys: readonly string[]
  readonly keyId: string
}

/** Revokes, and fetches what proves it. */
export async function revoke({ claviger }: Provider, { keyId, name }: KeysCreateOutput): Promise<Receipt> {
  screen.step(`The provider revokes the key "${name}"`)
  let entryId: string | null = null
  const revoked = await claviger.keys.revoke({ keyId, reason: 'key-compromise' }, { onAnswer: (info) => (entryId = info.auditEntryId) })
  expect(revoked.status === 'revoked' && entryId !== null, 'The key should be revoked, with an entry in the audit log.')
  screen.done(`revoked ${revoked.revokedAt}   ${revoked.revocationReason}   audit entry ${String(entryId)}`)
  const { workspaceId } = await claviger.principals.getSelf()
  const { keys } = await claviger.logs.getKeys({ workspaceId })
  return { text: await claviger.audit.getReceipt({ entryId }), vkeys: keys.map(({ verifierKey }) => verifierKey), keyId }
}

const usesWaitMs = 15_000
const usesPollMs = 200

/** Uses are cut into blocks a moment after they were recorded, so they are waited for. */
export async function showUses({ claviger }: Provider, { keyId, name }: KeysCreateOutput, lastCode: string): Promise<void> {
  screen.step(`Every use of "${name}" was recorded`)
  const deadlineMs = performance.now() + usesWaitMs
  let uses: UsesListItem[] = []
  while (uses[0]?.code !== lastCode && performance.now() < deadlineMs) {
    await new Promise((resolve) => setTimeout(resolve, usesPollMs))
    uses = []
    for await (const use of claviger.uses.listAll({ keyId })) uses.push(use)
  }
  expect(uses[0]?.code === lastCode, `The last recorded use should be "${lastCode}".`)
  for (const { at, code, permissions, clientIp } of uses.toReversed()) {
    screen.fact(at.slice(11, 23), `${code.padEnd(18)} ${(permissions.join(', ') || '–').padEnd(10)} from ${clientIp ?? '–'}`)
  }
}

/** Claviger is not needed for this: the receipt, and the public keys of its log, are enough. */
export function verifyOffline({ text, vkeys, keyId }: Receipt): void {
  screen.step('The receipt of the revocation is checked offline')
  const verified = verifyReceipt(text, { vkeys })
  expect(verified !== null, 'The receipt should verify.')
  const entry = JSON.parse(verified.entry.toString('utf8')) as Readonly<Record<string, unknown>>
  expect(entry['event'] === 'key.revoked' && entry['target'] === keyId, 'The receipt should be of this key\'s revocation.')
  screen.done(`entry ${verified.index} of ${verified.checkpoint.size}: ${entry['event']} ${keyId}`)
  screen.done(`in the log ${verified.checkpoint.origin}, signed with Ed25519 and ML-DSA-44`)
  expect(verifyReceipt(falsified(text), { vkeys }) === null, 'A receipt with a falsified entry should not verify.')
  screen.done('with one letter of the entry changed, it does not verify')
}

/** Another reason, in the same place. */
function falsified(receipt: string): string {
  const line = receipt.split('\n').find((text) => text.startsWith('extra ')) ?? ''
  const entry = Buffer.from(line.slice('extra '.length), 'base64').toString('utf8').replace('key-compromise', 'key-compromisf')
  return receipt.replace(line, `extra ${Buffer.from(entry, 'utf8').toString('base64')}`)
}
