import * as commonmark from 'commonmark'
import fc from 'fast-check'
import type { RootContent } from 'mdast'
import { remark } from 'remark'
import remarkGfm from 'remark-gfm'
import { describe, expect, test } from 'vitest'
import { appended } from '../../src/render/append.ts'
import { endOfAnything, headings, lineEnd, openBlock } from '../../src/render/locate.ts'
import { cpuMsOf } from '../support/cpu.ts'
import { hostile, markdown, pieces } from './markdown.ts'

const bytes = (text: string) => Buffer.from(text)
const text = (data: Uint8Array) => Buffer.from(data).toString()

const section = '## M9: PASS @2026-06-13T05:49Z\n\nwords\n\n```\nout\n```\n\n### Cold-run evidence\n\nend\n'
const ours = ['M9: PASS @2026-06-13T05:49Z', 'Cold-run evidence']

function remarkHeadings(markdown: string): string[] {
  return remark()
    .use(remarkGfm)
    .parse(markdown)
    .children.flatMap(node => (node.type === 'heading' ? [textOf(node)] : []))
}

function textOf(node: RootContent): string {
  if ('children' in node) return node.children.map(textOf).join('')
  return 'value' in node ? node.value : ''
}

function commonmarkHeadings(markdown: string): string[] {
  const found: string[] = []
  for (let node = new commonmark.Parser().parse(markdown).firstChild; node !== null; node = node.next) {
    if (node.type !== 'heading') continue
    let words = ''
    const walker = node.walker()
    for (let event = walker.next(); event !== null; event = walker.next())
      words += event.entering ? (event.node.literal ?? '') : ''
    found.push(words)
  }
  return found
}

describe('openBlock', () => {
  test.each([
    ['nothing', '', ''],
    ['only a byte order mark', '\ufeff', ''],
    ['an empty line at the end', 'text\n\n', ''],
    ['blanks in the empty line', 'text\n \t\n', ''],
    ['a paragraph', 'text\n', '\n'],
    ['no line end', 'text', '\n\n'],
    ['a list', '- a\n', '\n'],
    ['a quote', '> a', '\n\n'],
    ['a table', '| a |\n|---|\n', '\n'],
    ['CRLF', 'a\r\nb', '\r\n\r\n'],
    ['a lone CR, which our LF would only complete', 'a\r', '\n\n'],
    ['two lone CRs', 'a\r\r', ''],
    ['a closed fence', '```\na\n```\n', '\n'],
    ['an open fence', '```\na\n', '```\n\n'],
    ['an open fence without a line end', '```sh\na', '\n```\n\n'],
    ['a long one, with shorter ones inside', '`````\n```\n', '`````\n\n'],
    ['tildes', '~~~ x\n```\n', '~~~\n\n'],
    ['an indented one, which may be in a list for some parsers', '- a\n\n ```\n', '``` end\n```\n\n'],
    ['a fence that ends with its list', '- ```\n  a\n', '\n'],
    ['a fence that ends with its quote', '> ```\n> a\n', '\n'],
    ['a fence in CRLF', '```\r\na\r\n', '```\r\n\r\n'],
    ['a comment', 'a\n\n<!-- b\n', '-->\n\n'],
    ['a closed comment', '<!-- b -->\n', '\n'],
    ['a comment in text is none', 'a <!-- b\n', '\n'],
    ['pre', '<pre>\na\n\n', '</pre>\n\n'],
    ['script', '<SCRIPT>\n', '</script>\n\n'],
    ['style', '<style>\n', '</style>\n\n'],
    ['textarea', '<textarea>\n', '</textarea>\n\n'],
    ['a processing instruction', '<?php\n', '?>\n\n'],
    ['CDATA', '<![CDATA[ a\n', ']]>\n\n'],
    ['a declaration', '<!DOCTYPE\n', '>\n\n'],
    ['details', '<details>\n\na\n', '\n</details>\n\n'],
    [
      'details with a summary, one closed',
      '<details><summary>a</summary>\n\n<details>\n\n</details>\n',
      '\n</details>\n\n'
    ],
    ['details in text', 'a <details> b\n', '\n</details>\n\n'],
    ['details in code', 'a `<details>` b\n', '\n'],
    ['details in a fence', '```\n<details>\n```\n', '\n'],
    ['details in a comment', '<!-- <details> -->\n', '\n'],
    ['details in a list end with it', '- <details>\n', '\n'],
    ['bold that is left on', 'a <b>b\n', '\n</b>\n\n'],
    ['two elements', '<div>\n<pre>\n\na\n', '\n</pre>\n</div>\n\n'],
    [
      'a quoted attribute that a browser would read on',
      '<div title="\n\na\n',
      `\n<!-- '> "> -->\n</div>\n\n`
    ],
    ['a comment that only Markdown ends', '<div><!--\n\na\n', `\n<!-- '> "> -->\n</div>\n\n`],
    ['a fence that is open only where footnotes are unknown', '[^1]:\n- \n  ```\n', '``` end\n```\n\n']
  ])('%s', async (_, before, close) => {
    expect(text(await openBlock(bytes(before)))).toBe(close)
    expect(text(await openBlock(bytes(`${before}${close}## x\n\n`)))).toBe('')
  })
})

