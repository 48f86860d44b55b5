export function satisfies(version: string, range: string): boolean
export function complaintAbout(version: string): string | null
