import { defineFaults } from '#core/base/fault'

/** What `toProblem` answers to anything that is not a fault. */
defineFaults('core', {
  internal: { status: 500, title: 'Internal error' },
})

export const httpFaults = defineFaults('http', {
  unauthenticated: { status: 401, title: 'No valid credential' },
  forbidden: { status: 403, title: 'Not permitted' },
  'not-found': { status: 404, title: 'Not found' },
  'no-such-route': { status: 404, title: 'No such address' },
  'method-not-allowed': { status: 405, title: 'Method not allowed' },
  'invalid-input': { status: 400, title: 'The input is not valid' },
  'malformed-json': { status: 400, title: 'The body is not strict JSON' },
  'invalid-cursor': { status: 400, title: 'The cursor is not valid' },
  'unsupported-media-type': { status: 415, title: 'Unsupported content type' },
  'body-too-large': { status: 413, title: 'The body is too large' },
  'uri-too-long': { status: 414, title: 'The address is too long' },
  'header-too-large': { status: 431, title: 'The headers are too large' },
  'bad-request': { status: 400, title: 'Not a valid HTTP request' },
  'request-timeout': { status: 408, title: 'The request did not arrive in time' },
  'precondition-failed': { status: 412, title: 'The resource has changed' },
  'idempotency-mismatch': { status: 422, title: 'The idempotency key was used for another request' },
  'answer-erased': { status: 409, title: 'The answer was erased' },
  overloaded: { status: 503, title: 'Too many requests at once' },
  'too-many-requests': { status: 429, title: 'Too many requests' },
  'shutting-down': { status: 503, title: 'The server is shutting down' },
})
