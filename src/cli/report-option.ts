import { counted, withArticle } from '../lib/text/counted.ts'
import { resolve } from 'node:path'
import * as z from 'zod'
import { probes } from '../../probes/index.ts'
import { AdversaryError, messageOf } from '../lib/errors.ts'
import { concealed } from '../lib/secrets/veil.ts'
import { oneLine } from '../lib/text/clean.ts'
import { isoSecond } from '../os/clock.ts'
import { removeFile, replaceFile } from '../os/files.ts'
import {
  reasonsOf,
  type Report,
  type ReportCheck,
  type ReportFinding,
  type ReportRead,
  type Result
} from '../render/reports/report-formats.ts'
import { type ExitCode, exitCode } from '../lib/words.ts'
import { gateDocument, huntDocument, probeDocument, reviewDocument } from './documents.ts'
import type { Command, CommonOptions, Io } from './io.ts'
import { packageVersion } from './package.ts'

/** What `--report` takes besides what a command takes. */
export interface ReportOptions {
  /** `<format>=<file>`, as typed. */
  readonly report?: readonly string[] | undefined
}

const formats = {
  junit: async () => (await import('../render/reports/junit.ts')).junit,
  sarif: async () => (await import('../render/reports/sarif.ts')).sarif,
  'in-toto': async () => (await import('../render/reports/in-toto.ts')).inToto,
  markdown: async () => (await import('../render/reports/markdown.ts')).markdown,
  html: async () => (await import('../board/report-page.ts')).reportPage,
  prometheus: async () => (await import('../render/reports/prometheus.ts')).prometheus
} as const

type Format = keyof typeof formats

/** The commands that answer with a document which formats can be made of. */
const adapters = { review: ofReview, gate: ofGate, hunt: ofHunt, probe: ofProbe } as const

export type Reporting = keyof typeof adapters

interface Wanted {
  readonly format: Format
  readonly typed: string
  readonly path: string
}

/**
 * Runs a command and writes the files of `--report` from the document that it answers with, whatever the
 * answer is. What an earlier run left under those names is removed first: a run that breaks off must not leave
 * an old PASS behind. A file that cannot be written is said after the answer, and keeps an exit code that would
 * open something from doing so.
 */
export function reporting<Options extends CommonOptions & ReportOptions>(
  of: Reporting,
  command: Command<Options>
): Command<Options> {
  return async (options, io) => {
    const wanted = wantedOf(options.report ?? [], of, io)
    if (wanted.length === 0) return command(options, io)
    const failures = new Map<Wanted, unknown>()
    for (const one of wanted) await removeFile(one.path, io.cwd).catch(error => failures.set(one, error))

    let heard: unknown
    const code = await command(options, {
      ...io,
      json(document) {
        heard = concealed(document)
        io.json(document)
      }
    })
    // `probe --list` answers something else.
    if (heard === undefined || code === exitCode.usage) return code
    const report = adapters[of](heard, code, { at: isoSecond(), version: await packageVersion() })
    for (const one of wanted) {
      if (failures.has(one)) continue
      try {
        await replaceFile(one.path, (await formats[one.format]())(report), { within: io.cwd })
      } catch (error) {
        failures.set(one, error)
      }
    }
    for (const [{ format, typed }, error] of failures) {
      io.err(`adversary: --report ${format}=${oneLine(typed)}: not written: ${oneLine(messageOf(error))}`)
    }
    return failures.size > 0 && code === exitCode.pass ? exitCode.fault : code
  }
}

