#!/usr/bin/env node
/**
 * `claviger`, the command line.
 *
 * @module
 */
import { enableCompileCache } from 'node:module'
import { join } from 'node:path'
import { placesOf } from './places.ts'

const places = placesOf(process.env)
// Before anything large is loaded: the second start is then twice as fast.
enableCompileCache(join(places.cache, 'compiled'))
const { run } = await import('./run.ts')
await run(process.argv.slice(2), process.env, places)
