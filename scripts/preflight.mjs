// Loaded before a program (`node --import`, or its first import): an old Node hears what it lacks, not a stack trace.
import { complaintAbout } from './node-version.mjs'

const complaint = complaintAbout(process.version)
if (complaint !== null) {
  process.stderr.write(`${complaint}\n`)
  process.exit(1)
}
