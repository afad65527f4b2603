import { readdirSync, readFileSync } from 'node:fs'
import fc from 'fast-check'
import type { Nodes } from 'mdast'
import { remark } from 'remark'
import remarkGfm from 'remark-gfm'
import { describe, expect, test } from 'vitest'
import { type Part, scanner } from '../../src/render/scan.ts'
import { sectionText } from '../support/long-history.ts'
import { hostile, pieces } from './markdown.ts'

const parser = remark().use(remarkGfm).freeze()

/** All parts of a text; null: lines alone do not tell. */
function certain(text: string): readonly Part[] | null {
  const partAt = scanner(text)
  const parts: Part[] = []
  for (let start = 0; ; ) {
    const part = partAt(start)
    if (part.dubious || part.inline) return null
    parts.push(part)
    if (part.end === text.length) return parts
    start = part.end
  }
}

function htmlIn(node: Nodes): readonly string[] {
  if (node.type === 'html') return [node.value]
  return 'children' in node ? node.children.flatMap(htmlIn) : []
}

function isOpen(text: string): boolean {
  const last = parser.parse(`${text}## x`).children.at(-1)
  return last?.type !== 'heading' || last.position?.start.offset !== text.length
}

describe('what lines alone tell', () => {
  test('is what a parser sees: headings, HTML, and the fence that is left open', () => {
    let told = 0
    fc.assert(
      fc.property(fc.oneof({ weight: 6, arbitrary: hostile }, { weight: 1, arbitrary: pieces }), file => {
        const text = file.replace(/^\ufeff/, '').replace(/\r(?!\n)/g, '')
        const parts = certain(text)
        if (parts === null) return
        told += 1
        const whole = parser.parse(text)
        const headings = whole.children.flatMap(({ type, position }) =>
          type === 'heading' && position?.start.line === position?.end.line ? [position?.start.offset] : []
        )
        expect(parts.flatMap(({ heading, start }) => (heading ? [start] : []))).toEqual(headings)
        const html = parts.flatMap(part => part.html.map(value => value.replaceAll('\0', '\ufffd')))
        expect(html).toEqual(htmlIn(whole))
        const fence = parts.at(-1)?.fence ?? null
        expect(isOpen(`${text}\n\n`)).toBe(fence !== null)
        if (fence !== null) expect(isOpen(`${text}\n${fence}\n\n`)).toBe(false)
      }),
      { numRuns: 4000 }
    )
    // Else it would have told nothing of nothing.
    expect(told).toBeGreaterThan(400)
  })

  test.each([
    ['code that begins on the line before', 'a ` b\n`<b>` c\n'],
    ['code that begins lines before', 'a ` b\nc\n`d`\n`<b>` c\n'],
    ['more signs than began it', 'a ` <b> ``\n'],
    ['an escaped sign', '\\` <b> `\n'],
    ['HTML before', 'x <a title="`"> ` `<b>`\n'],
    ['an address in angle brackets', '<1`@a.test> ` `<b>`\n'],
    ['an address', 'http://a/` <b> `\n'],
    ['an address without a scheme', 'WWW.a/` <b> `\n'],
    ['the target of a link', '[a](`)` `<b>`\n'],
    ['the name of a link', '[`]: /b\n\n[a][`]` `<b>`\n'],
    ['the name of a note', '- [^`]: a\n\n[^`]` `<b>`\n'],
    ['a cell', 'a|b\n-|-\n` | <b> `\n']
  ])('is not where code is, because of %s', (_, text) => {
    expect(htmlIn(parser.parse(text))).toContain('<b>')
    expect(certain(text)).toBeNull()
  })

  test.each([
    ['in code', '**Reviewer:** `a <b@example.test>`  \n**By:** (`<c>`), `` ` <d> ` ``\n', []],
    ['in code, in a list, a quote and a heading', '- `<a>`\n> `<b>`\n# `<c>`\n', []],
    ['in a fence', '```\n<a>\n```\n', []],
    ['of a comparison', 'a < b, `<c>` < d, 1 <2\n', null],
    ['of what is folded', '<details><summary>a</summary>\n\n`<b>`\n', ['<details><summary>a</summary>']]
  ])('of the `<` %s', (_, text, html) => {
    expect(certain(text)?.flatMap(part => part.html) ?? null).toEqual(html)
  })

  test('is all there is to know of what the product writes', () => {
    const folder = new URL('golden/', import.meta.url)
    const names = readdirSync(folder).filter(name => name.endsWith('.md'))
    expect(names.length).toBeGreaterThan(5)
    for (const name of names)
      expect([name, certain(readFileSync(new URL(name, folder), 'latin1'))]).not.toContain(null)
    expect(certain(sectionText('M1', 2000))).not.toBeNull()
  })
})
