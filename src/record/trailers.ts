import { canonicalJson } from '../lib/canonical.ts'
import { repoName } from '../lib/repo-name.ts'
import { clean, oneLine } from '../lib/text/clean.ts'
import { messageOf } from '../lib/errors.ts'
import type { Origin, Severity, Verdict } from '../lib/words.ts'
import { milestoneName, type Policy, phaseName, policySchema } from './policy.ts'

/** `A1 open blocks=D8 severity=high origin=pre-existing key=… title=…`; all after the status optional. */
export interface FindingTrailer {
  /** `A1`, `A2` …: one numbering per review file. */
  readonly id: string
  readonly status: 'open' | 'closed'
  /** Milestones whose gate it closes while open. */
  readonly blocks: readonly string[]
  readonly severity?: Severity
  readonly origin?: Origin
  /** Stable key: `<probe>/<subject>`. Percent-encoded in the trailer. */
  readonly key?: string
  /** Percent-encoded in the trailer. */
  readonly title?: string
}

/** A review of the reviewer's own that a force-push took off the branch. */
export interface RemovedTrailer {
  /** The commit that was the review. */
  readonly review: string
  readonly milestone: string
  readonly verdict: Verdict
}

/** The message of a review commit, typed. What is null was not said. */
export interface ReviewMessage {
  readonly phase: string
  /** Null for orientation, hunt, pre-verification, finding, veto and accept commits. */
  readonly milestone: string | null
  /** What follows `review(…): ` in the subject. */
  readonly title: string
  /** For people; paragraphs. */
  readonly body: string
  readonly claim: string | null
  readonly verdict: Verdict | null
  /** Claims of the same milestone that this review answers for as well. */
  readonly supersedes: readonly string[]
  readonly findings: readonly FindingTrailer[]
  /** Vetoes put or lifted here. */
  readonly vetoes: readonly { readonly milestone: string; readonly status: 'open' | 'lifted' }[]
  readonly section: { readonly path: string; readonly digest: string } | null
  /** The repo that it was made for, as `repoName` spells it; null in what older versions signed. */
  readonly repo: string | null
  readonly plan: string | null
  readonly evidence: { readonly path: string; readonly digest: string } | null
  readonly policy: Policy | null
  /** Digest of the whole review file before the section, which this commit signs for. */
  readonly accept: string | null
  /** Reviews of the phase that are gone from the branch, each said once. */
  readonly removed: readonly RemovedTrailer[]
}

export type ParsedMessage =
  | { readonly kind: 'review'; readonly message: ReviewMessage }
  | { readonly kind: 'malformed'; readonly why: string }
  /** The subject does not begin like a review. */
  | { readonly kind: 'other' }

const digest = String.raw`sha256:[0-9a-f]{64}`
const sha = String.raw`[0-9a-f]{40}(?:[0-9a-f]{24})?`
const patterns = {
  sha: new RegExp(`^${sha}$`),
  digest: new RegExp(`^${digest}$`),
  file: new RegExp(String.raw`^(?<path>\S+) (?<digest>${digest})$`),
  verdict: /^(?<target>\S+) (?<verdict>PASS|FAIL|INCONCLUSIVE)$/,
  finding: /^(?<id>A[1-9]\d{0,5}) (?<status>open|closed)(?<rest>(?: [a-z]+=\S*)*)$/,
  veto: /^(?<milestone>\S+) (?<status>open|lifted)$/,
  removed: new RegExp(`^(?<review>${sha}) (?<milestone>\\S+) (?<verdict>PASS|FAIL|INCONCLUSIVE)$`)
} as const

const verdicts = ['PASS', 'FAIL', 'INCONCLUSIVE'] as const
const severities = ['low', 'medium', 'high', 'critical'] as const
const origins = ['pre-existing', 'introduced', 'unknown'] as const
const repeatable: ReadonlySet<string> = new Set(['Finding', 'Supersedes', 'Veto', 'Removed'])
const single = ['Claim', 'Verdict', 'Section', 'Repo', 'Plan', 'Evidence', 'Policy', 'Accept'] as const
const names: ReadonlySet<string> = new Set([...single, ...repeatable])

/**
 * The commit message, free of control and bidirectional characters and skip markers whatever the fields hold.
 *
 * @throws RangeError for a field that has no place in a trailer: a short sha, a milestone with a hyphen, a
 * verdict without its claim.
 */
