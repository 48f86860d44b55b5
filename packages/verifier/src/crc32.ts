const reversedPolynomial = 0xedb88320

const table = Uint32Array.from({ length: 256 }, (_, byte) => {
  let remainder = byte
  for (let bit = 0; bit < 8; bit++) remainder = (remainder >>> 1) ^ (remainder & 1 ? reversedPolynomial : 0)
  return remainder
})

/**
 * CRC-32/ISO-HDLC (the one of zlib, Ethernet and ISO 3309) over the first `length` characters of ASCII text.
 *
 * Our own, because zlib's takes bytes: turning 81 characters into a buffer costs more than this does.
 *
 * @returns an unsigned 32-bit integer
 */
export function crc32(text: string, length: number): number {
  let crc = 0xffffffff
  for (let index = 0; index < length; index++) crc = (crc >>> 8) ^ table[(crc ^ text.charCodeAt(index)) & 0xff]!
  return ~crc >>> 0
}
