import { canonicalJson } from '../lib/canonical.ts'
import type { CheckResult } from '../probe/verdict.ts'

/**
 * Checks that a reader takes for one: six units by the same probe are one row with six names. What a row leaves out of
 * the titles are the words that all of them have, so that nothing is lost.
 */

/** A check with its number in the plan, from 1. */
export interface NumberedCheck {
  readonly n: number
  readonly check: CheckResult
}

export interface Row {
  /** At least one, by their numbers. */
  readonly checks: readonly NumberedCheck[]
  /** As written, or what the titles have in common, with `…` where they differ. */
  readonly title: string
  /** What tells them apart, in their order; empty for a single check. */
  readonly names: readonly string[]
  /** What all of them saw, as the end of a sentence that begins with "each"; null: nothing in the same words. */
  readonly each: string | null
}

/** The checks as rows, by the number of the first in each. */
export function rowsOf(checks: readonly NumberedCheck[]): readonly Row[] {
  const rows: Row[] = []
  // Most checks have a probe of their own: only those of the same kind are compared.
  const kinds = new Map<string, number[]>()
  for (const numbered of checks) {
    const kind = canonicalJson([numbered.check.probe, numbered.check.on])
    const alike = kinds.get(kind) ?? []
    kinds.set(kind, alike)
    const joins = alike.flatMap(at => {
      const row = joined(rows[at]?.checks ?? [], numbered)
      return row === null ? [] : [{ at, row }]
    })
    const [first] = joins
    if (first !== undefined) rows[first.at] = first.row
    else {
      alike.push(rows.length)
      rows.push({ checks: [numbered], title: numbered.check.title, names: [], each: null })
    }
  }
  return rows
}

/** The most words in which the titles of a row differ: of more, each title is a sentence of its own. */
const mostWords = 3

function joined(before: readonly NumberedCheck[], added: NumberedCheck): Row | null {
  const checks = [...before, added]
  if (!checks.every(({ check }) => isPlainPass(check))) return null
  const titles = checks.map(({ check }) => check.title)
  const values = differing(checks.map(({ check }) => check.with))
  if (values === null) return null
  const each = commonEnd(checks.flatMap(({ check }) => check.findings.map(sawOf)))
  if (new Set(titles).size === 1) return { checks, title: titles[0] ?? '', names: values, each }
  const frame = frameOf(titles)
  return frame === null ? null : { checks, title: frame.text, names: frame.gaps, each }
}

/** A pass with nothing to be said of it but what it saw. */
function isPlainPass({ outcome, findings, flapped, hidden, attempts, waiver }: CheckResult): boolean {
  return (
    outcome === 'pass' &&
    findings.length === 1 &&
    findings[0]?.outcome === 'pass' &&
    !flapped &&
    hidden !== true &&
    attempts === 1 &&
    waiver === undefined
  )
}

function sawOf(finding: CheckResult['findings'][number]): string {
  return 'saw' in finding ? finding.saw : finding.why
}

/** The values of the one parameter in which all of these differ; null where there is no such one. */
function differing(params: readonly unknown[]): readonly string[] | null {
  const given = params.map(value =>
    typeof value === 'object' && value !== null
      ? new Map<string, unknown>(Object.entries(value))
      : new Map<string, unknown>()
  )
  const keys = [...new Set(given.flatMap(each => [...each.keys()]))]
  const distinct = keys.filter(
    key => new Set(given.map(each => canonicalJson(each.get(key) ?? null))).size > 1
  )
  const [key] = distinct
  if (key === undefined || distinct.length > 1) return null
  const values = given.map(each => each.get(key))
  const texts = values.flatMap(value =>
    typeof value === 'string' || typeof value === 'number' ? String(value) : []
  )
  return texts.length === values.length && new Set(texts).size === texts.length ? texts : null
}

/** What texts have in common at their beginning and end; null where that is nothing, or they differ in too much. */
function frameOf(
  texts: readonly string[]
): { readonly text: string; readonly gaps: readonly string[] } | null {
  const all = texts.map(text => text.split(/\s+/).filter(word => word !== ''))
  const [first = []] = all
  const shortest = Math.min(...all.map(words => words.length))
  let start = 0
  while (start < shortest && all.every(words => words[start] === first[start])) start += 1
  let end = 0
  while (end < shortest - start && all.every(words => words.at(-1 - end) === first.at(-1 - end))) end += 1
  const gaps = all.map(words => words.slice(start, words.length - end))
  const fits = start + end > 0 && gaps.every(({ length }) => length > 0 && length <= mostWords)
  if (!fits) return null
  const text = [...first.slice(0, start), '…', ...first.slice(first.length - end)].join(' ')
  return { text, gaps: gaps.map(words => words.join(' ')) }
}

/**
 * Of sentences that begin with a name of their own: the clauses that all of them have. Times and the like differ, and
 * are left out with their clause.
 */
function commonEnd(sentences: readonly string[]): string | null {
  const all = sentences.map(text => text.split(/[,;] /))
  const [first = []] = all
  const shared = first.slice(1).filter((clause, index) => all.every(clauses => clauses[index + 1] === clause))
  const opening = frameOf(all.map(([clause = '']) => clause))
  if (opening === null || !opening.text.startsWith('… ')) return null
  return [opening.text.slice(2), ...shared].join(', ')
}
