import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { gather } from '../../../src/facts/gather.ts'
import { statusFile } from '../../../src/systems/statements/status-tables.ts'
import { type Statement } from '../../../src/systems/statements/status-text.ts'
import { parseStatements } from '../../../src/systems/statements/status-text.ts'
import { closedAdapters, closedRepo } from '../../support/doors.ts'
import { cpuMs } from '../../support/cpu.ts'

const said = ({ line, kind, cells }: Statement) => `${line} ${kind} ${cells.join(' / ')}`
const table = '| Network | Subnet |\n|---|---|\n| `proxy` | **10.10.0.0/16** |\n| a\\|b | [x](y) |\n'

describe('what a status file says', () => {
  it('rows, with their header, heading and the line above', () => {
    expect(parseStatements(`# STATUS\n\n## Live\n\nAs measured:\n\n${table}`)).toEqual([
      {
        kind: 'row',
        line: 9,
        under: 'Live',
        above: 'As measured:',
        columns: ['Network', 'Subnet'],
        cells: ['proxy', '10.10.0.0/16']
      },
      {
        kind: 'row',
        line: 10,
        under: 'Live',
        above: 'As measured:',
        columns: ['Network', 'Subnet'],
        cells: ['a|b', 'x']
      }
    ])
  })

  it('expectations, of the command above them', () => {
    const text =
      '```\ndocker network inspect proxy\nEXPECTED: 10.10.0.0/16\n```\n- **EXPECTED:** shop_app 1/1\n'
    expect(parseStatements(text)).toEqual([
      {
        kind: 'expected',
        line: 3,
        under: '',
        above: 'docker network inspect proxy',
        columns: [],
        cells: ['10.10.0.0/16']
      },
      {
        kind: 'expected',
        line: 5,
        under: '',
        above: 'docker network inspect proxy',
        columns: [],
        cells: ['shop_app 1/1']
      }
    ])
  })

  it.each<[name: string, text: string, statements: readonly string[]]>([
    ['a table in a fence is output, not a claim', `\`\`\`\n${table}\`\`\`\n`, []],
    ['a longer fence is not closed by a shorter one', `\`\`\`\`\n\`\`\`\n${table}\`\`\`\`\n`, []],
    ['a comment says nothing', `<!--\n${table}\nEXPECTED: x\n-->\n`, []],
    ['after a comment it goes on', `<!-- x -->\nEXPECTED: x\n`, ['2 expected x']],
    ['a header without rows', '| a | b |\n|---|---|\n', []],
    ['no delimiter', '| a | b |\n| c | d |\n', []],
    ['the word in the midst of a sentence', 'this is EXPECTED: x\n', []],
    ['a table without outer pipes', 'a | b\n--|--\nc | d\n\ne | f\n', ['3 row c / d']],
    ['Windows line ends', table.replaceAll('\n', '\r\n'), ['3 row proxy / 10.10.0.0/16', '4 row a|b / x']],
    ['nothing', '', []]
  ])('%s', (_, text, statements) => {
    expect(parseStatements(text).map(said)).toEqual(statements)
  })

  it('of a long table, every row with its line', () => {
    const rows = Array.from({ length: 100 }, (_, n) => `| n${n} | 10.0.${n}.0/24 |`).join('\n')
    const statements = parseStatements(`| Network | Subnet |\n|---|---|\n${rows}\n`)
    expect(statements.map(said)).toHaveLength(100)
    expect(statements.map(({ line, cells }) => [line, cells[0]])).toContainEqual([78, 'n75'])
  })

  it('refuses what would take too long', () => {
    expect(() => parseStatements('x'.repeat(300_000))).toThrow('longer than')
    expect(() => parseStatements('EXPECTED: x\n'.repeat(600))).toThrow('more than 500')
    expect(() => parseStatements(`|a|b|\n|-|-|\n${'|c|d|\n'.repeat(600)}`)).toThrow('more than 500')
  })

  it('takes any text, in bounded time', () => {
    const piece = fc.constantFrom(
      '|',
      '-',
      '`',
      '\n',
      '> ',
      '- ',
      '<!--',
      '-->',
      '```',
      'EXPECTED:',
      '[',
      '*',
      '\\',
      'a',
      '\u202e',
      ' '
    )
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 300 }), pieces => {
        for (const { line } of parseStatements(pieces.join(''))) expect(line).toBeGreaterThan(0)
      })
    )
    const hostile = () => {
      for (const cell of ['['.repeat(900), '*a '.repeat(300), '|'.repeat(900), '[a](b'.repeat(180)]) {
        parseStatements(`| a | b |\n|---|---|\n${`| ${cell} | b |\n`.repeat(30)}`)
      }
      parseStatements('- a\n'.repeat(60_000))
      parseStatements('>'.repeat(250_000))
    }
    expect(cpuMs(hostile)).toBeLessThan(10_000)
  })
})

it('reads the default path, or says that it knows none', async () => {
  const source = statusFile(null)
  const seen = async (statusPath?: string) => {
    const file = async (path: string) => (path === 'docs/STATUS-pvfix.md' ? table : null)
    const repo = {
      ...closedRepo,
      commit: 'c0ffee',
      file,
      changes: async () => [],
      ...(statusPath === undefined ? {} : { statusPath })
    }
    return (await gather([{ host: 'h', sources: [source] }], closedAdapters({ repo }))).fact('h', source)
  }
  expect(await seen('docs/STATUS-pvfix.md')).toMatchObject({
    value: { path: 'docs/STATUS-pvfix.md', commit: 'c0ffee', statements: [{ line: 3 }, { line: 4 }] }
  })
  expect(await seen('STATUS-2.md')).toMatchObject({ value: { statements: null } })
  expect(await seen()).toMatchObject({ seen: false, why: expect.stringContaining('set `path`') })
})
