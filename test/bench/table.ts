import { type Comparison, kept, type Measured, type Outcome, type Spread } from './bench.ts'

/** What was measured, as Markdown. */

export interface Section extends Measured {
  readonly name: string
}

export interface Page {
  /** ISO 8601 UTC. */
  readonly at: string
  /** The machine, its load, and the versions of what was run: one line each. */
  readonly around: readonly string[]
  readonly sections: readonly Section[]
}

export function page({ at, around, sections }: Page): string {
  const all = sections.flatMap(({ outcomes }) => outcomes)
  const short = all.flatMap(outcome =>
    [null, ...outcome.comparisons].flatMap(each =>
      kept(outcome, each) === false ? [missed(outcome, each)] : []
    )
  )
  const failed = sections.flatMap(({ failures }) =>
    failures.map(({ name, why }) => `- Not measured: ${name} failed (${oneLine(why)})`)
  )
  const skipped = sections.flatMap(({ name, obstacle }) =>
    obstacle === undefined ? [] : [`- Not measured: ${name} (${obstacle})`]
  )
  const missing = [...short, ...failed, ...skipped]
  return `# Benchmarks

Written by \`npm run bench -- --write\` on ${at}. Both sides of each comparison ran alternately, in the same minutes.
The ratio is the median of the ratios of the rounds, with their middle half beside it.

${around.map(line => `- ${line}`).join('\n')}

${sections.flatMap(section => (section.outcomes.length > 0 ? [sectionText(section)] : [])).join('\n')}
## What falls short

${all.length > 0 && missing.length === 0 ? 'Nothing: every limit is kept.' : missing.join('\n')}
`
}

function oneLine(text: string): string {
  return text.replaceAll(/\s+/g, ' ').trim().slice(0, 300)
}

function sectionText({ name, outcomes }: Section): string {
  return `## ${name}

${table(outcomes)}
${outcomes.flatMap(({ bench }) => (bench.note === undefined ? [] : [`${bench.name}: ${bench.note}\n`])).join('\n')}`
}

export function table(outcomes: readonly Outcome[]): string {
  const rows = outcomes.flatMap(outcome => {
    const { bench, ours, comparisons } = outcome
    const shown = `${ours.name}: ${figure(ours.figure, bench.unit)}`
    const own =
      bench.atMost === undefined
        ? []
        : [row(bench.name, shown, '', '', `${bench.atMost} ${bench.unit}`, kept(outcome, null))]
    return [
      ...own,
      ...comparisons.map(each =>
        row(
          bench.name,
          shown,
          `${each.baseline}: ${figure(each.figure, bench.unit)}`,
          `${ratio(each.ratio.median)} (${ratio(each.ratio.least)} … ${ratio(each.ratio.most)})`,
          each.limit === undefined ? '' : `${each.limit} ×`,
          kept(outcome, each)
        )
      )
    ]
  })
  return [
    '| what | ours | against | ratio | at most | |',
    '| --- | --- | --- | --- | --- | --- |',
    ...rows,
    ''
  ].join('\n')
}

function row(
  what: string,
  ours: string,
  theirs: string,
  by: string,
  most: string,
  ok: boolean | null
): string {
  const mark = ok === null ? '' : ok ? '✓' : '✗'
  return `| ${what} | ${ours} | ${theirs} | ${by} | ${most} | ${mark} |`
}

function missed({ bench, ours }: Outcome, comparison: Comparison | null): string {
  return comparison === null
    ? `- ${bench.name}: ${rounded(ours.figure.median)} ${bench.unit}, at most ${bench.atMost} ${bench.unit} was meant`
    : `- ${bench.name}: ${ratio(comparison.ratio.median)} × ${comparison.baseline}, at most ${comparison.limit} × was meant`
}

function figure({ median, least, most }: Spread, unit: string): string {
  return `${rounded(median)} ${unit} (${rounded(least)} … ${rounded(most)})`
}

function rounded(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toPrecision(3)
}

function ratio(value: number): string {
  return value >= 10 ? value.toFixed(0) : value.toFixed(2)
}