function wantedOf(typed: readonly string[], of: Reporting, io: Io): readonly Wanted[] {
  const known = Object.keys(formats)
  const wanted = typed.map((word): Wanted => {
    const [, name = '', file = ''] = /^(?<format>[^=]*)=(?<file>.+)$/s.exec(word) ?? []
    const format = (Object.keys(formats) as Format[]).find(each => each === name)
    if (format === undefined) {
      throw new AdversaryError(
        'usage',
        `--report: \`${oneLine(word, 80)}\` is not <format>=<file> with one of ${known.join(', ')}`,
        { hint: '--report junit=adversary.xml' }
      )
    }
    if (format === 'in-toto' && (of === 'hunt' || of === 'probe')) {
      const why = `an in-toto statement is about a claim's commit, and ${withArticle(of)} has no claim`
      throw new AdversaryError('usage', `--report: ${why}`, { hint: '--report sarif=adversary.sarif' })
    }
    return { format, typed: file, path: resolve(io.cwd, file) }
  })
  const twice = wanted.find(({ path }, at) => wanted.findIndex(each => each.path === path) !== at)
  if (twice !== undefined)
    throw new AdversaryError('usage', `--report: two formats for ${oneLine(twice.typed)}`)
  return wanted
}

type Made = Pick<Report, 'at' | 'version'>

const results: Readonly<Partial<Record<ExitCode, Result>>> = {
  [exitCode.pass]: 'passed',
  [exitCode.fail]: 'failed',
  [exitCode.notProven]: 'unproven',
  [exitCode.notTrusted]: 'untrusted'
}

/** A fault is no answer, so it proves nothing. */
function resultOf(code: number): Result {
  return results[code as ExitCode] ?? 'unproven'
}

function ofReview(heard: unknown, code: ExitCode, made: Made): Report {
  const document = reviewDocument.parse(heard)
  const { claim, verdict, why, hunts } = document
  const { phase, milestone } = claim ?? unclaimed(document)
  const recorded = claim !== null && 'recorded' in document
  return {
    ...made,
    of: 'review',
    target: `${phase}-${milestone}`,
    phase,
    milestone,
    result: resultOf(code),
    verdict,
    reasons: [why ?? (claim === null ? 'it has no claim yet' : `${verdict}, as it is recorded`)],
    claim: claim === null ? null : { sha: claim.sha, summary: claim.summary },
    milestones: [],
    hunts: (hunts ?? []).map(check => checkOf(check, document.evidence)),
    // A recorded review names the findings that it changed; how they stand now is not in it.
    ...observed({ ...document, findings: recorded ? [] : document.findings })
  }
}

type ReviewDocument = z.infer<typeof reviewDocument>

function unclaimed(document: ReviewDocument): { readonly phase: string; readonly milestone: string } {
  return z.looseObject({ phase: z.string(), milestone: z.string() }).parse(document['unclaimed'])
}

function ofHunt(heard: unknown, code: ExitCode, made: Made): Report {
  const document = huntDocument.parse(heard)
  const { phase, hunts } = document
  const open = document.findings.filter(({ status }) => status === 'open').length
  return {
    ...made,
    of: 'hunt',
    target: phase,
    phase,
    milestone: null,
    // It is `done` whatever it found: what it found stands in its findings.
    result: code === exitCode.pass ? 'done' : 'unproven',
    verdict: null,
    reasons: [
      code === exitCode.pass
        ? `${counted(open, 'finding is', 'findings are')} open`
        : 'a host could not be seen'
    ],
    claim: null,
    milestones: [],
    hunts: (hunts ?? []).map(check => checkOf(check, document.evidence)),
    ...observed(document)
  }
}

function ofProbe(heard: unknown, code: ExitCode, made: Made): Report {
  const document = probeDocument.parse(heard)
  const numbered = { ...document, evidence: document.evidence.map(({ n }) => n) }
  const check = checkOf(numbered, document.evidence)
  return {
    ...made,
    of: 'probe',
    target: document.probe,
    phase: '',
    milestone: null,
    result: resultOf(code),
    verdict: null,
    reasons: reasonsOf(check),
    claim: null,
    review: null,
    checks: [check],
    hunts: [],
    findings: [],
    reads: document.evidence.map(readOf),
    milestones: [],
    plan: null,
    repo: null,
    ms: document.stats?.ms ?? 0,
    rules: rulesOf([check], [])
  }
}

