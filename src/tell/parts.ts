import { clean, cut, fence, inline, oneLine, plain } from '../base/text.ts'
import type { CheckResult } from '../decide/verdict.ts'
import type { Finding } from '../judge/probe.ts'
import type { Evidence } from '../observe/fact.ts'
import type { Outcome } from '../words.ts'

/**
 * The pieces that all sections are made of. Everything from outside goes through `fence`, `inline` or
 * `plain`; nothing else here puts text into Markdown.
 */

/** The reads that a section may cite by number, and the file that keeps the whole of them. */
export interface Cited {
  readonly evidence: readonly Evidence[]
  /** Path in the repo and `sha256:…` of the evidence file; absent in a dry run. */
  readonly evidenceFile?: { readonly path: string; readonly digest: string }
}

/** A host that was looked at, and how its clock went against ours; null where that could not be measured. */
export interface HostSeen {
  readonly name: string
  readonly clock: { readonly skewMs: number; readonly uncertaintyMs: number } | null
}

/** What a reader gets to see before it folds. The whole is in the evidence file. */
const shown = { lines: 12, shows: 30, reads: 4, findings: 12, width: 240, folded: 6000 } as const

const symbols: Readonly<Record<Outcome, string>> = {
  pass: '✓',
  fail: '✗',
  unknown: '?',
  'not-applicable': '–',
  waived: '~'
}

/** `2026-06-13T05:49Z` of an ISO time in UTC. Throws a RangeError for anything else. */
export function minute(iso: string): string {
  const [, upToMinute] = /^(\d{4}-\d\d-\d\dT\d\d:\d\d):\d\d(?:\.\d+)?Z$/.exec(iso) ?? []
  if (upToMinute === undefined) throw new RangeError(`${inline(iso, 60)} is not an ISO time in UTC`)
  return `${upToMinute}Z`
}

/** A phase, milestone or finding id, which go into headings. Throws a RangeError if it is more than a word. */
export function name(text: string): string {
  if (!/^[A-Za-z0-9][\w.-]{0,80}$/.test(text)) throw new RangeError(`${inline(text, 80)} is not a name`)
  return text
}

/** Lines that stay lines when rendered. */
export function lines(texts: readonly string[]): string {
  return texts.join('  \n')
}

/** Blocks with an empty line between them; empty ones are left out. Ends in one line break. */
export function blocks(texts: readonly string[]): string {
  return `${texts.filter(text => text !== '').join('\n\n')}\n`
}

