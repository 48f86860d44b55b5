/**
 * What stands beside the audit room's own operations: checks that need nobody's word.
 *
 * @module
 */
import type { Command } from 'commander'
import { setPlainHelp } from '../help.ts'
import type { Program } from '../command-program.ts'

export function addAuditCommands(audit: Command, program: Program): void {
  const { session } = program
  const verify = audit.command('verify').summary('Check the whole log, and every row against it')
    .argument('[source]', 'An exported directory, a data directory, or the address of a server. Without it: the server that you are logged in to.')
    .option('--workspace <workspace>', 'The log of this workspace, where the source has several.')
    .option('--key-file <file>', 'The verifier keys to trust, instead of those that were seen first: `claviger logs get-keys --json`.')
    .option('--no-memory', 'Do not compare with what was seen before, and do not remember: for older exports and backups.')
  setPlainHelp(verify, {
    description:
      'Checks every entry against its tile, the tree, every checkpoint and its signatures, and replays the entries against the rows as they stand now. Names the first thing that is wrong. Remembers the last checkpoint it saw, and refuses a log that went back or forked. Exits with 11 when the log is not what it should be.',
    examples: ['claviger audit verify', 'claviger audit verify ./export', 'claviger audit verify /var/lib/claviger'],
  })
  verify.action(async (source: string | undefined) => {
    const { verifyAudit } = await import('../audit/verify-audit.ts')
    program.exitWith(await verifyAudit(session, source, verify.optsWithGlobals()))
  })
  const exporting = audit.command('export').summary('Copy the log into a directory, for an auditor')
    .argument('<directory>', 'Where to; it must not exist, or be empty.')
    .option('--workspace <workspace>', 'The log of this workspace, instead of your own.')
  setPlainHelp(exporting, {
    description: 'Writes tiles, entries, checkpoints, verifier keys and rows as files, so that the log can be checked without a server: `claviger audit verify DIRECTORY`.',
    examples: ['claviger audit export ./export'],
  })
  exporting.action(async (directory: string) => {
    const { exportAudit } = await import('../audit/export-audit.ts')
    program.exitWith(await exportAudit(session, directory, exporting.optsWithGlobals()))
  })
  const receipt = audit.command('check-receipt').summary('Check a receipt, offline')
    .argument('<file>', 'The receipt (.tlog-proof); - is standard input.')
    .requiredOption('--key-file <file>', 'The verifier keys of the log: `claviger logs get-keys --json`.')
  setPlainHelp(receipt, {
    description: 'Proves from the receipt and the keys alone that the entry is in the log, and prints the entry. Nothing is asked of any server.',
    examples: ['claviger logs get-keys --json > keys.json', 'claviger audit get-receipt ent_4Fh2kQ9sVbT1xY7z > receipt.tlog-proof', 'claviger audit check-receipt receipt.tlog-proof --key-file keys.json'],
  })
  receipt.action(async (file: string) => {
    const { checkReceipt } = await import('../audit/check-receipt.ts')
    program.exitWith(await checkReceipt(session, file, receipt.optsWithGlobals()))
  })
}