export function printMessage(message: ReviewMessage): string {
  const { phase, milestone, verdict, claim, section, repo, plan, evidence, policy, accept } = message
  const target = milestone === null ? phase : `${phase}-${milestone}`
  const trailers: string[] = []
  const add = (name: string, value: string) => trailers.push(`Adversary-${name}: ${value}`)

  if (claim !== null) add('Claim', claim)
  if (verdict !== null) add('Verdict', `${target} ${verdict}`)
  for (const older of message.supersedes) add('Supersedes', older)
  for (const finding of message.findings) add('Finding', findingWords(finding))
  for (const { milestone: vetoed, status } of message.vetoes) add('Veto', `${vetoed} ${status}`)
  for (const { review, milestone: lost, verdict: was } of message.removed) {
    add('Removed', `${review} ${lost} ${was}`)
  }
  if (section !== null) add('Section', `${encoded(section.path)} ${section.digest}`)
  if (repo !== null) add('Repo', encoded(repo))
  if (plan !== null) add('Plan', plan)
  if (evidence !== null) add('Evidence', `${encoded(evidence.path)} ${evidence.digest}`)
  if (policy !== null) add('Policy', asciiJson(policySchema.parse(policy)))
  if (accept !== null) add('Accept', accept)

  const subject = `review(${target}): ${unmarked(oneLine(message.title, 160)) || 'untitled'}`
  const body = unmarked(clean(message.body).replaceAll('\t', ' '))
    .split('\n')
    .map(line => (/^\s*adversary-/i.test(line) ? `> ${line.trim()}` : line.trimEnd()))
    .join('\n')
    .replace(/\n{3,}/g, '\n\n')
    .trim()
  const text = `${[subject, body, trailers.join('\n')].filter(part => part !== '').join('\n\n')}\n`
  const read = parseMessage(text)
  if (read.kind !== 'review') {
    throw new RangeError(
      `this cannot be a review's message: ${read.kind === 'malformed' ? read.why : 'its subject'}`
    )
  }
  return text
}

/** Strict: one last paragraph of known trailers, none of them elsewhere, folded or doubled, all agreeing. */
export function parseMessage(text: string): ParsedMessage {
  if (!looksLikeReview(text)) return { kind: 'other' }
  try {
    return { kind: 'review', message: read(text) }
  } catch (error) {
    return { kind: 'malformed', why: messageOf(error) }
  }
}

