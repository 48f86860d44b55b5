/**
 * Sessions as text: what somebody types, and what they see.
 *
 *     # a remark
 *     % terminal 80        from here on, output is shown as on a terminal of 80 columns; `% pipe` ends that
 *     $ claviger …         a command, run by /bin/sh with the real program
 *     a line               of its standard output
 *     ! a line             of its standard error
 *     ? 4                  its exit code, when it is not 0
 *
 * In expected lines `<<key>>` stands for any key's id, `<<secret>>` for a token, `<<time>>`, `<<ago>>`, `<<any>>` and so
 * on; `<<key first>>` also keeps it as `$first` for later commands and as `<<=first>>` for later lines.
 * `...` alone on a line stands for any number of lines.
 *
 * @module
 */
import assert from 'node:assert/strict'

export interface Step {
  readonly line: number
  readonly command: string
  readonly out: readonly string[]
  readonly err: readonly string[]
  readonly code: number
}

export interface Directive {
  readonly line: number
  readonly directive: string
  readonly argument: string
}

export function parseSession(text: string): readonly (Step | Directive)[] {
  const steps: (Step | Directive)[] = []
  let current: { line: number; command: string; out: string[]; err: string[]; code: number } | null = null
  for (const [index, line] of text.split('\n').entries()) {
    if (line.startsWith('#')) continue
    if (line.startsWith('% ')) {
      const [, directive = '', argument = ''] = /^% (\S+) ?(.*)$/.exec(line) ?? []
      steps.push({ line: index + 1, directive, argument })
      current = null
    } else if (line.startsWith('$ ')) {
      current = { line: index + 1, command: line.slice(2), out: [], err: [], code: 0 }
      steps.push(current)
    } else if (line.startsWith('? ')) {
      assert.ok(current !== null, `line ${index + 1}: an exit code without a command`)
      current.code = Number(line.slice(2))
      current = null
    } else if (line.startsWith('! ') || line === '!') {
      assert.ok(current !== null, `line ${index + 1}: output without a command`)
      current.err.push(line.slice(2))
    } else if (current !== null) {
      current.out.push(line)
    } else {
      assert.equal(line, '', `line ${index + 1}: output without a command`)
    }
  }
  for (const step of steps) {
    // Empty lines before the next command are for the reader.
    if ('out' in step) while (step.out.at(-1) === '') (step.out as string[]).pop()
  }
  return steps
}

const id = (prefix: string): string => `${prefix}_[0-9A-Za-z]{16}`

const kinds: Readonly<Record<string, string>> = {
  key: id('key'), api: id('api'), env: id('env'), con: id('con'), prn: id('prn'), wsp: id('wsp'), ent: id('ent'), blk: id('blk'),
  secret: '[a-z][a-z0-9]{1,11}_[a-z][a-z0-9]{1,7}_[0-9A-Za-z]{65}',
  time: '\\d{4}-\\d\\d-\\d\\d[T ]\\d\\d:\\d\\d:\\d\\d(?:\\.\\d{3})?(?:Z| UTC)',
  ago: '(?:just now|\\d+ (?:second|minute|hour|day)s? ago)',
  in: 'in \\d+ (?:second|minute|hour|day)s?',
  n: '[0-9,]+', hash: '[A-Za-z0-9+/]{43}=', uuid: '[0-9a-f-]{36}', cursor: '[A-Za-z0-9_-]+', any: '.*',
}

/** Holds what was printed against what was expected, and keeps what it names. */
export function match(expected: readonly string[], printed: string, kept: Map<string, string>): string | null {
  const lines = printed === '' ? [] : printed.replace(/\n+$/, '').split('\n').map((line) => line.trimEnd())
  const isOpen = expected.includes('...')
  if (!isOpen && lines.length !== expected.length) return `${expected.length} lines were expected, ${lines.length} came`
  let at = 0
  for (const [index, pattern] of expected.entries()) {
    if (pattern === '...') {
      const next = expected[index + 1]
      if (next === undefined) return null
      while (at < lines.length && !matchLine(next, lines[at] ?? '', kept)) at++
      continue
    }
    if (at >= lines.length || !matchLine(pattern, lines[at] ?? '', kept)) return `expected: ${pattern}\n     came: ${lines[at] ?? '(nothing)'}`
    at++
  }
  return at === lines.length ? null : `nothing more was expected, and this came: ${lines[at]}`
}

function matchLine(pattern: string, line: string, kept: Map<string, string>): boolean {
  const names: string[] = []
  const source = pattern.trimEnd().split(/(<<[^>]+>>)/).map((part) => {
    const [, known, kind, name] = /^<<(?:=(\w+)|(\w+)(?: (\w+))?)>>$/.exec(part) ?? []
    if (known !== undefined) return escape(kept.get(known) ?? `(nothing is kept as ${known})`)
    if (kind === undefined) return escape(part)
    const shape = kinds[kind]
    assert.ok(shape !== undefined, `there is no <<${kind}>>`)
    if (name !== undefined) names.push(name)
    return name === undefined ? `(?:${shape})` : `(${shape})`
  }).join('')
  const found = new RegExp(`^${source}$`).exec(line)
  if (found === null) return false
  names.forEach((name, index) => kept.set(name, found[index + 1] ?? ''))
  return true
}

const escape = (text: string): string => text.replaceAll(/[.*+?^${}()|[\]\\/]/g, '\\$&')
