import fc from 'fast-check'
import { remark } from 'remark'
import remarkGfm from 'remark-gfm'
import { describe, expect, test } from 'vitest'
import { sha256 } from '../../src/lib/canonical.ts'
import {
  clean,
  cut,
  fence,
  inline,
  mermaidLabel,
  oneLine,
  plain,
  skipMarkers,
  toText
} from '../../src/lib/text/clean.ts'

const parse = (markdown: string) => remark().use(remarkGfm).parse(markdown)

/** Text out of the pieces that attacks are made of. */
const hostile = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        '`',
        '```',
        '````\n',
        '~~~',
        '\n',
        '\r',
        '\r\n',
        '\t',
        ' ',
        '\u2028',
        '\u0085',
        '## ',
        '# x\n',
        '<!--',
        '-->',
        '<pre>',
        '</details>',
        '<b>',
        '@bob',
        '#12',
        '!7',
        'GH-12',
        '&amp;',
        '&#35;',
        '\\',
        '**',
        '__',
        '_',
        '~~',
        '[a](b)',
        '![x](y)',
        '[^1]',
        '[a]: /b',
        'https://x.example.test/',
        'www.x.test',
        'a@b.test',
        ':smile:',
        '- ',
        '1. ',
        '1) ',
        '> ',
        '| a |',
        '---',
        '===',
        '$x$',
        '\x1b[31m',
        '\x1b]0;t\x07',
        '\x00',
        '\u202e',
        '\u200b',
        '\ufeff',
        '\ud800',
        '[ci skip]',
        'deadbeef1',
        'word',
        'two words',
        '10.10.0.0/16'
      ),
      fc.string({ unit: 'binary', maxLength: 8 })
    ),
    { maxLength: 25 }
  )
  .map(parts => parts.join(''))

describe('clean', () => {
  test.each([
    ['colours', '\x1b[31mred\x1b[0m \x9b1mbold', 'red bold'],
    ['a title set for the terminal', '\x1b]0;evil\x07text \x1b]8;;https://x.test\x1b\\link', 'text link'],
    ['an unterminated sequence hides nothing', '\x1b]0;everything after', '0;everything after'],
    ['line ends', 'a\r\nb\rc\u2028d\u2029e\u0085f\vg\fh', 'a\nb\nc\nd\ne\nf\ng\nh'],
    ['bidirectional and zero-width', 'a\u202eb\u2066c\u200bd\ufeffe\u00adf\u{e0041}g', 'abcdefg'],
    ['control characters, but not the tab', 'a\0b\bc\td\x7fe', 'abc\tde'],
    ['lone surrogates', 'a\ud800b\udc00c', 'a\ufffdb\ufffdc'],
    ['real pairs stay', 'a😀b', 'a😀b'],
    ['piles of marks', `e${'\u0301'.repeat(50)}`, `e${'\u0301'.repeat(8)}`]
  ])('%s', (_, dirty, tidy) => {
    expect(clean(dirty)).toBe(tidy)
  })

  test('is idempotent and leaves nothing invisible', () => {
    fc.assert(
      fc.property(hostile, text => {
        const once = clean(text)
        expect(clean(once)).toBe(once)
        expect(once).not.toMatch(/[^\P{C}\t\n\p{Co}\p{Cn}\u0600-\u08ff]/u)
      })
    )
  })

  test('bytes that are no UTF-8 are replaced', () => {
    expect(toText(Uint8Array.of(0x61, 0xff, 0x62))).toBe('a\ufffdb')
  })
})

test('oneLine caps without halving a character', () => {
  expect(oneLine(' a\n\tb  c ')).toBe('a b c')
  expect(oneLine('abcdef', 4)).toBe('abc…')
  expect(oneLine('ab😀😀', 4)).toBe('ab…')
})

describe('fence', () => {
  test.each([
    ['a fence', '```\n## M2: PASS\n```', '````\n```\n## M2: PASS\n```\n````'],
    ['a longer one', '`````', '``````\n`````\n``````'],
    ['line ends at the end', 'a\n\n', '```\na\n```']
  ])('holds %s', (_, inside, out) => {
    expect(fence(inside)).toBe(out)
  })

  test('takes a plain word as info and nothing else', () => {
    expect(fence('a', 'mermaid')).toBe('```mermaid\na\n```')
    expect(fence('a', 'x`\n## y')).toBe('```\na\n```')
  })

  test('nothing inside closes it', () => {
    fc.assert(
      fc.property(hostile, text => {
        const { children } = parse(`${fence(text)}\n\nafter`)
        expect(children.map(child => child.type)).toEqual(['code', 'paragraph'])
        expect(children[0]).toMatchObject({ value: clean(text).replace(/\n+$/, '') })
      })
    )
  })
})

describe('inline', () => {
  test.each([
    ['docker ps', '`docker ps`'],
    ['a`b', '``a`b``'],
    ['`a', '`` `a ``'],
    ['a``` b', '````a``` b````'],
    ['', '(empty)'],
    ['a\nb', '`a b`']
  ])('%j is %s', (text, out) => {
    expect(inline(text)).toBe(out)
  })

  test('is one code span whatever is inside', () => {
    fc.assert(
      fc.property(hostile, text => {
        fc.pre(oneLine(text, 300) !== '')
        const [only, ...rest] = parse(`${inline(text)} after`).children
        expect(rest).toEqual([])
        expect(only).toMatchObject({
          type: 'paragraph',
          children: [{ type: 'inlineCode', value: oneLine(text, 300) }, { value: ' after' }]
        })
      })
    )
  })
})

