import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { boardFiles } from '../../src/board/pages.ts'
import { drawRing, ringOf } from '../../src/board/ring.ts'
import { boardOf } from '../support/board.ts'
import { evilText } from '../support/hostile.ts'

const circle = (n: number) =>
  [
    'flowchart LR',
    ...Array.from({ length: n }, (_, i) => `  u${i}["unit ${i} with a name/that.is-long.service"]`),
    ...Array.from({ length: n }, (_, i) => `  u${i} -->|"waits for something of"| u${(i + 1) % n}`)
  ].join('\n')

describe('a circle', () => {
  it.each([1, 2, 3, 5, 12])('of %i is drawn inside of its picture', n => {
    const ring = ringOf(circle(n))
    expect(ring?.nodes).toHaveLength(n)
    const { html } = drawRing(ring ?? { nodes: [], edges: [] }, 'a')
    expect(html).not.toMatch(/NaN|Infinity/)
    const [, width = '0', height = '0'] = /viewBox="0 0 (\d+) (\d+)"/.exec(html) ?? []
    const rects = [
      ...html.matchAll(/<rect class="node" x="(-?\d+)" y="(-?\d+)" width="(\d+)" height="(\d+)"/g)
    ]
    expect(rects).toHaveLength(n)
    for (const [, x, y, w, h] of rects) {
      expect(Number(x)).toBeGreaterThanOrEqual(0)
      expect(Number(y)).toBeGreaterThanOrEqual(0)
      expect(Number(x) + Number(w)).toBeLessThanOrEqual(Number(width))
      expect(Number(y) + Number(h)).toBeLessThanOrEqual(Number(height))
    }
  })

  it.each([
    'sequenceDiagram',
    'flowchart LR\n  a --> b',
    'flowchart LR\n  a["x"]\n  click a "http://x"',
    circle(13)
  ])('is not seen in %j', diagram => expect(ringOf(diagram)).toBe(null))
})

/** Every tag that a page of ours has. */
const ours = new Set(
  `!doctype html head meta title style body a header div p h1 h2 h3 label input span main ul ol li nav section
  svg circle path rect defs marker text tspan article b code pre details summary figure figcaption footer time br
  em blockquote dl dt dd script`.split(/\s+/)
)

describe('a page', () => {
  it('holds no markup but its own, whatever is said', () =>
    fc.assert(
      fc.property(evilText, text => {
        for (const [path, page] of boardFiles(boardOf(text))) {
          const body = page.replace(/<(style|script)>[^]*?<\/\1>/g, '')
          for (const [, name = ''] of body.matchAll(/<\/?([!a-z][a-z0-9]*)/gi))
            expect([...ours]).toContain(name)
          expect(body.match(/<[^>]*\son\w+=/g)).toBe(null)
          // oxlint-disable-next-line no-control-regex
          expect(page).not.toMatch(/[\u0000-\u0008\u000b-\u001f\u200b-\u200f\u202a-\u202e\u2066-\u2069]/)
          expect(page.match(/<script>/g)?.length ?? 0).toBe(path === 'index.html' ? 1 : 0)
        }
      }),
      { numRuns: 40 }
    ))

  it('lets in nothing but the style and script that its policy names', () => {
    for (const page of boardFiles(boardOf('x')).values()) {
      expect(page).toMatch(
        /content="default-src 'none'; style-src 'sha256-[^']+'; script-src '(?:none|sha256-[^']+)'; base-uri 'none'; form-action 'none'"/
      )
    }
  })

  it('is the same bytes for the same record and time', () => {
    expect([...boardFiles(boardOf('a'))]).toEqual([...boardFiles(boardOf('a'))])
  })
})
