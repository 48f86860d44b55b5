import { defineFaults } from '#core/base/fault'

export const storageFaults = defineFaults('storage', {
  unavailable: { status: 503, title: 'The database cannot be reached' },
  full: { status: 507, title: 'The disk is full' },
  'read-only': { status: 503, title: 'The database cannot be written' },
  corrupt: { status: 503, title: 'The database is damaged' },
  missing: { status: 503, title: 'The database is gone' },
  tampered: { status: 409, title: 'A stored row was altered outside Claviger' },
  locked: { status: 503, title: 'The database is in use by another process' },
  'too-new': { status: 503, title: 'The database was written by a newer version' },
  'migration-changed': { status: 503, title: 'A migration differs from the one that was applied' },
  busy: { status: 503, title: 'Too many writes are waiting' },
  conflict: { status: 409, title: 'Somebody else changed this at the same time' },
})
