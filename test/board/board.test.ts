import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { boardFiles } from '../../src/board/pages.ts'
import { placeOf } from '../../src/board/check-place.ts'
import { reportPage } from '../../src/board/report-page.ts'
import type { Report } from '../../src/render/reports/report-formats.ts'
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

/** One answer as `--report html` writes it, with the same text in every place for text. */
function reportOf(text: string): Report {
  const { reviews } = boardOf(text)
  const [review] = reviews
  if (review === undefined) throw new Error('the example has a review')
  const checks = review.checks.map(({ probe, title, outcome }) => ({
    probe,
    title,
    on: text,
    outcome,
    why: text,
    ms: 1,
    findings: [{ outcome: 'fail' as const, saw: text, expected: text, at: text, why: null }],
    waiver: outcome === 'waived' ? { reason: text, by: text, until: text } : null,
    reads: [1]
  }))
  return {
    of: 'review',
    target: text,
    phase: 'pvfix',
    milestone: 'M1',
    result: 'failed',
    verdict: 'FAIL',
    reasons: [text],
    claim: { sha: text, summary: text },
    review: { path: text, commit: text, line: 3 },
    checks,
    hunts: checks,
    findings: [
      {
        id: 'A1',
        key: text,
        probe: text,
        title: text,
        severity: 'high',
        status: 'open',
        blocks: [text],
        origin: 'unknown',
        line: 1
      }
    ],
    reads: review.reads,
    milestones: [{ target: text, milestone: text, claim: text, result: 'failed', reasons: [text] }],
    plan: text,
    repo: text,
    at: text,
    ms: 1,
    version: text,
    rules: [{ id: 'replica-counts', asserts: text, because: text, remedy: text }]
  }
}

describe('what a reader of the board is told', () => {
  it('where a check was looked at: a route is asked by the reviewer', () => {
    expect(placeOf(['web', 'web'], 'cc-ci')).toBe('from the reviewer')
    expect(placeOf(['cc-ci', 'web'], 'cc-ci')).toBe('on cc-ci and from the reviewer')
    expect(placeOf(['cc-ci', 'record'], 'cc-ci')).toBe('on cc-ci')
    expect(placeOf(['repo'], 'repo')).toBe('in the repository')
    expect(placeOf([], 'cc-ci')).toBe('on cc-ci')
  })

  it('the reason of a veto, who goes on, the history, and a page for what was signed without evidence', () => {
    const files = boardFiles(boardOf('the words'))
    const index = files.get('index.html') ?? ''
    const sha = (letter: string) => letter.repeat(40)
    expect(index).toContain(`<a href="reviews/${sha('d')}.html">Vetoed by the words</a>: the words</p>`)
    expect(index).toMatch(/watcher running<\/span> <span class="quiet">the words; heartbeat <time/)
    expect(index).toMatch(
      /<b>the words<\/b> <span class="quiet">last contact <time[^>]*>2026-06-13 05:33Z<\/time>/
    )
    expect(index).toMatch(
      /<ol class="strip" aria-label="History of M1"><li><a href="reviews\/b{40}\.html">.*FAIL, 2026-06-13T05:33Z/
    )
    expect(files.get(`reviews/${sha('d')}.html`)).toContain('<dt>Signed by</dt><dd>the words</dd>')
    expect(files.get(`reviews/${sha('8')}.html`)).toContain('Its section is not in the review file.')
  })

  it('one answer as one file, what failed first, with what to do and every read', () => {
    const page = reportPage(reportOf('the words'))
    expect(page).not.toMatch(/(?:href|src)="(?!#)/)
    const outcomes = [
      ...page.matchAll(/<\/svg>(fail|not seen|waived|pass|not applicable)<\/span><div>/g)
    ].map(([, word]) => word)
    expect(outcomes.slice(0, 5)).toEqual(['fail', 'not seen', 'waived', 'pass', 'not applicable'])
    expect(page).toMatch(/<h2>What to do<\/h2><ul class="doubts"><li>the words<\/li>/)
    expect(page).toMatch(/<pre tabindex="0">\$ the words<\/pre>/)
  })
})

describe('a page', () => {
  it('holds no markup but its own, whatever is said', () =>
    fc.assert(
      fc.property(evilText, text => {
        for (const [path, page] of [
          ...boardFiles(boardOf(text)),
          ['report.html', reportPage(reportOf(text))] as const
        ]) {
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
    for (const page of [...boardFiles(boardOf('x')).values(), reportPage(reportOf('x'))]) {
      expect(page).toMatch(
        /content="default-src 'none'; style-src 'sha256-[^']+'; script-src '(?:none|sha256-[^']+)'; base-uri 'none'; form-action 'none'"/
      )
    }
  })

  it('is the same bytes for the same record and time', () => {
    expect([...boardFiles(boardOf('a'))]).toEqual([...boardFiles(boardOf('a'))])
  })
})
