/** One thing that doctor looked at. */
export interface Check {
  readonly name: string
  readonly status: 'ok' | 'warning' | 'problem'
  readonly detail: string
  /** What to do about it. */
  readonly cure?: string
}

export const ok = (name: string, detail: string): Check => ({ name, status: 'ok', detail })
export const warning = (name: string, detail: string, cure?: string): Check => ({ name, status: 'warning', detail, ...(cure === undefined ? {} : { cure }) })
export const problem = (name: string, detail: string, cure?: string): Check => ({ name, status: 'problem', detail, ...(cure === undefined ? {} : { cure }) })

export const reasonOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))