/** A sentence: guarded, with a full stop. */
export function sentence(text: string): string {
  const guarded = plain(text)
  return /[.!?…]["'”’)]*$/u.test(guarded) ? guarded : `${guarded}.`
}

/** Commit as reviews name it: the first seven digits of the sha and the subject. */
export function commit(sha: string, subject: string): string {
  return `${inline(sha.slice(0, 7))} (${inline(subject, 160)})`
}

/** The lines that say where was looked, and where the whole evidence is. */
export function whereabouts(cited: Cited, hosts: readonly HostSeen[]): readonly string[] {
  const seen = hosts.map(host => `${inline(host.name, 80)} (${clockOf(host)})`)
  const file = cited.evidenceFile
  return [
    ...(seen.length > 0 ? [`**Looked at:** ${seen.join(', ')}`] : []),
    ...(file === undefined ? [] : [`**Evidence:** ${inline(file.path)} ${inline(file.digest)}`])
  ]
}

function clockOf({ clock }: HostSeen): string {
  if (clock === null) return 'its clock could not be read'
  const off = Math.round(Math.abs(clock.skewMs))
  const within = Math.ceil(clock.uncertaintyMs)
  if (off <= within) return `its clock agrees with ours within ${Math.max(1, within)} ms`
  return `its clock is ${off} ms ${clock.skewMs > 0 ? 'ahead of' : 'behind'} ours, ± ${within} ms`
}

/** One check: title and outcome, the reads with what they showed, the sentence that judges it. */
export function checkBlocks(check: CheckResult, n: number, cited: Cited): readonly string[] {
  return [
    `**${n}. ${plain(check.title, 200)}** ${symbols[check.outcome]}`,
    ...evidenceBlocks(check.findings, check.evidence, cited),
    ...judgement(check, cited)
  ]
}

function judgement(check: CheckResult, cited: Cited): readonly string[] {
  const notes = [
    waiverNote(check),
    check.flapped ? 'It flapped: earlier looks disagreed with this one.' : '',
    check.attempts > 1 ? `Looked at ${check.attempts} times.` : '',
    citation(check, cited)
  ].filter(note => note !== '')

  // What failed is read first.
  const told = [...check.findings].sort((a, b) => rank[a.outcome] - rank[b.outcome])
  const texts = told.slice(0, shown.findings).map(tell)
  const rest = told.length - texts.length
  if (rest > 0) texts.push(`… and ${rest} more, in the evidence.`)
  if (texts.length === 0) texts.push(check.why === null ? 'Nothing was judged.' : sentence(check.why))

  const marked = texts.map((text, i) => `- ${told[i] ? `${symbols[told[i].outcome]} ` : ''}${text}`)
  if (texts.length > 1) return [marked.join('\n'), notes.join(' ')]
  return [[...texts, ...notes].join(' ')]
}

const rank: Readonly<Record<Finding['outcome'], number>> = {
  fail: 0,
  unknown: 1,
  pass: 2,
  'not-applicable': 3
}

/** The grammar of every judgement: saw X, expected Y, at Z. */
export function tell(finding: Finding): string {
  switch (finding.outcome) {
    case 'pass':
      return capitalised(sentence(finding.saw))
    case 'fail':
      return `Saw ${clause(finding.saw)}, expected ${clause(finding.expected)}, at ${inline(finding.at)}.`
    case 'unknown':
      return unseen(finding.why)
    case 'not-applicable':
      return `Not applicable: ${sentence(finding.why)}`
  }
}

/** Why something was not seen, as a sentence. */
export function unseen(why: string): string {
  return /^(?:could not|cannot) /i.test(why)
    ? capitalised(sentence(why))
    : `Could not be seen: ${sentence(why)}`
}

function capitalised(text: string): string {
  return /^\p{Ll}+[ ,.:]/u.test(text) ? `${text.slice(0, 1).toUpperCase()}${text.slice(1)}` : text
}

function clause(text: string): string {
  return plain(text).replace(/\.$/u, '')
}

function waiverNote({ waiver }: CheckResult): string {
  if (waiver === undefined) return ''
  return `Waived by ${plain(waiver.by, 80)} until ${plain(waiver.until, 40)}: ${sentence(waiver.reason)}`
}

/** The reads by number, and where they were made if the review looked at more than one host. */
function citation(check: CheckResult, cited: Cited): string {
  const numbers = check.evidence
  if (numbers.length === 0) return ''
  const hosts = new Set(
    cited.evidence.map(({ on }) => on).filter(on => !['repo', 'record', 'web'].includes(on))
  )
  const where = hosts.size > 1 ? ` on ${inline(check.on, 80)}` : ''
  return `(${numbers.length === 1 ? 'read' : 'reads'} ${numbers.join(', ')}${where})`
}

/**
 * The reads as a person would type them. Below them what the findings show or, where they show nothing, the
 * output: a dozen lines, and the rest folded.
 */
export function evidenceBlocks(
  findings: readonly Finding[],
  numbers: readonly number[],
  cited: Cited
): readonly string[] {
  const reads = numbers.flatMap(n => cited.evidence.filter(read => read.n === n))
  const first = reads.slice(0, shown.reads)
  const more = reads.length > first.length ? [`(and reads ${numbersOf(reads.slice(first.length))})`] : []
  const shows = [...new Set(findings.flatMap(finding => finding.shows ?? []))]
  if (shows.length > 0) return showBlocks([...first.flatMap(command), ...more], shows)

  if (first.length === 0) return []
  const parts = first.map(read => ({ read, output: outputOf(read) }))
  const body = parts.flatMap(({ read, output }) => [...command(read), ...head(output, shown.lines)])
  const long = parts.filter(({ output }) => output.length > shown.lines)
  return [
    fence([...body, ...more].join('\n')),
    ...long.map(({ read, output }) => fold(`read ${read.n}: all ${output.length} lines`, output))
  ]
}

/** Commands, then lines taken from what they answered, marked as such. */
export function showBlocks(commands: readonly string[], shows: readonly string[]): readonly string[] {
  const marked = shows.map(
    show =>
      `→ ${wide(
        clean(show)
          .replace(/\s*\n\s*/g, ' ')
          .trimEnd()
      )}`
  )
  const visible = fence([...commands, ...head(marked, shown.shows)].join('\n'))
  return marked.length > shown.shows ? [visible, fold(`all ${marked.length} lines`, marked)] : [visible]
}

/** The reads of these numbers as command lines. */
export function commandsOf(numbers: readonly number[], cited: Cited): readonly string[] {
  return numbers.flatMap(n => cited.evidence.filter(read => read.n === n).flatMap(command))
}

function command(read: Evidence): readonly string[] {
  const failed = read.why === undefined ? [] : [`(no answer: ${oneLine(read.why, shown.width)})`]
  return [`$ ${oneLine(shortened(read.command), 2 * shown.width)}`, ...failed]
}

/** What nobody reads in a command: rows of ids, and long lists of properties. The evidence file has all of it. */
function shortened(text: string): string {
  return text
    .replaceAll(/ [0-9a-z]{12,64}(?: [0-9a-z]{12,64})+(?= |$)/g, ids => {
      const words = ids.trim().split(' ')
      return ` ${words[0]?.slice(0, 12)}… (${words.length} ids)`
    })
    .replaceAll(
      /(?<= )[A-Za-z]+(?:,[A-Za-z]+){3,}(?= |$)/g,
      list => `${list.split(',').slice(0, 3).join(',')},…`
    )
}

function outputOf(read: Evidence): readonly string[] {
  const exit = read.exit === null || read.exit === 0 ? [] : [`(exit ${read.exit})`]
  const stderr = read.exit === 0 && read.stdout.trim() !== '' ? '' : read.stderr
  const output = [read.stdout, stderr]
    .flatMap(text => text.split(/\r\n|[\r\n]/))
    .filter(line => line.trim() !== '')
  const nothing = output.length === 0 && exit.length === 0 && read.why === undefined ? ['(no output)'] : []
  const capped = read.cut ? ['(cut: the output was longer than we read)'] : []
  return [...output.map(line => wide(line)), ...nothing, ...exit, ...capped]
}

/** Columns keep their spaces, unlike in `oneLine`. */
function wide(line: string): string {
  return line.length > shown.width ? `${line.slice(0, shown.width - 1)}…` : line
}

function head(all: readonly string[], max: number): readonly string[] {
  return all.length > max ? [...all.slice(0, max), `… ${all.length - max} more lines`] : all
}

function fold(summary: string, all: readonly string[]): string {
  const body = fence(cut(all.join('\n'), shown.folded))
  return `<details><summary>${summary}</summary>\n\n${body}\n\n</details>`
}

function numbersOf(reads: readonly Evidence[]): string {
  return reads.map(read => read.n).join(', ')
}
