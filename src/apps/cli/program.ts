/**
 * The program: every noun and verb, from the operations and the few commands that are ours alone.
 *
 * @module
 */
import { Command, CommanderError, Option } from 'commander'
import manifest from '../../../package.json' with { type: 'json' }
import { addAuditCommands } from './commands/audit-commands.ts'
import { addOperation } from './commands/operation-command.ts'
import { addOwnCommands } from './commands/own-commands.ts'
import { CliError } from './exit.ts'
import { formatHelp, setPlainHelp } from './help.ts'
import { groups, type Program } from './command-program.ts'
import type { Session } from './session.ts'

interface Noun {
  readonly group: keyof typeof groups
  readonly summary: string
}

/** Nouns in the order of a provider's first hour; others come after under the last group. */
const nouns: Readonly<Record<string, Noun>> = {
  apis: { group: 'protect', summary: 'Protected services, with their permissions' },
  environments: { group: 'protect', summary: 'Development, test and production of an API' },
  consumers: { group: 'protect', summary: 'Customers that hold keys' },
  keys: { group: 'protect', summary: 'Issue, verify, disable and revoke keys' },
  uses: { group: 'protect', summary: 'What keys were used for' },
  principals: { group: 'people', summary: 'Users and service accounts, with their credentials' },
  roles: { group: 'people', summary: 'What each role permits' },
  workspaces: { group: 'people', summary: 'Tenants of this instance' },
  audit: { group: 'proof', summary: 'Read, verify and export the audit log' },
  logs: { group: 'proof', summary: 'Checkpoints, tiles and proofs, for tools' },
  telemetry: { group: 'here', summary: 'Metrics of the server' },
}

const description = `Issue API keys, verify them, stop them, and prove what happened.`

export function createProgram(program: Program): Command {
  const { catalogue, session } = program
  const root = new Command('claviger').description(description)
  setPlainHelp(root, {
    examples: [
      'claviger login',
      "claviger apis create --slug market-data --name 'Market data' --prefix mkt --permissions 'name=rpc:read,access=read,description=Read blocks'",
      "claviger keys create --environment market-data/test --permissions rpc:read --name 'First key'",
      'claviger keys verify --key-file -',
      'claviger audit verify',
    ],
  })
  root.version(`claviger ${manifest.version}`, '-V, --version', 'Print the version.')
  addCommonFlags(root)
  const known = [...Object.keys(nouns), ...catalogue.map(({ id }) => nounOf(id))]
  for (const noun of new Set(known)) addNoun(root, noun, program)
  addOwnCommands(root, program)
  for (const each of [root, ...root.commands.flatMap((child) => [child, ...child.commands])]) quiet(each, session)
  return root
}

const nounOf = (id: string): string => id.slice(0, id.indexOf('.'))

function addNoun(root: Command, noun: string, program: Program): void {
  const operations = program.catalogue.filter(({ id }) => nounOf(id) === noun)
  if (operations.length === 0 && noun !== 'audit') return
  const { group, summary } = nouns[noun] ?? { group: 'here', summary: `Operations on ${noun}` }
  const command = root.command(noun).summary(summary).helpGroup(groups[group])
  if (noun.endsWith('s')) command.alias(noun.slice(0, -1))
  for (const spec of operations) addOperation(command, spec.id.slice(noun.length + 1), spec, program)
  if (noun === 'audit') addAuditCommands(command, program)
}

function addCommonFlags(root: Command): void {
  const flags: readonly (readonly [string, string])[] = [
    ['--json', 'Print the JSON of the API as it is.'],
    ['-q, --quiet', 'Print ids only.'],
    ['--no-color', 'No colours; so does NO_COLOR.'],
    ['--profile <name>', 'Act as this profile; `claviger login --profile <name>` makes one.'],
    ['--url <url>', 'The server, if not the one of the profile.'],
    ['--credential-file <file>', 'A credential for this command; - is standard input.'],
    ['--credential-fd <n>', 'The same, from an open descriptor.'],
    ['--ca-file <file>', 'Certificates (PEM) to trust beside the usual ones.'],
    ['--unsafe-plain-http', 'Send the credential unencrypted to another machine.'],
  ]
  for (const [names, text] of flags) root.addOption(new Option(names, text))
  root.helpOption('-h, --help', 'Print what a command does.')
}

/** Commander reports to us, and we print. */
function quiet(command: Command, { terminal }: Session): void {
  command.exitOverride()
  command.helpCommand(false)
  command.showSuggestionAfterError(true)
  command.configureOutput({
    writeOut: (text) => terminal.out.write(text),
    // Only help asked for by leaving out the verb goes this way.
    writeErr: (text) => terminal.out.write(text),
    outputError() {},
  })
  command.configureHelp({ formatHelp: (each, helper) => formatHelp(each, helper, terminal.out) })
}

/** What commander found wrong with the command, in our words; null when it only printed something. */
export function usageOf(error: CommanderError): CliError | null {
  if (['commander.help', 'commander.helpDisplayed', 'commander.version'].includes(error.code)) return null
  const [message = '', ...rest] = error.message.replace(/^error: /, '').split('\n')
  const sentence = message.charAt(0).toUpperCase() + message.slice(1).replaceAll("'", '`')
  return new CliError('usage', `${sentence.replace(/\.$/, '')}.`, rest.filter((line) => line !== '').map((line) => line.replace(/^\((.*)\)$/, '$1')))
}
