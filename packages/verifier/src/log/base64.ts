const pattern = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/

/** Reads padded base64 (RFC 4648 §4), or null when it is not spelt as an encoder spells it, unused bits included (§3.5). */
export function parseBase64(text: string): Buffer | null {
  if (!pattern.test(text)) return null
  const bytes = Buffer.from(text, 'base64')
  return bytes.toString('base64') === text ? bytes : null
}
