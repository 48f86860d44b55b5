import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import fc from 'fast-check'
import { faultCatalogue } from '#core/base/fault'
import { send, startServer, type TestAnswer, type TestServer } from './fixtures.ts'
import { escapeHtml, html } from './html.ts'
import { renderMarkdown } from './markdown.ts'

let things: TestServer
let isStorageReady = true
before(async () => {
  things = await startServer({ isReady: () => Promise.resolve({ storage: isStorageReady, keyProcess: true }) })
})
after(() => things.close())

const page = (path: string, accept?: string): Promise<TestAnswer> => send(things.port, { path, credential: null, headers: accept === undefined ? {} : { accept } })
const browser = 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8'

test('alive and ready are told without a credential', async () => {
  const health = await page('/healthz')
  assert.deepEqual([health.status, health.text], [200, '{"alive":true}'])
  const ready = await page('/readyz')
  assert.deepEqual([ready.status, ready.json], [200, { ready: true, checks: { storage: true, keyProcess: true } }])
  isStorageReady = false
  const unready = await page('/readyz')
  assert.deepEqual([unready.status, unready.json], [503, { ready: false, checks: { storage: false, keyProcess: true } }])
})

test('a readiness that cannot be found out is an opaque 500', async () => {
  const broken = await startServer({ isReady: () => Promise.reject(new Error('secret-of-the-database')) })
  const { status, json, text } = await send(broken.port, { path: '/readyz', credential: null })
  assert.deepEqual([status, json['code'], text.includes('secret')], [500, 'core/internal', false])
  await broken.close()
})

test('whoever opens the address of the server is sent to the reference', async () => {
  const { status, headers } = await page('/')
  assert.deepEqual([status, headers['location']], [302, '/docs'])
})

test('a slash too many is taken off, for good', async () => {
  for (const path of ['/docs', '/errors']) {
    const { status, headers } = await page(`${path}/`, browser)
    assert.deepEqual([status, headers['location']], [308, path])
    assert.equal((await page(path, browser)).status, 200)
  }
})

test('a nonce is answered by its proof, which nobody keeps; what is no nonce is not there', async () => {
  const { status, text, headers } = await page('/.well-known/claviger-server/a-nonce')
  assert.deepEqual([status, text, headers['cache-control']], [200, 'its-proof', 'no-store'])
  assert.equal((await page('/.well-known/claviger-server/another')).status, 404)
})

test('the page of a fault is HTML for browsers and Markdown for everybody else', async () => {
  const forBrowser = await page('/errors/things/not-found', browser)
  assert.deepEqual([forBrowser.status, forBrowser.headers['content-type']], [200, 'text/html; charset=utf-8'])
  assert.match(forBrowser.text, /<h1>things\/not-found<\/h1>\n<p>There is no such thing\.<\/p>/)
  for (const accept of [undefined, '*/*', 'text/markdown', 'application/json', 'text/plain']) {
    const plain = await page('/errors/things/not-found', accept)
    assert.deepEqual([plain.status, plain.headers['content-type'], plain.text], [200, 'text/markdown; charset=utf-8', '# things/not-found\n\nThere is no such thing.'])
    assert.equal(plain.headers['x-content-type-options'], 'nosniff')
  }
})

test('the index lists every fault with its status and title', async () => {
  const { text } = await page('/errors', browser)
  for (const [code, { status, title }] of faultCatalogue) {
    assert.ok(text.includes(`<a href="/errors/${code}"><code>${code}</code></a></td><td>${status}</td><td>${escapeHtml(title)}</td>`), code)
  }
})

test('no address names a page that is not of a fault', async () => {
  for (const path of ['/errors/things/unknown', '/errors/things', '/errors/..%2f..%2fpackage/json', '/errors/things/not-found.md', '/errors/%2e%2e/not-found', '/errors/a/b/c', '/docs//', '/favicon.ico']) {
    const { status, json } = await page(path)
    assert.deepEqual([status, json['code']], [404, 'http/no-such-route'], path)
  }
  const noPage = await page('/errors/things/name-taken')
  assert.deepEqual([noPage.status, noPage.json['code']], [404, 'http/no-such-route'])
})

