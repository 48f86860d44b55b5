/**
 * The server: `node src/apps/server/main.ts [--config FILE]`, or `npm start`.
 *
 * Exit codes: 0 drained and closed, 1 could not start, 2 bad command line or configuration, 130 a second signal.
 *
 * @module
 */
import { enableCompileCache } from 'node:module'

enableCompileCache()
const { run } = await import('./run.ts')
await run()
