import { join } from 'node:path'

/** The program that holds the root key, for `startKeyProcess`. */
export const keyProcessProgram = join(import.meta.dirname, 'main.ts')
