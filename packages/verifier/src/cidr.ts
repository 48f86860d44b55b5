/**
 * IPv4 and IPv6 addresses and CIDR blocks (RFC 4291 §2.2, RFC 4632 §3.1), read strictly.
 *
 * Refused rather than guessed at: leading zeros in IPv4 (octal to some), zone ids, whitespace, and blocks with host
 * bits set, which are nearly always a slip of the pen. An IPv4-mapped IPv6 address (`::ffff:192.0.2.1`) is the IPv4
 * address itself, so that neither spelling slips past a list; a block of IPv6 never contains an IPv4 address.
 *
 * @module
 */

/** Unsigned 32-bit words, most significant first: one is an IPv4 address, four an IPv6 address. */
export type IpAddress = readonly number[]

export interface Cidr {
  /** The first address of the block. */
  readonly network: IpAddress
  /** 0 to 32 for IPv4, 0 to 128 for IPv6. */
  readonly prefixLength: number
}

const ipMaxLength = 45
const wordBits = 32
const groupsInIpv6 = 8
const mappedBits = 96

const dot = 0x2e
const hexGroup = /^[0-9a-fA-F]{1,4}$/
const prefixLengthText = /^(?:0|[1-9][0-9]{0,2})$/

/** Reads an address, or null when the text is none. */
export function parseIp(text: string): IpAddress | null {
  const words = parseWords(text)
  return words === null ? null : unmapped(words)
}

/**
 * Reads a block; a plain address is the block of itself. Null when the text is none, or has host bits set.
 *
 * Guarantee V6: an address or a block has one meaning; what others read in two ways is refused.
 */
export function parseCidr(text: string): Cidr | null {
  const slash = text.indexOf('/')
  const words = parseWords(slash === -1 ? text : text.slice(0, slash))
  if (words === null) return null
  const bits = words.length * wordBits
  const lengthText = text.slice(slash + 1)
  if (slash !== -1 && !prefixLengthText.test(lengthText)) return null
  const prefixLength = slash === -1 ? bits : Number(lengthText)
  if (prefixLength > bits || hasHostBits(words, prefixLength)) return null
  const network = unmapped(words)
  // The last set bit of ::ffff:0:0 is its 96th, so a mapped block without host bits is at least that long.
  return { network, prefixLength: network === words ? prefixLength : prefixLength - mappedBits }
}

export function cidrContains({ network, prefixLength }: Cidr, address: IpAddress): boolean {
  if (network.length !== address.length) return false
  for (let index = 0; index * wordBits < prefixLength; index++) {
    if (((network[index]! ^ address[index]!) & maskOf(index, prefixLength)) !== 0) return false
  }
  return true
}

/** The one spelling of an address (RFC 5952 for IPv6), or null when the text is none. */
export function canonicalIp(text: string): string | null {
  const address = parseIp(text)
  return address === null ? null : formatIp(address)
}

/** The one spelling of a block, its length always there, or null as `parseCidr`. */
export function canonicalCidr(text: string): string | null {
  const cidr = parseCidr(text)
  return cidr === null ? null : `${formatIp(cidr.network)}/${cidr.prefixLength}`
}

function parseWords(text: string): IpAddress | null {
  if (text.length > ipMaxLength) return null
  if (text.includes(':')) return parseIpv6(text)
  const word = parseIpv4(text)
  return word === null ? null : [word]
}

function parseIpv4(text: string): number | null {
  let word = 0
  let octets = 0
  /** The octet being read; -1 before its first digit. */
  let octet = -1
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index)
    if (code === dot) {
      if (octet === -1) return null
      word = word * 256 + octet
      octets++
      octet = -1
      continue
    }
    const digit = code - 0x30
    if (digit < 0 || digit > 9 || octet === 0) return null
    octet = octet === -1 ? digit : octet * 10 + digit
    if (octet > 255) return null
  }
  return octets === 3 && octet !== -1 ? word * 256 + octet : null
}

function parseIpv6(text: string): IpAddress | null {
  const gap = text.indexOf('::')
  if (gap === -1) {
    const groups = parseGroups(text)
    return groups?.length === groupsInIpv6 ? wordsOf(groups) : null
  }
  const headText = text.slice(0, gap)
  const head = headText.includes('.') ? null : parseGroups(headText)
  const tail = parseGroups(text.slice(gap + 2))
  if (head === null || tail === null) return null
  const missing = groupsInIpv6 - head.length - tail.length
  return missing < 1 ? null : wordsOf([...head, ...Array<number>(missing).fill(0), ...tail])
}

/** Groups of 16 bits between colons; the last two may be written as an IPv4 address. */
function parseGroups(text: string): number[] | null {
  if (text === '') return []
  const parts = text.split(':')
  const groups: number[] = []
  for (const [index, part] of parts.entries()) {
    if (hexGroup.test(part)) {
      groups.push(Number.parseInt(part, 16))
      continue
    }
    const word = index === parts.length - 1 ? parseIpv4(part) : null
    if (word === null) return null
    groups.push(word >>> 16, word & 0xffff)
  }
  return groups
}

const wordsOf = (groups: readonly number[]): IpAddress =>
  [0, 2, 4, 6].map((index) => ((groups[index]! << 16) | groups[index + 1]!) >>> 0)

const unmapped = (words: IpAddress): IpAddress =>
  words.length === 4 && words[0] === 0 && words[1] === 0 && words[2] === 0xffff ? words.slice(3) : words

/** The bits of one word that belong to the network. */
function maskOf(index: number, prefixLength: number): number {
  const bits = prefixLength - index * wordBits
  if (bits >= wordBits) return -1
  return bits <= 0 ? 0 : -1 << (wordBits - bits)
}

const hasHostBits = (words: IpAddress, prefixLength: number): boolean =>
  words.some((word, index) => (word & ~maskOf(index, prefixLength)) !== 0)

function formatIp(address: IpAddress): string {
  if (address.length === 1) return octetsOf(address[0]!).join('.')
  const groups = address.flatMap((word) => [word >>> 16, word & 0xffff])
  const { start, length } = longestZeroRun(groups)
  const text = (part: readonly number[]): string => part.map((group) => group.toString(16)).join(':')
  return length < 2 ? text(groups) : `${text(groups.slice(0, start))}::${text(groups.slice(start + length))}`
}

const octetsOf = (word: number): number[] => [word >>> 24, (word >>> 16) & 0xff, (word >>> 8) & 0xff, word & 0xff]

/** RFC 5952 §4.2.3: the longest run is shortened, the first of equals. */
function longestZeroRun(groups: readonly number[]): { start: number; length: number } {
  let longest = { start: 0, length: 0 }
  for (let start = 0; start < groups.length; start++) {
    let end = start
    while (groups[end] === 0) end++
    if (end - start > longest.length) longest = { start, length: end - start }
  }
  return longest
}
