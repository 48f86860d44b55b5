/**
 * A use: one verification, as it is recorded. Of a control-plane credential, whose every request is one, those of a moment
 * from one address with one outcome are recorded together, with their number.
 *
 * One line of tab-separated fields, because a line costs a fraction of a microsecond to make at 20,000 a second and can
 * be read by eye. No field can hold a tab or a line feed: ids, numbers, codes, canonical addresses, permission names.
 */
import { verdicts, type VerdictCode } from '@claviger/verifier'
import { lastMs } from '#core/base/clock'
import { isId } from '#core/base/id'

export interface Use {
  readonly workspaceId: string
  /** '' when no key was proven: the token was malformed or unknown. */
  readonly environmentId: string
  readonly keyId: string
  /** The key's consumer; of a control-plane credential, its principal; '' when it has none, or no key was proven. */
  readonly holderId: string
  readonly atMs: number
  readonly code: VerdictCode
  /** The address that the caller of `verify` passed, canonical; '' when none was. */
  readonly clientIp: string
  /** What was asked for, comma-separated. */
  readonly permissions: string
  /** Who asked: the principal that called `verify`; of a control-plane credential, the principal itself. */
  readonly verifierId: string
  /** How many of them; `atMs` is the last one's. */
  readonly count: number
}

export const useLine = (use: Use): string =>
  `${use.workspaceId}\t${use.environmentId}\t${use.keyId}\t${use.holderId}\t${use.atMs}\t${use.code}\t${use.clientIp}\t${use.permissions}\t${use.verifierId}\t${use.count}\n`

const codes: ReadonlySet<string> = new Set(['valid', ...Object.keys(verdicts)])
const timeText = /^(?:0|[1-9][0-9]{0,15})$/
const countText = /^[1-9][0-9]{0,8}$/

/** Reads lines back; null for anything else than whole lines as `useLine` makes them. */
export function readUses(bytes: Uint8Array): Use[] | null {
  const text = Buffer.from(bytes).toString('latin1')
  const uses: Use[] = []
  for (let start = 0; start < text.length; ) {
    const end = text.indexOf('\n', start)
    if (end === -1) return null
    const use = useOf(text.slice(start, end).split('\t'))
    if (use === null) return null
    uses.push(use)
    start = end + 1
  }
  return uses
}

function useOf(fields: readonly string[]): Use | null {
  const [workspaceId, environmentId, keyId, holderId, atMs, code, clientIp, permissions, verifierId, count, more] = fields
  if (count === undefined || more !== undefined) return null
  // With the last of ten fields all the others are there.
  const use = { workspaceId, environmentId, keyId, holderId, atMs: Number(atMs), code, clientIp, permissions, verifierId, count: Number(count) } as Use
  const isKnown = isId('wsp', use.workspaceId) && codes.has(use.code) && timeText.test(atMs as string) && use.atMs <= lastMs && countText.test(count)
  return isKnown && (environmentId === '' || isId('env', use.environmentId)) && (keyId === '' || isId('key', use.keyId)) &&
    (holderId === '' || isId('con', use.holderId) || isId('prn', use.holderId)) ? use : null
}
