/**
 * The commands that are no operation: who you are here, help, and what looks after the program itself.
 *
 * @module
 */
import type { Command } from 'commander'
import { exitCodes, usageError } from '../exit.ts'
import { setPlainHelp } from '../help.ts'
import type { CommonOptions } from '../profile/connection.ts'
import { groups, type Program } from '../command-program.ts'
import { padTo } from '../render/text.ts'

export function addOwnCommands(root: Command, program: Program): void {
  addIdentity(root, program)
  addOwner(root, program)
  addDoctor(root, program)
  addCompletion(root, program)
  addHelp(root, program)
}

function addIdentity(root: Command, program: Program): void {
  const { session } = program
  const login = root.command('login').summary('Log in to a server and remember it').helpGroup(groups.here)
  setPlainHelp(login, {
    description:
      'Asks for a credential, checks it, and keeps it in a file that only you can read. A credential is a key of a user or service account: `claviger principals create-credential` makes one; the first lies where the server said at its first start.',
    examples: ['claviger login', 'claviger login --url https://keys.example.com --profile work', 'claviger login --credential-file data/owner-credential'],
  })
  login.action(async () => {
    const { logIn } = await import('../profile/identity.ts')
    program.exitWith(await logIn(session, login.optsWithGlobals<CommonOptions>()))
  })
  const logout = root.command('logout').summary('Forget a login').helpGroup(groups.here)
  setPlainHelp(logout, { description: 'Forgets the credential on this machine. The credential itself stays valid until it is revoked.', examples: ['claviger logout', 'claviger logout --profile work'] })
  logout.action(async () => {
    const { logOut } = await import('../profile/identity.ts')
    program.exitWith(logOut(session, logout.optsWithGlobals<CommonOptions>()))
  })
  const whoami = root.command('whoami').summary('Show who you are, where, and what you may do').helpGroup(groups.here)
  whoami.action(async () => {
    const { showSelf } = await import('../profile/identity.ts')
    program.exitWith(await showSelf(session, whoami.optsWithGlobals<CommonOptions>()))
  })
}

function addOwner(root: Command, program: Program): void {
  const owner = root.command('owner').summary('Get back in when every owner is locked out').helpGroup(groups.people)
  const recover = owner.command('recover').summary('Make a new credential for an owner, without a server')
  recover.option('--workspace <id>', 'The workspace (wsp_…), if not the first.')
  recover.option('--secret-file <file>', 'Where to write the credential; a new file. Without it: recovered-credential in the data directory.')
  recover.option('--data <directory>', 'The data directory, if not the configured one.')
  recover.option('--config <file>', 'The configuration of the server. Without it: claviger.yaml here, or the defaults.')
  setPlainHelp(recover, {
    description:
      'For when every credential of every owner is lost or has expired. Run it on the server\'s machine, as the user of the server, with the server stopped (on PostgreSQL it may run): it takes the data directory and the root key. The active owner who was made first gets one new credential; where none is active, a new owner is made. Nothing else changes. The audit log gets an entry `owner.recovered`, and the next start of the server warns of it.',
    examples: ['claviger owner recover', 'claviger owner recover --data /var/lib/claviger --secret-file owner.key'],
  })
  recover.action(async () => {
    const { recoverOwnerHere } = await import('../owner/recover-owner.ts')
    program.exitWith(await recoverOwnerHere(program.session, recover.optsWithGlobals()))
  })
}

function addDoctor(root: Command, program: Program): void {
  const doctor = root.command('doctor').summary('Check this machine, its data and its server').helpGroup(groups.here)
  doctor.option('--data <directory>', 'The data directory, if not the configured one.')
  doctor.option('--config <file>', 'The configuration of the server. Without it: claviger.yaml here, or the defaults.')
  setPlainHelp(doctor, {
    description:
      'Looks at files and their modes, clock, database, disk, listener, root key, the walls around the key process, and the running server. Changes nothing. Exits with 10 when there is a problem.',
    examples: ['claviger doctor', 'claviger doctor --data /var/lib/claviger --json'],
  })
  doctor.action(async () => {
    const { runDoctor } = await import('../doctor/doctor.ts')
    program.exitWith(await runDoctor(program.session, doctor.optsWithGlobals()))
  })
}

function addCompletion(root: Command, program: Program): void {
  const completion = root.command('completion').summary('Print completions for your shell').helpGroup(groups.here).argument('<shell>', 'bash, zsh or fish.')
  setPlainHelp(completion, {
    description: 'Prints a script that completes commands, flags and fixed words.',
    examples: ['source <(claviger completion bash)', 'claviger completion fish > ~/.config/fish/completions/claviger.fish'],
  })
  completion.action(async (shell: string) => {
    const { completionScript } = await import('./completion.ts')
    program.session.terminal.out.write(completionScript(shell))
  })
  // What those scripts call with the words so far.
  root.command('__complete', { hidden: true }).argument('[words...]').helpOption(false).allowUnknownOption().allowExcessArguments()
    .action(async (words: readonly string[]) => {
      const { candidates } = await import('./completion.ts')
      for (const candidate of candidates(root, words)) program.session.terminal.out.line(candidate)
    })
}

function addHelp(root: Command, program: Program): void {
  const help = root.command('help').summary('Show help: of a command, or `exit-codes`').helpGroup(groups.here).argument('[words...]')
  help.action((words: readonly string[]) => {
    if (words[0] === 'exit-codes') return showExitCodes(program)
    let command = root
    for (const word of words) {
      const next = command.commands.find((each) => each.name() === word || each.aliases().includes(word))
      if (next === undefined) throw usageError(`There is no command ${words.join(' ')}.`, 'claviger help shows all.')
      command = next
    }
    command.outputHelp()
  })
}

function showExitCodes({ session }: Program): void {
  for (const { code, means } of Object.values(exitCodes)) session.terminal.out.line(`${padTo(String(code), 4)} ${means}`)
}
