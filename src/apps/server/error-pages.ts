import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { ErrorPages } from '#core/http/pages'

const folder = join(import.meta.dirname, '../../../docs/errors')

/** The pages of `docs/errors`; read once each. The server asks for codes of the catalogue only, never for a path. */
export function createErrorPages(): ErrorPages {
  const pages = new Map<string, string | null>()
  return (code) => {
    const known = pages.get(code)
    if (known !== undefined) return known
    const page = read(join(folder, `${code}.md`))
    pages.set(code, page)
    return page
  }
}

function read(path: string): string | null {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return null
  }
}
