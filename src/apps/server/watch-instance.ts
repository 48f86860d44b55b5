/**
 * Metrics of the rooms: what an operator is woken by, read whenever somebody scrapes.
 *
 * @module
 */
import { Gauge } from 'prom-client'
import type { Clock } from '#core/base/clock'
import type { KeyProcess } from '#core/crypto/key-process/client'
import type { Metrics } from '#core/telemetry/metrics'
import type { Publisher } from '#cap/audit'
import type { UseCutter, UseRecorder, Verification } from '#cap/keys'

export interface Watched {
  readonly clock: Clock
  readonly uses: UseRecorder
  readonly useCutter: UseCutter
  readonly verification: Verification
  readonly publisher: Publisher
  readonly keyProcess: KeyProcess
}

export function watchInstance({ registry }: Metrics, { clock, uses, useCutter, verification, publisher, keyProcess }: Watched): void {
  const gauge = (name: string, help: string, read: () => number): void => {
    new Gauge({ name: `claviger_${name}`, help, registers: [registry], collect() { this.set(read()) } })
  }
  gauge('uses_waiting', 'Verifications whose record is not on disk yet.', () => uses.waiting)
  gauge('uses_dropped', 'Uses of control-plane credentials whose record had no room in memory since the start.', () => uses.dropped)
  gauge('unreadable_use_batches', 'Recorded uses that were altered outside Claviger and are left as they are.', () => useCutter.unreadable.size)
  gauge('tampered_keys', 'Keys refused because their rows were altered outside Claviger. Above 0: run `claviger audit verify`.', () => verification.tamperedKeys.size)
  gauge('clock_behind_seconds', 'How far the wall clock stands below the highest time committed. Above 0 somebody set it back.', () => clock.behindMs() / 1000)
  gauge('audit_log_problems', 'Audit logs that are not signed any further because they do not fit their last checkpoint.', () => publisher.problems.size)
  gauge('audit_logs_delayed', 'Audit logs that could not be published and are tried again.', () => publisher.delayedCount())
  gauge('key_process_walls_missing', 'Walls around the key process that this machine does not offer; `claviger doctor` names them.', () => keyProcess.isolation.reasons.length)
}
