import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { crc32 } from 'node:zlib'
import { codeOf, generateVectors, type DecisionVector, type TokenVectors } from '../../../scripts/generate-vectors.ts'
import { parseToken } from './token.ts'

const read = (name: string): string => readFileSync(new URL(`../../../vectors/${name}`, import.meta.url), 'utf8')
const tokens = JSON.parse(read('tokens.json')) as TokenVectors
const decisions = JSON.parse(read('decisions.json')) as readonly DecisionVector[]

test('the files of vectors are what the script writes: after a change, run `npm run generate`', () => {
  for (const [name, text] of Object.entries(generateVectors())) assert.equal(read(name), text, name)
})

test('every token of the vectors is read as they say, and nothing else is', () => {
  assert.ok(tokens.valid.length >= 4 && tokens.invalid.length >= 10)
  for (const { token, ...parts } of tokens.valid) assert.deepEqual(parseToken(token), parts)
  for (const { token, why } of tokens.invalid) assert.equal(parseToken(token), null, why)
})

test('the checksum of the vectors is CRC-32 in base62, by another implementation of both', () => {
  const alphabet = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
  for (const { token } of tokens.valid) {
    const value = token.slice(-6).split('').reduce((sum, character) => sum * 62n + BigInt(alphabet.indexOf(character)), 0n)
    assert.equal(value, BigInt(crc32(token.slice(0, -6))))
  }
})

test('every decision of the vectors is decided as they say', () => {
  assert.ok(decisions.length >= 40)
  for (const decision of decisions) assert.equal(codeOf(decision), decision.code, decision.name)
})
