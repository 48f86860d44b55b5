import { defineFaults } from '#core/base/fault'

export const keyFaults = defineFaults('keys', {
  'api-not-found': { status: 404, title: 'No such API' },
  'environment-not-found': { status: 404, title: 'No such environment' },
  'consumer-not-found': { status: 404, title: 'No such consumer' },
  'not-found': { status: 404, title: 'No such key' },
  'name-taken': { status: 409, title: 'The name is taken' },
  'already-revoked': { status: 409, title: 'Already revoked' },
  'not-active': { status: 409, title: 'Not active' },
  'not-disabled': { status: 409, title: 'Not disabled' },
  'built-in': { status: 409, title: 'The built-in API is managed through principals' },
  'lacks-authority': { status: 403, title: 'The credential grants more than the caller holds' },
  'own-credential': { status: 409, title: 'A credential does not take itself away' },
  'unknown-permission': { status: 422, title: 'The API has no such permission' },
  'permission-in-use': { status: 409, title: 'A permission that keys hold cannot be removed' },
  'breaks-policy': { status: 422, title: 'The environment does not allow such a key' },
  'invalid-restriction': { status: 422, title: 'A restriction of the key is not valid' },
  'invalid-expiry': { status: 422, title: 'The expiry is not valid' },
  'use-recording-unavailable': { status: 503, title: 'Uses cannot be recorded' },
})