describe('plain', () => {
  test.each([
    ['patch ready; all routes up (9 of 9).', 'patch ready; all routes up (9 of 9).'],
    ['9 services 1/1 at 05:38:02, 10.10.0.0/16', '9 services 1/1 at 05:38:02, 10.10.0.0/16'],
    ['ask @bob about #12 and GH-12', 'ask `@bob` about `#12` and `GH-12`'],
    ['see https://x.example.test/ now', 'see `https://x.example.test/` now'],
    ['`proxy` is on `10.10.0.0/16`, fine', '`proxy` is on `10.10.0.0/16`, fine'],
    ['(`a`): `b`.', '(`a`): `b`.'],
    ['`a`_b', '`a_b`'],
    ['# heading', '`#` heading'],
    ['1. a list', '`1.` a list'],
    ['- a list - or not', '– a list – or not'],
    ['+ a list', '`+` a list'],
    ['a *b* _c_ <d>', 'a `*b* _c_ <d>`'],
    ['one ` tick', 'one `` ` `` tick'],
    ['fixed in e6349a9 by patch', 'fixed in `e6349a9` by patch'],
    ['line\n## M2: PASS', 'line `##` M2: PASS'],
    ['e.g. this', 'e.g. this'],
    ['at 05:38:02Z, or 2026-06-13T05:38Z; 15ms', 'at 05:38:02Z, or 2026-06-13T05:38Z; 15ms'],
    ['(see a_b), f(x). x_y!', '(see `a_b`), `f(x)`. `x_y`!'],
    ['"a_b" "x"', '"`a_b`" "x"']
  ])('%j', (text, out) => {
    expect(plain(text)).toBe(out)
  })

  test('is one paragraph of text and code', () => {
    fc.assert(
      fc.property(hostile, text => {
        const line = plain(text)
        fc.pre(line !== '')
        expect(line).not.toMatch(/\n/)
        for (const markdown of [line, `**Claim:** ${line}`, `${line}\n---x`]) {
          const [paragraph, ...rest] = parse(markdown).children
          expect(rest).toEqual([])
          if (paragraph?.type !== 'paragraph') throw new Error(`${markdown} is a ${paragraph?.type}`)
          const types = new Set(paragraph.children.map(child => child.type))
          expect([...types].filter(type => !['text', 'inlineCode', 'strong'].includes(type))).toEqual([])
          const prose = paragraph.children.map(child => (child.type === 'text' ? child.value : '')).join('|')
          expect(prose).not.toMatch(/[@#<>[\]`*_~$\\]|:\/\/|&\w|\w\.\p{L}{2}/u)
        }
      }),
      { numRuns: 500 }
    )
  })
})

test('cut says what it cut and the digest of the whole', () => {
  expect(cut('short', 5)).toBe('short')
  const long = 'x'.repeat(100)
  expect(cut(long, 10)).toBe(
    `xxxxxxxxxx\n… cut here: 10 of 100 characters shown, the whole is ${sha256(long)}`
  )
})

describe('skipMarkers', () => {
  test.each([
    '[ci skip]',
    '[skip ci]',
    '[CI SKIP]',
    '[no ci]',
    '[No CI]',
    '***no_ci***',
    '***NO_CI***',
    '[skip actions]',
    '[actions skip]',
    '[ci-skip]',
    '[skip  ci]',
    '[ci\tskip]',
    '[ci\u00a0skip]',
    '[skip\nci]',
    '[[ci skip]]',
    'x [skip ci]y',
    'skip-checks: true',
    'Skip-Checks:true',
    'skip-checks : true',
    '[skip drone]',
    '[ skip ci ]'
  ])('%j is neutralised', marker => {
    const literal = /\[\s*(?:ci\W*skip|skip\W*\w+|no ci|actions skip)\s*\]|\*no_ci\*|skip-checks\s*:/i
    expect(marker).toMatch(literal)
    expect(skipMarkers(marker)).not.toMatch(literal)
  })

  test.each(['review(pvfix-M2): M2 PASS + [adversary] A1 x', 'a [b] c', 'skip checks', 'no ci'])(
    '%j stays',
    text => {
      expect(skipMarkers(text)).toBe(text)
    }
  )

  test('leaves no marker in any text', () => {
    const piece = fc.constantFrom(
      '[',
      ']',
      'ci',
      'skip',
      'no',
      ' ',
      '_',
      '***',
      'actions',
      'skip-checks',
      ':',
      '\n',
      'x'
    )
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 30 }), parts => {
        expect(skipMarkers(parts.join(''))).not.toMatch(
          /\[(?:ci[ _-]*skip|skip[ _-]*ci|no ci|skip actions|actions skip)\]|\*\*\*no_ci\*\*\*|skip-checks:/i
        )
      }),
      { numRuns: 2000 }
    )
  })
})

test('mermaidLabel keeps what cannot leave the quotes', () => {
  expect(mermaidLabel('deploy-proxy.service')).toBe('deploy-proxy.service')
  expect(mermaidLabel('a"]; click b "javascript:x" %%{init}')).toBe('a click b javascript:x init')
  expect(mermaidLabel('<>')).toBe('?')
})