test('HTML pages load nothing, run nothing, are framed by nobody, and their own style is let through', async () => {
  for (const path of ['/docs', '/errors', '/errors/things/not-found']) {
    const { text, headers } = await page(path, browser)
    const policy = String(headers['content-security-policy'])
    assert.match(policy, /^default-src 'none'; style-src 'sha256-[A-Za-z0-9+/=]{44}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'$/)
    assert.deepEqual([headers['x-content-type-options'], headers['referrer-policy'], headers['cross-origin-opener-policy']], ['nosniff', 'no-referrer', 'same-origin'])
    const style = /<style>([^]*?)<\/style>/.exec(text)?.[1] ?? ''
    const digest = Buffer.from(await crypto.subtle.digest('SHA-256', Buffer.from(style))).toString('base64')
    assert.ok(policy.includes(`'sha256-${digest}'`))
    assert.doesNotMatch(text, /<script|<img|<link|<iframe|\son[a-z]+=|style="|javascript:/i)
  }
})

/** WCAG 2.2 §1.4.3: relative luminance, and the ratio of two. */
function contrast(one: string, other: string): number {
  const luminance = (colour: string): number => {
    const [red = 0, green = 0, blue = 0] = [1, 3, 5].map((at) => Number.parseInt(colour.slice(at, at + 2), 16) / 255).map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
  }
  const [darker = 0, lighter = 0] = [luminance(one), luminance(other)].sort((a, b) => a - b)
  return (lighter + 0.05) / (darker + 0.05)
}

test('a page is named in the browser\'s tab by what it is', async () => {
  for (const [path, name] of [['/docs', 'Reference'], ['/errors', 'Errors'], ['/errors/things/not-found', 'things/not-found']]) {
    assert.match((await page(path ?? '', browser)).text, new RegExp(`<title>${name} · Claviger</title>`))
  }
})

test('text can be read on every ground, in light and in dark', async () => {
  const { text } = await page('/docs', browser)
  const pairs = [...text.matchAll(/(?:--([a-z]+): |background: )light-dark\((#[0-9a-f]+), (#[0-9a-f]+)\)/g)]
  const long = (colour: string): string => (colour.length === 4 ? colour.replaceAll(/[0-9a-f]/g, '$&$&') : colour)
  for (const theme of [2, 3] as const) {
    const colours = pairs.map((match) => [match[1], long(match[theme] ?? '')] as const)
    const grounds = colours.filter(([name]) => name === undefined || name === 'paper' || name === 'card')
    const inks = colours.filter(([name]) => name === 'ink' || name === 'soft' || name === 'accent' || name === 'danger')
    assert.deepEqual([grounds.length, inks.length], [3, 4])
    for (const [, ground] of grounds) for (const [name, ink] of inks) assert.ok(contrast(ink, ground) >= 4.5, `${name} ${ink} on ${ground}: ${contrast(ink, ground)}`)
  }
})

test('the reference has every operation, opened by its own link, with a command that can be pasted', async () => {
  const { text } = await page('/docs', browser)
  const ids = ['things.create', 'things.get', 'things.list', 'things.update', 'things.delete', 'things.take', 'things.wait', 'things.echo', 'things.read-file', 'telemetry.read-metrics']
  for (const id of ids) {
    assert.equal(text.split(`id="${id}"`).length, 2, id)
    assert.ok(text.includes(`href="#${id}"`), id)
  }
  const commands = [...text.matchAll(/<h3>Example<\/h3><pre><code>([^]*?)<\/code><\/pre>/g)].map(([, command = '']) => command)
  assert.equal(commands.length, ids.length)
  for (const command of commands) {
    assert.match(command, /^curl( -X (POST|PATCH|DELETE))? &quot;\$CLAVIGER_URL\/[^&]*&quot; \\\n {2}-H @&lt;\(authorization\)/)
    assert.ok(!command.includes('Bearer'), 'a credential in an argument is seen by every user of the machine')
  }
  assert.match(text, /<span class="danger">Secret\.<\/span> Shown once\./)
  assert.ok(commands.some((command) => command.includes('/v1/things/key_4Fh2kQ9sVbT1xY7z')))
  assert.match(text, /A server for <strong>tests<\/strong>\./)
})

test('what is put into a template is escaped, and only HTML of ours is not', () => {
  const attack = `<img src=x onerror="alert('1')">&`
  assert.equal(html`<p title="${attack}">${[attack, html`<b>${1}</b>`]}</p>`.text, `<p title="${escapeHtml(attack)}">${escapeHtml(attack)}<b>1</b></p>`)
  assert.equal(escapeHtml(attack), '&lt;img src=x onerror=&quot;alert(&#39;1&#39;)&quot;&gt;&amp;')
})

/** What the renderer may write: our elements, links to this server, to fragments and by https. */
const allowedTag = /<(?:\/?(?:h[1-4]|p|ul|ol|li|pre|code|strong|em)|a href="(?:\/|https:\/\/|#)[^"<>]*"|\/a)>/g

test('whatever is rendered as Markdown, no tag comes out that is not ours, and no quote ends an attribute', () => {
  const pieces = fc.constantFrom('<', '>', '"', "'", '&', '`', '```', '*', '**', '[', ']', '(', ')', '](', '/', '//', '\\', 'https://a', 'javascript:', 'data:', '#', '# ', '- ', '1. ', '\n', '  ', 'a', '<script>', '&lt;', '_', '!')
  fc.assert(fc.property(fc.array(fc.oneof(pieces, fc.string({ maxLength: 6 })), { maxLength: 40 }), (parts) => {
    const { text } = renderMarkdown(parts.join(''))
    const rest = text.replaceAll(allowedTag, '')
    assert.doesNotMatch(rest, /[<>"]/)
  }), { numRuns: 3_000 })
})

test('links lead to this server or by https, and nowhere else', () => {
  const hrefOf = (target: string) => /href="([^"]*)"/.exec(renderMarkdown(`[a](${target})`).text)?.[1] ?? null
  for (const target of ['/docs', '#a', 'https://example.com/a?b=c&amp;d']) assert.equal(hrefOf(target), escapeHtml(target))
  for (const target of ['//evil.example', '/\\evil.example', 'http://evil.example', 'javascript:alert(1)', 'data:text/html,a', 'mailto:a@b', 'evil', ' /a']) assert.equal(hrefOf(target), null, target)
})

test('Markdown as our pages are written comes out as the HTML that is meant', () => {
  const source = '# Title `a<b`\n\nOne *two* **three**\nfour [five](/docs "no") [`six`](/errors/a/b).\n\n- a\n  b\n- c `*d*`\n\n1. e\n2. f\n\n```sh\nclaviger <x> *y*\n\n# no heading\n```\nend_of_it * not * [g](**h**) [i](https://j/**k**)'
  assert.equal(renderMarkdown(source).text, [
    '<h1>Title <code>a&lt;b</code></h1>',
    '<p>One <em>two</em> <strong>three</strong> four [five](/docs &quot;no&quot;) <a href="/errors/a/b"><code>six</code></a>.</p>',
    '<ul><li>a b</li><li>c <code>*d*</code></li></ul>',
    '<ol><li>e</li><li>f</li></ol>',
    '<pre><code>claviger &lt;x&gt; *y*\n\n# no heading</code></pre>',
    '<p>end_of_it * not * [g](<strong>h</strong>) <a href="https://j/**k**">i</a></p>',
  ].join('\n'))
})
