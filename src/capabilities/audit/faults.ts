import { defineFaults } from '#core/base/fault'

export const auditFaults = defineFaults('audit', {
  'not-found': { status: 404, title: 'No such entry' },
  'log-not-found': { status: 404, title: 'No such log' },
  'no-such-tile': { status: 404, title: 'The log has no such tile' },
  'no-such-table': { status: 404, title: 'No such table of guarded rows' },
  'outside-the-log': { status: 422, title: 'The log has not that many entries' },
  'not-yet-published': { status: 503, title: 'The entry is not under a checkpoint yet' },
  'entry-too-large': { status: 413, title: 'The change is too large for one audit entry' },
  'log-damaged': { status: 503, title: 'The stored log disagrees with its last checkpoint' },
})
