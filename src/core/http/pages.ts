/**
 * What is served without a credential: nothing in it depends on who asks, and nothing of it is secret.
 *
 * @module
 */
import { faultCatalogue } from '#core/base/fault'
import { docsPage, type OpenapiDocument } from './docs-page.ts'
import { httpFaults } from './faults.ts'
import { html } from './html.ts'
import { renderMarkdown } from './markdown.ts'
import { htmlPage } from './page-shell.ts'
import type { Answer } from './perform.ts'

/** The page of a fault code as Markdown, or null when there is none. */
export type ErrorPages = (code: string) => string | null

/** What the server needs to work, by name, and whether it has it. */
export type Readiness = Readonly<Record<string, boolean>>

export interface PageRequest {
  readonly params: Readonly<Record<string, string>>
  /** The `Accept` header, or ''. */
  readonly accept: string
}

export interface Page {
  /** What it is counted as. */
  readonly name: string
  /** In Fastify's notation. */
  readonly path: string
  /** Answered however much there is to do: whoever watches over the process must not take a busy one for a dead one. */
  readonly evenWhenBusy?: true
  readonly answer: (request: PageRequest) => Answer | Promise<Answer>
}

export interface PagesOptions {
  readonly openapi: () => object
  readonly errorPages: ErrorPages
  readonly isReady: () => Promise<Readiness>
  /** Answers who asks whether this is the server of a data directory that both can read; null for what is no nonce. */
  readonly prove: (nonce: string) => string | null
}

export function publicPages({ openapi, errorPages, isReady, prove }: PagesOptions): readonly Page[] {
  // The operations do not change while the server runs, so what is derived from them is made once.
  const openapiAnswer = once(() => jsonAnswer(200, openapi()))
  const docsAnswer = once(() => docsPage(openapi() as OpenapiDocument))
  return [
    { name: 'index', path: '/', answer: () => [302, 'text/plain; charset=utf-8', 'The reference is at /docs.', ['location', '/docs']] },
    { name: 'healthz', path: '/healthz', evenWhenBusy: true, answer: () => jsonAnswer(200, { alive: true }) },
    { name: 'readyz', path: '/readyz', answer: async () => readiness(await isReady()) },
    { name: 'openapi', path: '/openapi.json', answer: openapiAnswer },
    { name: 'docs', path: '/docs', answer: docsAnswer },
    { name: 'errors', path: '/errors', answer: once(errorIndex) },
    { name: 'error', path: '/errors/:area/:name', answer: (request) => errorPage(errorPages, request) },
    { name: 'proof', path: '/.well-known/claviger-server/:nonce', answer: ({ params }) => proof(prove(params['nonce'] ?? '')) },
    // People type a slash too many. One address each, so that a page's own links and a cache know one page.
    ...['/docs', '/errors'].map((path): Page => ({ name: 'redirect', path: `${path}/`, answer: () => movedTo(path) })),
  ]
}

/** 308 (RFC 9110 §15.4.9), for good. */
const movedTo = (path: string): Answer => [308, 'text/plain; charset=utf-8', `It is at ${path}.`, ['location', path]]

/** @throws Fault http/no-such-route */
function proof(text: string | null): Answer {
  if (text === null) throw httpFaults['no-such-route']('A nonce is 32 bytes in base64url.')
  return [200, 'text/plain; charset=utf-8', text, []]
}

/** Made once, into bytes that all answers share: many that are not taken do not add up. */
const once = (make: () => Answer): (() => Answer) => {
  let made: Answer | undefined
  return () => (made ??= asBytes(make()))
}

const asBytes = ([status, contentType, body, headers]: Answer): Answer => [status, contentType, Buffer.from(body), headers]

const jsonAnswer = (status: number, value: unknown): Answer => [status, 'application/json', JSON.stringify(value), []]

function readiness(checks: Readiness): Answer {
  const ready = Object.values(checks).every(Boolean)
  return jsonAnswer(ready ? 200 : 503, { ready, checks })
}

function errorIndex(): Answer {
  const rows = [...faultCatalogue].sort(([a], [b]) => (a < b ? -1 : 1))
  const table = html`<table><tr><th scope="col">Code</th><th scope="col">Status</th><th scope="col">What</th></tr>${rows.map(([code, { status, title }]) => html`<tr><td><a href="/errors/${code}"><code>${code}</code></a></td><td>${status}</td><td>${title}</td></tr>`)}</table>`
  return htmlPage('Errors', html`<p><a href="/docs">Reference</a></p><h1>Errors</h1>
<p>Every error is a problem (RFC 9457) with a <code>code</code>. Codes never change once released; compare them, not the texts.</p>${table}`)
}

/** @throws Fault http/no-such-route */
function errorPage(errorPages: ErrorPages, { params, accept }: PageRequest): Answer {
  const code = `${params['area']}/${params['name']}`
  const spec = faultCatalogue.get(code)
  // Only what is in the catalogue is looked up, so no address can name a file of its choice.
  const markdown = spec === undefined ? null : errorPages(code)
  if (spec === undefined || markdown === null) throw httpFaults['no-such-route']('There is no such error. /errors lists them.')
  if (!accept.includes('text/html')) return [200, 'text/markdown; charset=utf-8', markdown, ['vary', 'accept', 'x-content-type-options', 'nosniff']]
  return htmlPage(code, html`<p><a href="/errors">Errors</a></p>${renderMarkdown(markdown)}<p class="soft">HTTP ${spec.status} · ${spec.title}</p>`)
}
