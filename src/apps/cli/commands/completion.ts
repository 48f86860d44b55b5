/**
 * Shell completion: small scripts that ask this program for the candidates.
 *
 * @module
 */
import type { Command, Option } from 'commander'
import { usageError } from '../exit.ts'

const scripts: Readonly<Record<string, string>> = {
  bash: `# bash completion for claviger
_claviger() {
  local IFS=$'\\n'
  COMPREPLY=($(claviger __complete -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null))
}
complete -o default -F _claviger claviger clv
`,
  zsh: `#compdef claviger clv
_claviger() {
  local -a candidates
  candidates=(\${(f)"$(claviger __complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)"})
  if (( \${#candidates} )); then compadd -- $candidates; else _files; fi
}
if [[ $zsh_eval_context[-1] == loadautofunc ]]; then _claviger "$@"; else compdef _claviger claviger clv; fi
`,
  fish: `# fish completion for claviger
function __claviger_complete
    set -l words (commandline -opc) (commandline -ct)
    claviger __complete -- $words[2..-1] 2>/dev/null
end
complete -c claviger -f -a '(__claviger_complete)'
complete -c clv -f -a '(__claviger_complete)'
`,
}

/** @throws CliError usage */
export function completionScript(shell: string): string {
  const script = scripts[shell]
  if (script === undefined) throw usageError('There are completions for bash, zsh and fish.')
  return script
}

/** What may stand where the last of `words` is being typed. Nothing: the shell offers files. */
export function candidates(root: Command, words: readonly string[]): readonly string[] {
  const typed = words.at(-1) ?? ''
  const { command, options } = walk(root, words.slice(0, -1))
  const previous = options.find((option) => takesValue(option) && option.is(words.at(-2) ?? ''))
  const all = previous !== undefined ? wordsOf(previous)
    : typed.startsWith('-') ? options.filter(({ hidden }) => !hidden).map((option) => option.long ?? '')
    : command.commands.filter((each) => !each.name().startsWith('_')).map((each) => each.name())
  return all.filter((each) => each !== '' && each.startsWith(typed)).sort()
}

interface Walked {
  readonly command: Command
  readonly options: readonly (Option & { is(flag: string): boolean })[]
}

function walk(root: Command, words: readonly string[]): Walked {
  let command = root
  for (const word of words) command = command.commands.find((each) => each.name() === word || each.aliases().includes(word)) ?? command
  const options = command === root ? root.options : [...command.options, ...root.options]
  return { command, options: options as Walked['options'] }
}

const takesValue = (option: Option): boolean => option.required || option.optional

/** The fixed words of an option, as its placeholder lists them: `<read|write>`. */
function wordsOf(option: Option): readonly string[] {
  const placeholder = /<([^>]+)>/.exec(option.flags)?.[1] ?? ''
  return placeholder.includes('|') ? placeholder.replace(/,…$/, '').split('|') : []
}