/** Whether a message's subject begins like a review's, near misses included. */
export function looksLikeReview(message: string): boolean {
  return /^\s*review\s*[([{]/i.test(message)
}

function read(text: string): ReviewMessage {
  demand(!/(?!\n)\p{Cc}/u.test(text), 'the message holds control characters')
  const lines = text.replace(/\n$/, '').split('\n')
  const subject = /^review\((?<target>[^\s()]+)\): (?<title>\S.*)$/u.exec(lines[0] ?? '')?.groups
  const target = subject?.['target']
  const title = subject?.['title']
  if (target === undefined || title === undefined) throw new Error('the subject is not `review(<name>): …`')

  const start = lines.lastIndexOf('') + 1
  demand(start > 1 && lines[1] === '', 'the message has no paragraph of trailers')
  const prose = lines.slice(1, start)
  demand(
    !prose.some(line => /^\s*adversary-[\w-]*\s*:/i.test(line)),
    'a trailer is outside the last paragraph'
  )

  const values = new Map<string, string[]>()
  for (const line of lines.slice(start)) {
    const trailer = /^Adversary-(?<name>[A-Za-z]+): (?<value>\S(?:.*\S)?)$/u.exec(line)?.groups
    const name = trailer?.['name'] ?? ''
    const value = trailer?.['value'] ?? ''
    demand(names.has(name), 'the last paragraph holds a line that is not a trailer of a review')
    const before = values.get(name) ?? []
    demand(before.length === 0 || repeatable.has(name), `Adversary-${name} appears twice`)
    values.set(name, [...before, value])
  }
  const one = (name: string) => values.get(name)?.[0] ?? null
  const all = (name: string) => values.get(name) ?? []

  const claim = matching(one('Claim'), patterns.sha, 'Claim')
  const judged = verdictOf(one('Verdict'))
  demand((claim === null) === (judged === null), 'it needs both a claim and a verdict, or neither')
  demand(judged === null || judged.target === target, 'the subject and the verdict name different milestones')
  const { phase, milestone } = judged ?? { phase: target, milestone: null }
  demand(phaseName.safeParse(phase).success, 'the subject names no phase')

  const message: ReviewMessage = {
    phase,
    milestone,
    title,
    body: prose.join('\n').trim(),
    claim,
    verdict: judged?.verdict ?? null,
    supersedes: all('Supersedes').map(value => matching(value, patterns.sha, 'Supersedes') ?? ''),
    findings: all('Finding').map(findingOf),
    vetoes: all('Veto').map(vetoOf),
    section: fileOf(one('Section'), 'Section'),
    repo: repoOf(one('Repo')),
    plan: matching(one('Plan'), patterns.digest, 'Plan'),
    evidence: fileOf(one('Evidence'), 'Evidence'),
    policy: policyOf(one('Policy')),
    accept: matching(one('Accept'), patterns.digest, 'Accept'),
    removed: all('Removed').map(removedOf)
  }
  demand(message.section !== null, 'Adversary-Section is missing')
  demand(message.removed.length === 0 || claim === null, 'a verdict cannot list removed reviews')
  demand(message.supersedes.length === 0 || claim !== null, 'only a verdict can supersede claims')
  demand(
    message.verdict !== 'PASS' ||
      (message.plan !== null && message.evidence !== null && message.policy !== null),
    'a PASS names its plan, evidence and policy'
  )
  const { policy } = message
  demand(policy === null || policy.phase === phase, 'the policy belongs to another phase')
  demand(
    message.verdict !== 'PASS' || (policy?.milestones.some(known => known.milestone === milestone) ?? false),
    'the policy does not list the milestone'
  )
  return message
}

function demand(holds: boolean, why: string): void {
  if (!holds) throw new Error(why)
}

function matching(value: string | null, pattern: RegExp, name: string): string | null {
  demand(value === null || pattern.test(value), `Adversary-${name} has an invalid value`)
  return value
}

function verdictOf(value: string | null) {
  if (value === null) return null
  const groups = patterns.verdict.exec(value)?.groups
  const target = groups?.['target'] ?? ''
  const hyphen = target.lastIndexOf('-')
  const milestone = target.slice(hyphen + 1)
  const verdict = verdicts.find(word => word === groups?.['verdict'])
  if (verdict === undefined || hyphen < 1 || !milestoneName.safeParse(milestone).success) {
    throw new Error('Adversary-Verdict has an invalid value')
  }
  return { target, phase: target.slice(0, hyphen), milestone, verdict }
}

function repoOf(value: string | null): string | null {
  if (value === null) return null
  const repo = decoded(value)
  demand(repo === repoName(repo), 'Adversary-Repo has an invalid value')
  return repo
}

function fileOf(value: string | null, name: string) {
  if (value === null) return null
  const groups = patterns.file.exec(value)?.groups
  if (groups === undefined) throw new Error(`Adversary-${name} has an invalid value`)
  return { path: decoded(groups['path'] ?? ''), digest: groups['digest'] ?? '' }
}

function vetoOf(value: string) {
  const groups = patterns.veto.exec(value)?.groups
  const milestone = groups?.['milestone'] ?? ''
  // `*` is all of the phase.
  demand(
    milestone === '*' || milestoneName.safeParse(milestone).success,
    'Adversary-Veto has an invalid value'
  )
  return { milestone, status: groups?.['status'] === 'lifted' ? ('lifted' as const) : ('open' as const) }
}

function removedOf(value: string): RemovedTrailer {
  const groups = patterns.removed.exec(value)?.groups
  const milestone = groups?.['milestone'] ?? ''
  const verdict = verdicts.find(word => word === groups?.['verdict'])
  if (verdict === undefined || !milestoneName.safeParse(milestone).success) {
    throw new Error('Adversary-Removed has an invalid value')
  }
  return { review: groups?.['review'] ?? '', milestone, verdict }
}

function policyOf(value: string | null): Policy | null {
  if (value === null) return null
  const parsed = policySchema.safeParse(JSON.parse(value))
  if (!parsed.success || asciiJson(parsed.data) !== value)
    throw new Error('Adversary-Policy has an invalid value')
  const milestones = parsed.data.milestones.map(({ milestone }) => milestone)
  demand(new Set(milestones).size === milestones.length, 'Adversary-Policy names a milestone twice')
  return parsed.data
}

function findingWords(finding: FindingTrailer): string {
  const words = [finding.id, finding.status]
  if (finding.blocks.length > 0) words.push(`blocks=${finding.blocks.join(',')}`)
  if (finding.severity !== undefined) words.push(`severity=${finding.severity}`)
  if (finding.origin !== undefined) words.push(`origin=${finding.origin}`)
  if (finding.key !== undefined) words.push(`key=${encoded(finding.key)}`)
  if (finding.title !== undefined) words.push(`title=${encoded(oneLine(finding.title, 200))}`)
  return words.join(' ')
}

function findingOf(value: string): FindingTrailer {
  const groups = patterns.finding.exec(value)?.groups
  if (groups === undefined) throw new Error('Adversary-Finding has an invalid value')
  const fields = new Map<string, string>()
  for (const word of (groups['rest'] ?? '').split(' ').filter(Boolean)) {
    const name = word.slice(0, word.indexOf('='))
    demand(
      /^(?:blocks|severity|origin|key|title)$/.test(name),
      `Adversary-Finding has an unknown field ${name}`
    )
    demand(!fields.has(name), `Adversary-Finding repeats ${name}`)
    fields.set(name, word.slice(name.length + 1))
  }
  const blocks = fields.get('blocks')?.split(',') ?? []
  demand(
    blocks.every(milestone => milestoneName.safeParse(milestone).success),
    'Adversary-Finding blocks an invalid milestone'
  )
  const severity = severities.find(word => word === fields.get('severity'))
  const origin = origins.find(word => word === fields.get('origin'))
  demand(severity !== undefined || !fields.has('severity'), 'Adversary-Finding has an unknown severity')
  demand(origin !== undefined || !fields.has('origin'), 'Adversary-Finding has an unknown origin')
  const key = fields.get('key')
  const title = fields.get('title')
  return {
    id: groups['id'] ?? '',
    status: groups['status'] === 'closed' ? 'closed' : 'open',
    blocks,
    ...(severity === undefined ? {} : { severity }),
    ...(origin === undefined ? {} : { origin }),
    ...(key === undefined ? {} : { key: decoded(key) }),
    ...(title === undefined ? {} : { title: decoded(title) })
  }
}

/** One word of printable ASCII for any text. Lone surrogates, which UTF-8 has no bytes for, become `%uD800`. */
function encoded(text: string): string {
  return text.replace(/[^A-Za-z0-9_./@:~+-]/gu, character =>
    /\p{Surrogate}/u.test(character)
      ? `%u${character.charCodeAt(0).toString(16).toUpperCase()}`
      : [...Buffer.from(character)]
          .map(byte => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`)
          .join('')
  )
}

/** @throws Error for what `encoded` does not write. */
function decoded(word: string): string {
  const text = word.replace(/%u([0-9A-F]{4})|(?:%[0-9A-F]{2})+/g, (escape, unit: string | undefined) =>
    unit === undefined ? decodeURIComponent(escape) : String.fromCharCode(Number.parseInt(unit, 16))
  )
  demand(encoded(text) === word, 'a trailer holds an incorrectly encoded word')
  return text
}

/** Canonical JSON in which strings hold printable ASCII without brackets and asterisks. */
function asciiJson(value: unknown): string {
  return canonicalJson(value).replace(/"(?:[^"\\]|\\.)*"/g, string =>
    string.replace(/[^ -~]|[[\]*]/g, unit => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
  )
}

/**
 * Text in which no CI finds a marker that makes it skip a build. Each is written in brackets, between
 * asterisks, or as a `skip-checks:` line; letters that lower-case to ASCII (Kelvin sign, dotted İ) count too.
 */
function unmarked(text: string): string {
  return text
    .normalize('NFKC')
    .replaceAll('[adversary]', '\u0000')
    .replaceAll('[', '(')
    .replaceAll(']', ')')
    .replaceAll('\u0000', '[adversary]')
    .replace(/\*{2,}/g, '*')
    .replace(/sk[iİ]p-checks/giu, 'skip checks')
}
