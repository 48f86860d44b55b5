import { defineFaults } from '#core/base/fault'

export const cryptoFaults = defineFaults('crypto', {
  'key-process-unavailable': { status: 503, title: 'The key process does not answer' },
  'cannot-unwrap': { status: 500, title: 'A wrapped key does not open' },
  'not-permitted': { status: 500, title: 'The key process does not do this with such a key' },
  'root-key-refused': { status: 500, title: 'The root-key file cannot be used as it is' },
  'root-key-damaged': { status: 500, title: 'The root-key file is damaged' },
})
