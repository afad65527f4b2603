import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { proseBounds } from '../../src/lib/bounds.ts'
import { proseOf } from '../../src/board/prose.ts'
import { marks } from '../support/prose-marks.ts'

/** Sections of review files on the board: what reviews are made of, and texts that are made to be slow. */

const words = (markdown: string) => proseOf(markdown, 'id').words.html

describe('shows', () => {
  it.each([
    ['a paragraph', 'Two lines\nof one.', '<p>Two lines\nof one.</p>'],
    [
      'bold, emphasis and code',
      '**Status:** open _now_ *here*, `a*b`.',
      '<p><b>Status:</b> open <em>now</em> <em>here</em>, <code>a*b</code>.</p>'
    ],
    ['code in bold', '**Evidence: `x`**', '<p><b>Evidence: <code>x</code></b></p>'],
    ['code with backticks', 'a `` ` `` b', '<p>a <code>`</code> b</p>'],
    ['marks within words as they are', 'snake_case_name 2*3*4', '<p>snake_case_name 2*3*4</p>'],
    ['an escaped sign', '\\*no\\*', '<p>*no*</p>'],
    ['a line break', 'one  \ntwo', '<p>one<br>two</p>'],
    ['a heading', '### What was seen', '<p><b>What was seen</b></p>'],
    [
      'a fence',
      '```sh\n$ ls\n\n# no heading\n```\nbehind',
      '<pre tabindex="0">$ ls\n\n# no heading</pre><p>behind</p>'
    ],
    ['a fence in a longer one', '````\n```\n````', '<pre tabindex="0">```</pre>'],
    ['an open fence', '```\nall\n\nof it', '<pre tabindex="0">all\n\nof it</pre>'],
    ['code by its indent', '    a\n    b', '<pre tabindex="0">a\nb</pre>'],
    ['a list', '- one\n- two\n  more', '<ul><li>one</li><li>two\nmore</li></ul>'],
    [
      'a list with a fence in it',
      '1. one\n\n   ```\n   x\n   ```\n2. two',
      '<ul><li>one<pre tabindex="0">x</pre></li><li>two</li></ul>'
    ],
    ['a list in a list', '- a\n  - b\n- c', '<ul><li>a<ul><li>b</li></ul></li><li>c</li></ul>'],
    ['a quote', '> said\n> **so**', '<blockquote><p>said\n<b>so</b></p></blockquote>'],
    [
      'a fold',
      '<details><summary>All reads</summary>\n\ntext\n\n</details>',
      '<p class="quiet">All reads</p><p>text</p>'
    ],
    ['nothing for a rule', 'a\n\n---\n\nb', '<p>a</p><p>b</p>'],
    [
      'links, images and HTML as text',
      '[a](javascript:b) ![c](d) <b onclick=e>',
      '<p>[a](javascript:b) ![c](d) &lt;b onclick=e&gt;</p>'
    ]
  ])('%s', (_, markdown, html) => {
    expect(words(markdown)).toBe(html)
  })

  it('a circle once, as a picture, and another diagram as text', () => {
    const ring = '```mermaid\nflowchart LR\na["one"]\nb["two"]\na -->|"waits"| b\nb --> a\n```'
    expect(proseOf(`${ring}\n\ntext`, 'id').ring?.html).toContain('<svg')
    expect(words(`${ring}\n\ntext`)).toBe('<p>text</p>')
    expect(words('```mermaid\nsequenceDiagram\n```')).toBe('<pre tabindex="0">sequenceDiagram</pre>')
  })

  it('no more than the bound, and nothing deeper than it', () => {
    const { characters, nesting } = proseBounds
    expect(words('x'.repeat(characters))).toHaveLength(characters + 7)
    expect(words('x'.repeat(characters + 1))).toHaveLength(characters + 7)
    expect(words('> '.repeat(nesting)).split('<blockquote>')).toHaveLength(nesting + 1)
    expect(words(`${'> '.repeat(nesting + 1)}x`).split('<blockquote>')).toHaveLength(nesting + 1)
  })
})

it('whatever it is, no markup comes out but our own', () => {
  fc.assert(
    fc.property(fc.array(fc.oneof(marks, fc.string()), { maxLength: 40 }), parts => {
      const html = proseOf(parts.join(''), 'id').words.html
      const own = /<\/?(?:p|b|em|code|pre|ul|li|blockquote)(?: class="quiet"| tabindex="0")?>|<br>/g
      expect(html.replace(own, '')).not.toMatch(/[<>]/)
    }),
    { numRuns: 300 }
  )
})