describe('headings', () => {
  test('finds those at the top level, with line, offset, depth and words', async () => {
    const file = [
      '\ufeff# é one #',
      '',
      '## M1: PASS @2026-06-13T05:33Z ##',
      '',
      '```',
      '## in a fence',
      '```',
      '<!--',
      '## in a comment',
      '-->',
      '',
      '<pre>',
      '## in pre',
      '</pre>',
      '> ## in a quote',
      '',
      '- ## in a list',
      '',
      '    ## in code',
      '',
      'set',
      '---',
      '',
      '   ### three\\#',
      '#'
    ].join('\r\n')
    const found = await headings(bytes(file))
    expect(found).toEqual([
      { line: 1, offset: 3, depth: 1, text: 'é one' },
      { line: 3, offset: bytes(file).indexOf('## M1'), depth: 2, text: 'M1: PASS @2026-06-13T05:33Z' },
      { line: 24, offset: bytes(file).indexOf('### three'), depth: 3, text: 'three\\#' },
      { line: 25, offset: bytes(file).length - 1, depth: 1, text: '' }
    ])
  })

  test('bytes that are no UTF-8 move no offset', async () => {
    const file = Buffer.concat([Uint8Array.of(0xff, 0xc3, 0x0a, 0x0a), bytes('## x\n')])
    expect(await headings(file)).toEqual([{ line: 3, offset: 4, depth: 2, text: 'x' }])
  })

  test('are those of the whole text in one piece, whatever the lines could be taken for', async () => {
    await fc.assert(
      fc.asyncProperty(fc.oneof(pieces, hostile), fc.constantFrom(1, 40, 4096), async (file, size) => {
        const marked = file.startsWith('\ufeff') ? 3 : 0
        const whole = remark().use(remarkGfm).parse(bytes(file).toString('latin1').slice(marked))
        const seen = whole.children.flatMap(({ type, position }) =>
          type === 'heading' && position?.start.line === position?.end.line
            ? [[marked + (position?.start.offset ?? 0), position?.start.line]]
            : []
        )
        expect((await headings(bytes(file), { size })).map(({ offset, line: at }) => [offset, at])).toEqual(
          seen
        )
      }),
      { numRuns: 600 }
    )
  })

  test('what is left open is what the whole text in one piece leaves open', async () => {
    await fc.assert(
      fc.asyncProperty(fc.oneof(pieces, hostile), fc.constantFrom(1, 40, 4096), async (file, size) => {
        expect(text(await openBlock(bytes(file), size))).toBe(
          text(await openBlock(bytes(file), Number.POSITIVE_INFINITY))
        )
      }),
      { numRuns: 300 }
    )
  })

  test('a long file takes linear time', async () => {
    const one = '## M1: PASS @2026-06-13T05:33Z\n\n- a\n- b\n\n```\nout\n```\n\n**1. x** ✓\n\n'
    const took = (times: number) => {
      const file = bytes(one.repeat(times))
      return cpuMsOf(async () => expect(await headings(file)).toHaveLength(times))
    }
    await took(100)
    // Sixteen times as long: 256 times as much where it is not linear.
    // The slower of the short ones and the quicker of the long ones: what else came between adds to either.
    const [short, long] = [
      Math.max(await took(400), await took(400)),
      Math.min(await took(6400), await took(6400))
    ]
    expect(long / short).toBeLessThan(100)
  })
})

test('a file that is made to be slow holds nobody up, however long it is', async () => {
  for (const unit of ['\n## M1: PASS\n<b ', '\n# M2: PASS\n', '| a | b |\n|---|---|\n']) {
    const file = bytes(unit.repeat(10_000_000 / unit.length))
    let close = Buffer.alloc(0)
    expect(await cpuMsOf(async () => (close = Buffer.from(await openBlock(file))))).toBeLessThan(3_000)
    expect(await cpuMsOf(() => headings(file))).toBeLessThan(10_000)
    expect((await headings(Buffer.concat([file, close, bytes(section)]))).at(-1)?.text).toBe(
      'Cold-run evidence'
    )
  }
})

