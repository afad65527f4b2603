import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { commandLines, widthOf, wrapped } from '../../src/lib/text/wrap.ts'

describe('a line on a terminal', () => {
  it.each<[line: string, columns: number, hang: number, rows: readonly string[]]>([
    ['fits', 40, 2, ['fits']],
    ['one two three', 8, 2, ['one two', '  three']],
    ['  one two three', 9, 4, ['  one two', '    three']],
    ['one   two  three', 10, 0, ['one   two', 'three']],
    // A word of more columns stays whole, on a row of its own.
    [`one ${'x'.repeat(20)} two`, 10, 0, ['one', 'x'.repeat(20), 'two']],
    [`${'x'.repeat(20)} two`, 10, 2, ['x'.repeat(20), '  two']],
    // Colours take no columns, and belong to their word.
    ['\u001b[31mone\u001b[39m two three', 7, 0, ['\u001b[31mone\u001b[39m two', 'three']],
    ['a \u001b[31mFAIL\u001b[39m, b', 7, 0, ['a \u001b[31mFAIL\u001b[39m,', 'b']],
    // Scripts without blanks: two columns each, and a row may end after each.
    ['日本語日本語', 8, 0, ['日本語日', '本語']],
    ['e\u0301e\u0301 e\u0301e\u0301', 5, 0, ['e\u0301e\u0301 e\u0301e\u0301']]
  ])('%j in %i columns', (line, columns, hang, rows) => {
    expect(wrapped(line, columns, hang)).toEqual(rows)
  })

  it('has all of its words, whole and in their order, and no row that could be shorter', () => {
    const word = fc.stringMatching(/^[!-~]{1,30}$/)
    fc.assert(
      fc.property(fc.array(word, { minLength: 1 }), fc.integer({ min: 10, max: 80 }), (words, columns) => {
        const rows = wrapped(words.join(' '), columns, 4)
        expect(rows.flatMap(row => row.trim().split(' '))).toEqual(words)
        for (const row of rows) expect(widthOf(row) <= columns || !row.trim().includes(' ')).toBe(true)
      })
    )
  })
})

describe('a command on a terminal', () => {
  it('is broken between its words, so that a shell takes it for one', () => {
    const gate = `adversary gate pvfix-M2 --remote /tmp/demo/repo.git --message "two words" --other 'a "b" c'`
    expect(commandLines(gate, 40, 2)).toEqual([
      '  adversary gate pvfix-M2 --remote \\',
      '    /tmp/demo/repo.git --message \\',
      '    "two words" --other \'a "b" c\''
    ])
    expect(commandLines(gate, Number.POSITIVE_INFINITY, 2)).toEqual([`  ${gate}`])
  })

  it('keeps every word, however it is quoted', () => {
    const word = fc.constantFrom(
      'a',
      '--long-option',
      "'x y'",
      '"x y z"',
      '/a/long/path/to/a/file',
      'é',
      '"',
      "it's"
    )
    fc.assert(
      fc.property(
        fc.array(word, { minLength: 1, maxLength: 20 }),
        fc.integer({ min: 20, max: 80 }),
        (words, columns) => {
          const rows = commandLines(words.join(' '), columns, 2)
          expect(rows.map(row => row.trim().replace(/ \\$/, '')).join(' ')).toBe(words.join(' '))
        }
      )
    )
  })
})
