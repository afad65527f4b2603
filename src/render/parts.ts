import type { Hidden } from '../lib/secrets/hidden.ts'
import { clean, cut, fence, inline, oneLine, plain } from '../lib/text/clean.ts'
import type { Finding } from '../probe/probe.ts'
import type { Evidence } from '../facts/fact.ts'
import type { Outcome } from '../lib/words.ts'

/**
 * The pieces that all sections are made of. Everything from outside goes through `fence`, `inline` or
 * `plain`; nothing else here puts text into Markdown.
 */

/** The reads that a section may cite by number, and the file that keeps the whole of them. */
export interface Cited {
  readonly evidence: readonly Evidence[]
  /** The secrets that were hidden in them. */
  readonly redacted?: readonly Hidden[]
  /** Path in the repo and `sha256:…` of the evidence file; absent in a dry run. */
  readonly evidenceFile?: { readonly path: string; readonly digest: string }
  /** Reads that the section has shown already, for `numbered`. */
  readonly told?: Set<number>
}

/** For a section of many checks: each read is shown once, with its number, and cited by that. */
export function numbered(cited: Cited): Cited {
  return { ...cited, told: new Set() }
}

/** A host that was looked at, and how its clock went against ours; null where that could not be measured. */
export interface HostSeen {
  readonly name: string
  readonly clock: { readonly skewMs: number; readonly uncertaintyMs: number } | null
}

/** What a reader gets to see before it folds. The whole is in the evidence file. */
/** Of more lines than `pages` a few would tell nothing: the sentence below says what was seen in them. */
const shown = {
  lines: 12,
  pages: 400,
  shows: 16,
  reads: 4,
  width: 240,
  folded: 6000
} as const

