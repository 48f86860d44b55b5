/**
 * Which Node runs Claviger. Written for any Node from 20 on, because its job is to say so on a wrong one.
 *
 * @module
 */
import { readFileSync } from 'node:fs'

const { engines } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'))

const numbersOf = (version) => version.replace(/^v/, '').split('.').map(Number)

/** Negative, zero or positive, as `a` is older, the same or newer. A part that is not there counts as 0. */
function compare(a, b) {
  const [left, right] = [numbersOf(a), numbersOf(b)]
  for (let part = 0; part < 3; part++) {
    const difference = (left[part] ?? 0) - (right[part] ?? 0)
    if (difference !== 0) return difference
  }
  return 0
}

const demands = { '>=': (order) => order >= 0, '<': (order) => order < 0 }

/** Whether a range of `>=` and `<` comparators, with `||` between alternatives, admits this version. */
export function satisfies(version, range) {
  return range.split('||').some((alternative) =>
    alternative.trim().split(/\s+/).every((comparator) => {
      const [, operator, bound] = /^(>=|<)(\d+(?:\.\d+){0,2})$/.exec(comparator) ?? []
      if (operator === undefined) throw new Error(`package.json: engines.node has "${comparator}", which scripts/node-version.mjs does not read`)
      return demands[operator](compare(version, bound))
    }))
}

/** What is wrong with this Node version, for a person, or null. */
export function complaintAbout(version) {
  if (satisfies(version, engines.node)) return null
  return `Claviger needs Node ${engines.node}, and \`node\` here is ${version}.
On Linux x64 \`npm start\` brings its own. Elsewhere install Node 24 (https://nodejs.org) and put it first in the PATH.`
}
