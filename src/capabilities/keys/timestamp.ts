/** A timestamp without its fraction, which may have one to three digits. */
const secondsLength = 'YYYY-MM-DDTHH:MM:SS'.length

/**
 * Ms since the epoch of a timestamp in the form that schemas demand; null when there is no such day: `Date` would take
 * February 31st for one in March.
 */
export function parseTimestamp(text: string): number | null {
  const ms = Date.parse(text)
  return !Number.isNaN(ms) && new Date(ms).toISOString().slice(0, secondsLength) === text.slice(0, secondsLength) ? ms : null
}