export const symbols: Readonly<Record<Outcome, string>> = {
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

/** The lines that name the hosts and the file with the whole evidence. */
export function whereabouts(cited: Cited, hosts: readonly HostSeen[]): readonly string[] {
  const seen = hosts.map(host => `${inline(host.name, 80)} (${clockOf(host, cited)})`)
  const file = cited.evidenceFile
  return [
    ...(seen.length > 0 ? [`**Looked at:** ${seen.join(', ')}`] : []),
    ...(file === undefined ? [] : [`**Evidence:** ${inline(file.path)}`]),
    ...hiddenLines(cited.redacted ?? [])
  ]
}

/** What a reader will find marks for, where it is anything. */
function hiddenLines(redacted: readonly Hidden[]): readonly string[] {
  if (redacted.length === 0) return []
  const kinds = redacted.map(({ kind, secrets }) => counted(secrets, kind))
  const places = redacted.reduce((sum, hidden) => sum + hidden.places, 0)
  return [`**Hidden:** ${kinds.join(', ')}, in ${counted(places, 'place')} (equal marks are equal secrets)`]
}

/** `1 password`, `2 API keys`. */
function counted(number: number, noun: string): string {
  const [one, many] = words[noun] ?? [noun, `${noun}s`]
  return `${number} ${number === 1 ? one : many}`
}

/** Where the plural is more than an `s`, or the kind is no word. */
const words: Readonly<Record<string, readonly [one: string, many: string]>> = {
  'api-key': ['API key', 'API keys'],
  authorization: ['authorization header', 'authorization headers'],
  'docker-auth': ['docker login', 'docker logins'],
  jwt: ['JWT', 'JWTs'],
  'password-hash': ['password hash', 'password hashes'],
  'private-key': ['private key', 'private keys'],
  'url-password': ['password in a URL', 'passwords in URLs']
}

function clockOf({ name: host, clock }: HostSeen, { evidence }: Cited): string {
  if (clock === null) {
    const reads = evidence.filter(({ on }) => on === host)
    return reads.length > 0 && reads.every(unanswered)
      ? '**it could not be seen**'
      : 'its clock could not be read'
  }
  const off = Math.round(Math.abs(clock.skewMs))
  const within = Math.ceil(clock.uncertaintyMs)
  if (off <= within) return `its clock agrees with the reviewer's within ${Math.max(1, within)} ms`
  return `its clock is ${off} ms ${clock.skewMs > 0 ? 'ahead of' : 'behind'} the reviewer's, ± ${within} ms`
}

/** The grammar of every judgement: X; expected Y (Z). */
export function tell(finding: Finding): string {
  switch (finding.outcome) {
    case 'pass':
      return capitalised(sentence(finding.saw))
    case 'fail':
      return capitalised(
        `${clause(finding.saw)}; expected ${clause(finding.expected)} (${inline(finding.at)}).`
      )
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

/** Words that sentences of ours begin with. Anything else may be a name (`justfile`, `proxy`), and is kept as it is. */
const openings =
  /^(?:a|all|an|at|both|could|cannot|each|every|it|its|no|none|not|nothing|of|on|one|only|reaches|several|some|that|the|their|there|they|this|what|where|which)(?=[ ,.])/

function capitalised(text: string): string {
  return openings.test(text) ? `${text.slice(0, 1).toUpperCase()}${text.slice(1)}` : text
}

function clause(text: string): string {
  return plain(text).replace(/\.$/u, '')
}

export function readNumbers(numbers: readonly number[]): string {
  return `${numbers.length === 1 ? 'read' : 'reads'} ${ranges(numbers)}`
}

/** `1–4, 7` */
export function ranges(numbers: readonly number[]): string {
  const runs: { from: number; to: number }[] = []
  for (const n of [...numbers].sort((a, b) => a - b)) {
    const last = runs.at(-1)
    if (last !== undefined && n === last.to + 1) last.to = n
    else runs.push({ from: n, to: n })
  }
  return runs
    .map(({ from, to }) => (to - from > 1 ? `${from}–${to}` : to > from ? `${from}, ${to}` : `${from}`))
    .join(', ')
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
  const shows = [...new Set(findings.flatMap(finding => finding.shows ?? []))]
  const news = fresh(numbers, cited)
  // What has no lines of its own to show needs its output, even if the command stands above.
  const reads = news.length === 0 && shows.length === 0 ? readsOf(numbers, cited) : news
  const first = reads.slice(0, shown.reads)
  const left = reads.slice(first.length).map(({ n }) => n)
  const more = left.length > 0 ? [`(and ${left.length === 1 ? 'read' : 'reads'} ${ranges(left)})`] : []
  if (shows.length > 0) return showBlocks([...first.flatMap(read => command(read, cited)), ...more], shows)

  if (first.length === 0) return []
  // Why nothing was answered is what the sentence below says.
  if (reads.every(unanswered))
    return [fence([...first.map(read => typedOf(read, cited)), ...more].join('\n'))]
  const parts = first.map(read => ({ read, output: outputOf(read) }))
  const body = parts.flatMap(({ read, output }) => [
    ...command(read, cited),
    ...(output.length > shown.pages ? [`(${output.length} lines)`] : head(output, shown.lines))
  ])
  const long = parts.filter(({ output: { length } }) => length > shown.lines && length <= shown.pages)
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
          .trimEnd()
          .split('\n')
          .map((line, index) => (index === 0 ? line.trimEnd() : line.trim()))
          .filter((line, index) => index === 0 || line !== '')
          .join(' ')
      )}`
  )
  const visible = fence([...commands, ...head(marked, shown.shows)].join('\n'))
  return marked.length > shown.shows ? [visible, fold(`all ${marked.length} lines`, marked)] : [visible]
}

/** The reads of these numbers as command lines; those that the section has shown already are left out. */
export function commandsOf(numbers: readonly number[], cited: Cited): readonly string[] {
  return fresh(numbers, cited).map(read => typedOf(read, cited))
}

function readsOf(numbers: readonly number[], { evidence }: Cited): readonly Evidence[] {
  return numbers.flatMap(n => evidence.filter(read => read.n === n))
}

/** Those that the section has not shown yet; from now on it has. */
function fresh(numbers: readonly number[], cited: Cited): readonly Evidence[] {
  const reads = readsOf(numbers, cited).filter(({ n }) => cited.told?.has(n) !== true)
  for (const { n } of reads) cited.told?.add(n)
  return reads
}

function unanswered(read: Evidence): boolean {
  return read.exit === null
}

function command(read: Evidence, cited: Cited): readonly string[] {
  const failed = read.why === undefined ? [] : [`(no answer: ${oneLine(read.why, shown.width)})`]
  return [typedOf(read, cited), ...failed]
}

/** The number behind it is a comment to a shell. */
function typedOf(read: Evidence, { told }: Cited): string {
  const typed = oneLine(shortened(read.command), 2 * shown.width)
  return `$ ${typed}${told === undefined ? '' : `  # read ${read.n}`}`
}

/** What is not worth reading in a command: rows of ids, and long lists of properties. The evidence file has all of it. */
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
  const capped = read.cut ? ['(cut: the output exceeded the size limit)'] : []
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
  return folded(summary, fence(cut(all.join('\n'), shown.folded)))
}

/** Blocks that a reader opens. @param summary words of ours: nothing guards them. */
export function folded(summary: string, body: string): string {
  return `<details><summary>${summary}</summary>\n\n${body}\n\n</details>`
}
