import { expect, it } from 'vitest'
import { treeOf, workOf } from '../../src/render/parse.ts'
import { headings, openBlock } from '../../src/render/locate.ts'
import { cpuMs, cpuMsOf } from '../support/cpu.ts'

/** What Markdown that is made to be slow may cost: the parser is quadratic in much of it. */

const nested = [2, 16, 60].flatMap((depth): readonly (readonly [string, string, string])[] => [
  [`lines that go on in ${depth} quotes`, `${'>'.repeat(depth)} a\n`, 'b\n'],
  [`lines that go on in ${depth} lists`, `${'- '.repeat(depth)}a\n`, 'b\n'],
  [`items of ${depth} lists`, '', `${'- '.repeat(depth)}a\n`],
  [`${depth} quotes again`, '', `${'>'.repeat(depth)} a\n`],
  [`empty lines in ${depth} lists`, `${'- '.repeat(depth)}a\n`, '\n']
])

const shapes: readonly (readonly [name: string, begin: string, piece: string])[] = [
  ...nested,
  ['underlined headings', '', 'a\n=\n'],
  ['underlined with rules', '', 'a\n---\n'],
  ['lists in lists', '', '-\ta\n\t-\tb\n'],
  ['lists that change', '', '- a\n+ b\n'],
  ['items apart', '', '- a\n\n'],
  ['quotes apart', '', '> a\n\n'],
  ['tasks', '', '- [ ] a\n'],
  ['footnotes', '', '[^a]: x\n'],
  ['definitions', '', '[a]: x\n\n'],
  ['tables', '', '|a|\n|-|\n\n'],
  ['rows', '|a|b|\n|-|-|\n', '|a|b|\n'],
  ['paragraphs', '', 'b\n\n'],
  ['returns', '', 'b\r'],
  ['HTML', '', '<b>\n\n'],
  ['fences', '', '```\nb\n```\n'],
  ['stars', '', '*a'],
  ['brackets', '', '[a]('],
  ['paragraphs of stars', '', `${'*a'.repeat(900)}\n\n`]
]

it.each(shapes)('%s take no more than is counted for them', (_, begin, piece) => {
  const text = begin + piece.repeat(Math.ceil(12_000 / piece.length))
  const counted = workOf(text) / 1000
  expect(cpuMs(() => treeOf(text))).toBeLessThan(2 * counted + 1500)
})

it.each([
  ['underlined headings', 'a\n=\n'],
  ['lists in lists', '-\ta\n\t-\tb\n'],
  ['lines that go on in a quote', '> a\nb\nb\nb\nb\nb\nb\n']
])('a review file of %s is read and written on within the time that a gate has', async (_, piece) => {
  // What the lines alone do not decide: an element that nothing ends.
  const file = Buffer.from(`<pre>\n\n</pre>\n\n${piece.repeat(Math.ceil(120_000 / piece.length))}`)
  expect(await cpuMsOf(() => headings(file))).toBeLessThan(12_000)
  expect(await cpuMsOf(() => openBlock(file))).toBeLessThan(12_000)
})

it('a piece that was parsed is not parsed again', async () => {
  const section = '## A section\n\n<pre>\n\n</pre>\n\n- a\n- b\n\n'
  const file = section.repeat(1500)
  const first = await cpuMsOf(() => headings(Buffer.from(file)))
  const again = await cpuMsOf(() => headings(Buffer.from(`${file}## More\n`)))
  expect(again).toBeLessThan(first / 2 + 200)
})
