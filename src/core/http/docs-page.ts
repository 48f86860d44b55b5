/**
 * The reference at `/docs`, rendered from the OpenAPI document.
 *
 * @module
 */
import { html, type Html } from './html.ts'
import { renderInline, renderMarkdown } from './markdown.ts'
import { htmlPage } from './page-shell.ts'
import type { Answer } from './perform.ts'
import { exampleOf, fieldsOf, type SchemaDocument } from './schema-document.ts'

interface Content {
  readonly content?: Readonly<Record<string, { readonly schema?: SchemaDocument }>>
}

interface Parameter {
  readonly name: string
  readonly in: 'path' | 'query' | 'header'
  readonly required?: boolean
  readonly description?: string
  /** @fastify/swagger moves it here from the schema. */
  readonly example?: unknown
  readonly schema: SchemaDocument
}

interface OperationDocument {
  readonly operationId: string
  readonly summary: string
  readonly description: string
  readonly tags: readonly string[]
  readonly parameters?: readonly Parameter[]
  readonly requestBody?: Content
  readonly responses: Readonly<Record<string, Content>>
  readonly 'x-claviger-permission': string
  readonly 'x-claviger-roles': readonly string[]
  readonly 'x-claviger-event'?: string
  readonly 'x-claviger-faults': readonly string[]
}

/** The part of the OpenAPI document that is read here; `openapi.ts` and @fastify/swagger made it. */
export interface OpenapiDocument {
  readonly info: { readonly title: string; readonly version: string; readonly description: string }
  readonly paths: Readonly<Record<string, Readonly<Record<string, OperationDocument>>>>
}

interface Entry {
  readonly method: string
  readonly path: string
  readonly operation: OperationDocument
}

export function docsPage(document: OpenapiDocument): Answer {
  const entries = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]): Entry => ({ method: method.toUpperCase(), path, operation })))
  const rooms = Object.entries(Object.groupBy(entries, ({ operation }) => operation.tags[0] ?? 'other')).sort(([a], [b]) => (a < b ? -1 : 1))
  const { title, version, description } = document.info
  const navigation = html`<nav aria-label="Operations">${rooms.map(([room, all = []]) => html`<strong>${room}</strong><ul>${all.map(({ operation }) => html`<li><a href="#${operation.operationId}">${operation.summary}</a></li>`)}</ul>`)}</nav>`
  const content = html`<h1>${title}</h1><p class="soft">Version ${version} · <a href="/openapi.json">OpenAPI 3.1</a> · <a href="/errors">Errors</a></p>
${renderMarkdown(description)}${conventions}
${rooms.map(([room, all = []]) => html`<h2 id="${room}">${room}</h2>${all.map(operationSection)}`)}`
  return htmlPage('Reference', content, navigation)
}

const conventions = html`<h2>Conventions</h2><ul>
<li>Every request carries <code>Authorization: Bearer</code> and a credential. Errors are <a href="/errors">problems</a> with a stable <code>code</code>.</li>
<li>A write may carry <code>Idempotency-Key</code>: sent again within 24 hours it has no second effect, and answers the same without its secrets.</li>
<li>Where an answer has an <code>ETag</code>, send it as <code>If-Match</code> with the change that you base on it.</li>
<li>Lists answer <code>items</code> and <code>nextCursor</code>; pass that as <code>cursor</code> for the next page, until it is null.</li>
</ul><p>The examples take these from your shell (bash or zsh). The credential is typed in or pasted, and stands neither in the history nor in a process list:</p>
<pre><code>CLAVIGER_URL=http://localhost:7420
read -rs CREDENTIAL
authorization() { printf 'Authorization: Bearer %s' "$CREDENTIAL"; }</code></pre>`

function operationSection({ method, path, operation }: Entry): Html {
  const body = operation.requestBody?.content?.['application/json']?.schema
  const [, answer] = Object.entries(operation.responses).find(([status]) => status.startsWith('2')) ?? []
  const output = answer?.content?.['application/json']?.schema
  const parameters = operation.parameters ?? []
  const event = operation['x-claviger-event']
  return html`<details><summary><span class="method">${method}</span><span class="path">${path}</span><span class="soft">${operation.summary}</span></summary><div id="${operation.operationId}">
${renderMarkdown(operation.description)}
<dl><dt>Operation</dt><dd><code>${operation.operationId}</code></dd><dt>Permission</dt><dd><code>${operation['x-claviger-permission']}</code></dd>
<dt>Roles</dt><dd>${operation['x-claviger-roles'].join(', ')}</dd>${event === undefined ? '' : html`<dt>Audit event</dt><dd><code>${event}</code></dd>`}</dl>
${parameters.length === 0 ? '' : html`<h3>Parameters</h3>${parameterTable(parameters)}`}
${body === undefined ? '' : html`<h3>Body</h3>${fieldTable(body)}`}
${output === undefined ? '' : html`<h3>Answer</h3>${fieldTable(output)}`}
${operation['x-claviger-faults'].length === 0 ? '' : html`<h3>Errors of its own</h3><ul>${operation['x-claviger-faults'].map((code) => html`<li><a href="/errors/${code}"><code>${code}</code></a></li>`)}</ul>`}
<h3>Example</h3><pre><code>${curlOf({ method, path, operation }, body)}</code></pre></div></details>`
}

const parameterTable = (parameters: readonly Parameter[]): Html =>
  html`<table><tr><th scope="col">Name</th><th scope="col">In</th><th scope="col">What</th></tr>${parameters.map((parameter) => html`<tr><td><code>${parameter.name}</code></td><td>${parameter.in}</td><td>${renderInline(parameter.description ?? parameter.schema.description ?? '')}${parameter.required === true ? '' : html` <span class="soft">Optional.</span>`}</td></tr>`)}</table>`

const fieldTable = (schema: SchemaDocument): Html =>
  html`<table><tr><th scope="col">Field</th><th scope="col">Type</th><th scope="col">What</th></tr>${fieldsOf(schema).map((field) => html`<tr><td><code>${field.name}</code></td><td>${field.type}</td><td>${field.isSecret ? html`<span class="danger">Secret.</span> ` : ''}${renderInline(field.description)}${field.isOptional ? html` <span class="soft">Optional.</span>` : ''}</td></tr>`)}</table>`

function curlOf({ method, path, operation }: Entry, body: SchemaDocument | undefined): string {
  const address = path.replaceAll(/\{([^}]+)\}/g, (whole, name: string) => {
    const parameter = operation.parameters?.find((found) => found.name === name)
    return parameter === undefined ? whole : String(parameter.example ?? exampleOf(parameter.schema))
  })
  const lines = [`curl${method === 'GET' ? '' : ` -X ${method}`} "$CLAVIGER_URL${address}"`, '-H @<(authorization)']
  if (body !== undefined) lines.push(`-H 'Content-Type: application/json'`, `-d '${JSON.stringify(exampleOf(body)).replaceAll("'", "'\\''")}'`)
  return lines.join(' \\\n  ')
}