test.each<[what: string, file: string]>([
  ['rows of spaces within headings', `## a${' '.repeat(9_900)}x\n`.repeat(60)],
  ['ends of what was never opened', `${'<details>\n\n'.repeat(80_000)}${'</table>\n\n'.repeat(80_000)}# x\n`]
])('a file with %s holds nobody up', async (_, file) => {
  expect(await cpuMsOf(() => headings(bytes(file)))).toBeLessThan(2_000)
  expect(await cpuMsOf(() => openBlock(bytes(file)))).toBeLessThan(2_500)
})

describe('appended', () => {
  test('begins a new file with the header', async () => {
    expect(text(await appended(null, '# head\n\nwords\n', '## s\n'))).toBe('# head\n\nwords\n\n---\n\n## s\n')
    expect(text(await appended(bytes(' \n'), '# head\n', '## s\n\n\n'))).toBe('# head\n\n---\n\n## s\n')
  })

  test('keeps the line ends of the file', async () => {
    expect(lineEnd(bytes('a\r\nb\r\nc\n'))).toBe('\r\n')
    expect(text(await appended(bytes('# a\r\n'), '', '## s\n\nx\n'))).toBe('\r\n---\r\n\r\n## s\r\n\r\nx\r\n')
  })

  test('never turns the last line into a heading', async () => {
    expect(text(await appended(bytes('# a\n\nlast words'), '', '## s\n'))).toBe('\n\n---\n\n## s\n')
  })

  test('refuses UTF-16', async () => {
    await expect(appended(Uint8Array.of(0xff, 0xfe, 0x41, 0), '', '## s\n')).rejects.toThrow('UTF-16')
  })
})

describe('append', () => {
  test('keeps every byte and stands at the top level, for any text before it', async () => {
    await fc.assert(
      fc.asyncProperty(markdown, async before => {
        const existing = bytes(before)
        const all = Buffer.concat([existing, await appended(existing, '# head\n', section)])
        expect(all.subarray(0, existing.length).equals(existing)).toBe(true)
        const after = text(all).replace(/^\ufeff/, '')
        expect(remarkHeadings(after).slice(-2)).toEqual(ours)
        expect(commonmarkHeadings(after).slice(-2)).toEqual(ours)
        expect((await headings(all)).slice(-2).map(heading => heading.text)).toEqual(ours)
        expect(remarkHeadings(after).filter(heading => ours.includes(heading))).toHaveLength(2)
        // What is closed stays closed.
        expect(text(await openBlock(all)).trim()).toBe('')
      }),
      { numRuns: 500 }
    )
  })

  test('any bytes at all', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 60 }), async existing => {
        fc.pre(
          !(existing[0] === 0xff && existing[1] === 0xfe) && !(existing[0] === 0xfe && existing[1] === 0xff)
        )
        const all = Buffer.concat([existing, await appended(existing, '# head\n', section)])
        expect(all.subarray(0, existing.length).equals(Buffer.from(existing))).toBe(true)
        expect((await headings(all)).slice(-2).map(heading => heading.text)).toEqual(ours)
      })
    )
  })

  test('what ends anything ends it for both parsers', async () => {
    fc.assert(
      fc.property(markdown, before => {
        const after = `${before}${endOfAnything(before, '\n')}${section}`.replace(/^\ufeff/, '')
        expect(remarkHeadings(after).slice(-2)).toEqual(ours)
        expect(commonmarkHeadings(after).slice(-2)).toEqual(ours)
      }),
      { numRuns: 500 }
    )
  })

  test.each([
    ['stars', '*a_'.repeat(100_000)],
    ['brackets', '[a]['.repeat(100_000)],
    ['quotes in quotes', '> '.repeat(20_000)],
    [
      'lists in lists, line by line',
      Array.from({ length: 400 }, (_, i) => `${'  '.repeat(i)}- a`).join('\n')
    ],
    ['lists without end', '- a\n\n1. b\n\n'.repeat(40_000)],
    ['footnotes in footnotes', '[^1]: '.repeat(20_000)],
    ['stars in an open fence', `\`\`\`\`\n${'*a_'.repeat(100_000)}\n`],
    ['stars in an open comment', `<!--\n${'*a_'.repeat(100_000)}`]
  ])('%s do not stop it', async (_, before) => {
    const all = `${before}${text(await appended(bytes(before), '', section))}`
    const found = (await headings(bytes(all))).map(heading => heading.text)
    expect(found.slice(-2)).toEqual(ours)
    expect(all.startsWith(before)).toBe(true)
  })
})
