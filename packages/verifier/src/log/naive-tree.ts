/** RFC 6962 §2.1 as it is written, recursively over all leaves: what the tests hold everything else against. */
import { createHash } from 'node:crypto'

const sha256 = (...parts: readonly Uint8Array[]): Buffer => {
  const hash = createHash('sha256')
  for (const part of parts) hash.update(part)
  return hash.digest()
}

export const naiveLeaf = (entry: Uint8Array): Buffer => sha256(Buffer.of(0), entry)

const splitOf = (length: number): number => {
  let power = 1
  while (power * 2 < length) power *= 2
  return power
}

/** A tree over entries; subtree hashes are remembered, so that every size can be asked for. */
export function naiveTree(entries: readonly Uint8Array[]) {
  const known = new Map<string, Buffer>()

  function hashOf(start: number, end: number): Buffer {
    const id = `${start}-${end}`
    let hash = known.get(id)
    if (hash === undefined) {
      const middle = start + splitOf(end - start)
      if (end === start) hash = sha256()
      else if (end - start === 1) hash = naiveLeaf(entries[start]!)
      else hash = sha256(Buffer.of(1), hashOf(start, middle), hashOf(middle, end))
      known.set(id, hash)
    }
    return hash
  }

  function path(index: number, start: number, end: number): Buffer[] {
    if (end - start === 1) return []
    const middle = start + splitOf(end - start)
    return index < middle
      ? [...path(index, start, middle), hashOf(middle, end)]
      : [...path(index, middle, end), hashOf(start, middle)]
  }

  function subproof(oldSize: number, start: number, end: number, isOldRoot: boolean): Buffer[] {
    if (oldSize === end) return isOldRoot ? [] : [hashOf(start, end)]
    const middle = start + splitOf(end - start)
    return oldSize <= middle
      ? [...subproof(oldSize, start, middle, isOldRoot), hashOf(middle, end)]
      : [...subproof(oldSize, middle, end, false), hashOf(start, middle)]
  }

  return {
    root: (size: number) => hashOf(0, size),
    subtree: (level: number, index: number) => hashOf(index * 2 ** level, (index + 1) * 2 ** level),
    inclusion: (index: number, size: number) => path(index, 0, size),
    consistency: (oldSize: number, size: number) => (oldSize === 0 ? [] : subproof(oldSize, 0, size, true)),
  }
}
