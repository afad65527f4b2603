import { createHash } from 'node:crypto'
import { clean, oneLine } from '../lib/text/clean.ts'

/** Markup. Only this file makes it, so that a text cannot be put into a page without its guard. */
export interface Html {
  readonly html: string
}

type Part = Html | string | number | null | readonly Part[]

/**
 * A template of markup: every value between is text, and is guarded, unless it is markup itself. Lists are
 * joined; null is nothing. Values stand between tags or inside double quotes, never in a tag's own words.
 */
export function html(markup: TemplateStringsArray, ...parts: readonly Part[]): Html {
  return { html: markup.map((text, index) => text + written(parts[index] ?? null)).join('') }
}

function written(part: Part): string {
  if (part === null) return ''
  if (typeof part === 'string') return escaped(clean(part))
  if (typeof part === 'number') return String(part)
  return 'html' in part ? part.html : part.map(written).join('')
}

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;'
}

function escaped(text: string): string {
  return text.replace(/[&<>"']/g, sign => entities[sign] ?? '')
}

/** Text on one line of at most that many characters. */
export function line(text: string, max = 300): string {
  return oneLine(text, max) || '(nothing)'
}

export interface PageInput {
  readonly title: string
  readonly style: string
  /** Null for a page without a script. */
  readonly script: string | null
  readonly body: Html
}

/**
 * A whole page. Nothing is fetched, framed, sent or run but the one style and the one script, which the policy
 * names by their digests.
 */
export function page({ title, style, script, body }: PageInput): string {
  const policy = [
    "default-src 'none'",
    `style-src '${digest(style)}'`,
    script === null ? "script-src 'none'" : `script-src '${digest(script)}'`,
    "base-uri 'none'",
    "form-action 'none'"
  ].join('; ')
  const head = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${{ html: policy }}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<title>${line(title, 120)}</title>
<style>${{ html: style }}</style>
</head>
<body>
${body}
${script === null ? null : { html: `<script>${script}</script>` }}
</body>
</html>
`
  return head.html
}

/** The policy that a page carries, for whoever serves it. */
export function policyIn(text: string): string {
  const found = /<meta http-equiv="Content-Security-Policy" content="(?<policy>[^"]+)">/.exec(text)
  return found?.groups?.['policy'] ?? "default-src 'none'"
}

function digest(text: string): string {
  return `sha256-${createHash('sha256').update(text).digest('base64')}`
}