function ofGate(heard: unknown, code: ExitCode, made: Made): Report {
  const { gate, verdict, reasons, review, milestones, repo } = gateDocument.parse(heard)
  const whole = milestones !== undefined
  const hyphen = gate.lastIndexOf('-')
  return {
    ...made,
    of: 'gate',
    target: gate,
    phase: whole ? gate : gate.slice(0, hyphen),
    milestone: whole || hyphen < 0 ? null : gate.slice(hyphen + 1),
    result: resultOf(code),
    verdict,
    reasons,
    // The milestones of a phase answer claims of their own.
    claim: review === null || whole ? null : { sha: review.claim, summary: '' },
    review: review === null ? null : { path: review.path, commit: review.commit, line: review.line ?? null },
    checks: [],
    hunts: [],
    findings: [],
    reads: [],
    milestones: (milestones ?? []).map(each => ({
      target: each.gate,
      milestone: each.gate.slice(gate.length + 1),
      claim: each.review?.claim ?? null,
      result: resultOf(each.code),
      reasons: each.reasons
    })),
    plan: review?.plan ?? null,
    repo: repo?.url ?? null,
    ms: 0,
    rules: []
  }
}

type Seen = Pick<z.infer<typeof huntDocument>, 'checks' | 'evidence' | 'plan' | 'repo' | 'stats'> & {
  readonly hunts?: z.infer<typeof huntDocument>['hunts'] | undefined
  readonly findings: readonly Partial<z.infer<typeof huntDocument>['findings'][number]>[]
  readonly review?:
    | { path: string | null; commit: string; line?: number | null | undefined }
    | null
    | undefined
}

function observed(document: Seen) {
  const checks = document.checks.map(check => checkOf(check, document.evidence))
  const { review } = document
  const findings = document.findings.map(findingOf)
  return {
    review:
      review === null || review === undefined || review.path === null
        ? null
        : { path: review.path, commit: review.commit, line: review.line ?? null },
    checks,
    findings,
    reads: document.evidence.map(readOf),
    plan: document.plan ?? null,
    repo: document.repo?.url ?? null,
    ms: document.stats.ms,
    rules: rulesOf([...checks, ...(document.hunts ?? [])], findings)
  }
}

function checkOf(
  check: z.infer<typeof huntDocument>['checks'][number],
  evidence: z.infer<typeof huntDocument>['evidence']
): ReportCheck {
  const waiver = z
    .looseObject({ reason: z.string(), by: z.string(), until: z.string() })
    .safeParse(check['waiver'])
  return {
    probe: check.probe,
    title: check.title,
    on: check.on,
    outcome: check.outcome,
    why: check.why,
    ms: evidence.filter(({ n }) => check.evidence.includes(n)).reduce((sum, { ms }) => sum + ms, 0),
    findings: check.findings.map(({ outcome, saw, expected, at, why }) => ({
      outcome,
      saw: saw ?? null,
      expected: expected ?? null,
      at: at ?? null,
      why: why ?? null
    })),
    waiver: waiver.success ? waiver.data : null,
    reads: check.evidence
  }
}

function readOf(read: z.infer<typeof huntDocument>['evidence'][number]): ReportRead {
  const { n, on, command, exit, ms, stdout, stderr } = read
  const why = read['why']
  return { n, on, command, exit, ms, stdout, stderr, why: typeof why === 'string' ? why : null }
}

/** What a signed commit does not say of a finding is what it means where nothing is said. */
function findingOf(finding: Seen['findings'][number]): ReportFinding {
  const { id = '', key = `hand/${id}` } = finding
  return {
    id,
    key,
    probe: finding.probe ?? key.slice(0, key.indexOf('/')),
    title: finding.title ?? id,
    severity: finding.severity ?? 'medium',
    status: finding.status ?? 'open',
    blocks: finding.blocks ?? [],
    origin: finding.origin ?? 'unknown',
    line: finding.line ?? null
  }
}

function rulesOf(
  checks: readonly { readonly probe: string }[],
  findings: readonly ReportFinding[]
): Report['rules'] {
  const used = new Set([...checks, ...findings].map(({ probe }) => probe))
  return probes
    .filter(({ id }) => used.has(id))
    .map(({ id, asserts, because, remedy }) => ({ id, asserts, because, remedy }))
}
