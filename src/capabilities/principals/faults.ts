import { defineFaults } from '#core/base/fault'

export const principalFaults = defineFaults('principals', {
  'not-found': { status: 404, title: 'No such principal' },
  'name-taken': { status: 409, title: 'The name is taken' },
  'lacks-authority': { status: 403, title: 'That takes permissions the caller lacks' },
  'last-owner': { status: 409, title: 'A workspace keeps an active owner' },
  'not-active': { status: 409, title: 'Not active' },
  'not-disabled': { status: 409, title: 'Not disabled' },
  'already-revoked': { status: 409, title: 'Already revoked' },
  'unknown-permission': { status: 422, title: 'No operation has such a permission' },
  'workspace-not-found': { status: 404, title: 'No such workspace' },
  'not-first-workspace': { status: 403, title: 'Only the first workspace may do this' },
})
