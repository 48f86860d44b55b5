/**
 * What all HTML pages share: one style, no script, no request to anywhere.
 *
 * @module
 */
import { sha256 } from '#core/crypto/hash'
import { Html, html } from './html.ts'
import type { Answer } from './perform.ts'

const style = `
:root { color-scheme: light dark; --ink: light-dark(#1c2128, #dfe3e8); --soft: light-dark(#59636e, #9aa4af); --paper: light-dark(#fdfdfb, #14171b);
  --card: light-dark(#f4f4f0, #1c2026); --line: light-dark(#dedfd8, #2d333b); --accent: light-dark(#7a5200, #e2b454); --danger: light-dark(#a3261f, #ff9188); }
* { box-sizing: border-box }
html { scroll-behavior: smooth; scroll-padding-top: 1rem }
body { margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.6 system-ui, sans-serif }
a { color: var(--accent); text-underline-offset: .15em } a:focus-visible, summary:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; border-radius: 3px }
code, pre { font: .875em/1.55 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace } code { background: var(--card); padding: .1em .35em; border-radius: 4px }
pre { background: var(--card); border: 1px solid var(--line); border-radius: 8px; padding: .8rem 1rem; overflow-x: auto } pre code { background: none; padding: 0; font-size: inherit }
h1, h2, h3 { line-height: 1.25; text-wrap: balance } h1 { font-size: 1.9rem; margin: 0 0 .5rem } h2 { margin: 2.5rem 0 .5rem; font-size: 1.35rem } h3 { font-size: 1rem; margin: 1.2rem 0 .3rem }
.skip { position: absolute; left: -100vw } .skip:focus { left: 1rem; top: 1rem; background: var(--paper); padding: .5rem 1rem }
.frame { display: grid; grid-template-columns: 15rem minmax(0, 52rem); gap: 3rem; max-width: 74rem; margin: 0 auto; padding: 2.5rem 1.5rem 6rem }
.frame.single { grid-template-columns: minmax(0, 46rem); justify-content: center }
nav { position: sticky; top: 2rem; align-self: start; max-height: calc(100vh - 4rem); overflow-y: auto; font-size: .9rem } nav ul { list-style: none; margin: .2rem 0 1rem; padding: 0 } nav a { text-decoration: none } nav li a { color: var(--soft) } nav a:hover { text-decoration: underline }
details { border: 1px solid var(--line); border-radius: 10px; margin: .7rem 0; background: light-dark(#fff, #181b20) } summary { cursor: pointer; padding: .7rem 1rem; display: flex; gap: .8rem; align-items: baseline; flex-wrap: wrap; border-radius: 10px }
summary::before { content: ''; width: .4rem; height: .4rem; border: solid var(--soft); border-width: 0 2px 2px 0; transform: rotate(-45deg) translate(-1px, -1px) } details[open] > summary::before { transform: rotate(45deg) translate(-1px, -1px) } summary:hover { background: var(--card) }
details > div { padding: 0 1rem 1rem; border-top: 1px solid var(--line); scroll-margin-top: 5rem }
.method { font: 700 .75rem/1 ui-monospace, monospace; color: var(--accent); min-width: 3.4rem } .path { font: .9rem ui-monospace, monospace; overflow-wrap: anywhere } .soft { color: var(--soft) } .danger { color: var(--danger) }
table { border-collapse: collapse; width: 100%; font-size: .9rem } th, td { text-align: left; vertical-align: top; padding: .4rem .8rem .4rem 0; border-top: 1px solid var(--line) } th { color: var(--soft); font-weight: 500 } td:first-child { white-space: nowrap }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .2rem 1.2rem; font-size: .9rem } dt { color: var(--soft) } dd { margin: 0 }
@media (max-width: 56rem) { .frame { grid-template-columns: minmax(0, 1fr); padding-top: 1.5rem } nav { display: none } }
@media (prefers-reduced-motion: reduce) { html { scroll-behavior: auto } }
`

const styleHash = sha256(Buffer.from(style, 'utf8')).toString('base64')

/** Nothing is loaded, nothing runs, nobody frames it. */
const headers: readonly string[] = [
  'content-security-policy', `default-src 'none'; style-src 'sha256-${styleHash}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
  'x-content-type-options', 'nosniff',
  'referrer-policy', 'no-referrer',
  'cross-origin-opener-policy', 'same-origin',
]

/** @param navigation beside the content; without it the page is one column */
export function htmlPage(title: string, content: Html, navigation?: Html): Answer {
  const { text } = html`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>${title} · Claviger</title><style>${new Html(style)}</style></head>
<body><a class="skip" href="#content">Skip to content</a><div class="frame${navigation === undefined ? ' single' : ''}">${navigation ?? ''}<main id="content" tabindex="-1">${content}</main></div></body></html>
`
  return [200, 'text/html; charset=utf-8', text, headers]
}
