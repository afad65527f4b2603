import * as z from 'zod'
import { type LogField, logEvents, logFields } from '../review/log.ts'

/**
 * What `--json` answers, and a line of the log: one schema per document. Each is shipped as a JSON Schema in `schemas/`.
 * Keys may be added, never renamed or removed.
 */

const verdict = z.enum(['PASS', 'FAIL', 'INCONCLUSIVE'])
const outcome = z.enum(['pass', 'fail', 'unknown', 'not-applicable', 'waived'])
const code = z.union([z.literal([0, 1, 2, 3, 64, 70])])
const milliseconds = z.number().nonnegative()
const instant = z.string().regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/)

const claim = z.looseObject({
  sha: z.string(),
  phase: z.string(),
  milestone: z.string(),
  summary: z.string()
})

/** What a probe said, and where. */
const said = z.looseObject({
  outcome: z.enum(['pass', 'fail', 'unknown', 'not-applicable']),
  saw: z.string().optional(),
  expected: z.string().optional(),
  at: z.string().optional(),
  why: z.string().optional()
})

const check = z.looseObject({
  probe: z.string(),
  title: z.string(),
  /** The host's name in the home, or `repo`. */
  on: z.string(),
  outcome,
  why: z.string().nullable(),
  attempts: z.int().positive(),
  /** Whether a pass was followed by a fail. */
  flapped: z.boolean(),
  /** Each attempt, the first one first; absent where there was one only. */
  looks: z
    .array(
      z.looseObject({
        /** After the first attempt, in milliseconds. */
        afterMs: z.int().nonnegative(),
        outcome: outcome.exclude(['waived']),
        evidence: z.array(z.int().positive())
      })
    )
    .optional(),
  waiver: z.looseObject({ reason: z.string(), by: z.string(), until: z.string() }).optional(),
  /** With the secrets hidden the outcome would be another: replay answers `hidden` for it. */
  hidden: z.literal(true).optional(),
  findings: z.array(said),
  /** Numbers of the reads that its facts came from. */
  evidence: z.array(z.int().positive())
})

const status = z.enum(['open', 'closed'])

const finding = z.looseObject({
  id: z.string(),
  key: z.string(),
  probe: z.string(),
  title: z.string(),
  severity: z.enum(['low', 'medium', 'high', 'critical']),
  status,
  blocks: z.array(z.string()),
  origin: z.enum(['pre-existing', 'introduced', 'unknown']),
  /** Line of its newest section in the review file, as of the review's commit. */
  line: z.int().positive().nullable().optional()
})

/** A finding as a signed review names it: what it does not say is left out. */
const recordedFinding = finding.partial().required({ id: true, status: true, blocks: true })

const evidence = z.looseObject({
  n: z.int().positive(),
  on: z.string(),
  command: z.string(),
  /** Null where there was no answer; then `why` says why. */
  exit: z.int().nullable(),
  ms: milliseconds,
  stdout: z.string(),
  stderr: z.string(),
  cut: z.boolean(),
  why: z.string().optional()
})

/** The secrets that were hidden in what was read: how many, and in how many places. Kinds without any are left out. */
const redacted = z
  .array(z.looseObject({ kind: z.string(), places: z.int().positive(), secrets: z.int().positive() }))
  .optional()

const stats = z.looseObject({
  connections: z.int().nonnegative(),
  execs: z.int().nonnegative(),
  reads: z.int().nonnegative(),
  ms: milliseconds
})

/** Line of the section's heading in the review file, as of the commit; null where it has none. */
const line = z.int().positive().nullable().optional()

const review = z.looseObject({ path: z.string(), commit: z.string(), line })

/** The watched repo, without credentials. */
const repo = z.looseObject({ url: z.string(), branch: z.string().optional() }).optional()

/** `sha256:…` of the plan that was used; null where there is none. */
const plan = z.string().nullable().optional()

/** One line of `watch`, and `review` where it looked for itself. */
const freshReview = z.looseObject({
  claim,
  verdict,
  /** Why, in a sentence. */
  why: z.string().optional(),
  checks: z.array(check),
  /** What the reviewer looked for on its own account. */
  hunts: z.array(check).optional(),
  findings: z.array(finding),
  evidence: z.array(evidence),
  redacted,
  /** Null for a dry run. */
  review: review.nullable(),
  plan,
  repo,
  stats
})

/** The claim was answered before: the recorded answer, and nothing was looked at. */
const recordedReview = freshReview.extend({
  recorded: z.literal(true),
  findings: z.array(recordedFinding),
  review: z.looseObject({ path: z.string().nullable(), commit: z.string(), line })
})

/** Nobody has claimed the milestone yet: outcomes without a verdict. */
const preVerification = freshReview.extend({
  claim: z.null(),
  verdict: z.null(),
  unclaimed: z.looseObject({ phase: z.string(), milestone: z.string() }),
  /** When it was looked at. */
  at: instant
})

/** `review`, and one line of `watch` for each review. */
export const reviewDocument = z.union([freshReview, recordedReview, preVerification])

/** `probe`. */
export const probeDocument = check.extend({ evidence: z.array(evidence), redacted, stats: stats.optional() })

const probeCard = z.looseObject({
  id: z.string(),
  asserts: z.string(),
  because: z.string(),
  remedy: z.string(),
  hunts: z.boolean(),
  /** JSON Schema of what a plan writes under `with`. */
  params: z.record(z.string(), z.unknown())
})

/** `probe --list`. */
export const probeListDocument = z.looseObject({ probes: z.array(probeCard) })

/** `probe --explain`. */
export const probeExplainDocument = probeCard

/** `hunt`. */
export const huntDocument = z.looseObject({
  /** The phase that was hunted. */
  phase: z.string(),
  findings: z.array(finding),
  checks: z.array(check),
  /** What the hunt's probes said. */
  hunts: z.array(check).optional(),
  evidence: z.array(evidence),
  redacted,
  review: review.nullable().optional(),
  plan,
  repo,
  stats
})

/** `orient`. */
export const orientDocument = z.looseObject({
  facts: z.record(z.string(), z.unknown()),
  evidence: z.array(evidence),
  redacted,
  review: review.nullable().optional(),
  stats: stats.optional()
})

const gateReview = z.looseObject({
  path: z.string(),
  commit: z.string(),
  claim: z.string(),
  signedAt: z.string(),
  line,
  plan
})

const gateAnswer = z.looseObject({
  gate: z.string(),
  code,
  verdict: verdict.nullable(),
  reasons: z.array(z.string()).min(1),
  review: gateReview.nullable(),
  /** What to run next; null when the gate is open. */
  next: z.string().nullable()
})

/** `gate`. */
export const gateDocument = gateAnswer.extend({ milestones: z.array(gateAnswer).optional(), repo })

/** ISO 8601 UTC to the second. */
/** What the watcher of the home does, by what it wrote down at its last step. */
const watcher = z.looseObject({
  pid: z.int().positive(),
  /** `stalled`: it runs, and its loop does not go on. `unknown`: it runs, or ran, where it cannot be seen. */
  state: z.enum(['running', 'stalled', 'gone', 'unknown']),
  startedAt: instant,
  beatAt: instant,
  doing: z.looseObject({ what: z.string(), about: z.string().nullable(), since: instant }),
  polls: z.int().nonnegative(),
  /** When the remote answered last. */
  polledAt: instant.nullable(),
  reviews: z.int().nonnegative(),
  /** What fails, and since when. */
  troubles: z.array(
    z.looseObject({
      /** `remote`, `home`, a host's name, a claim as `<phase>-<milestone>`, an orientation. */
      subject: z.string(),
      kind: z.enum(['remote', 'home', 'host', 'work']),
      since: instant,
      times: z.int().positive(),
      why: z.string()
    })
  )
})

/** `status --watcher`. */
export const watcherDocument = z.looseObject({ watcher: watcher.nullable() })

/** `status`. */
export const statusDocument = z.looseObject({
  /** Null: none runs, or the last one ended as it should. */
  watcher: watcher.nullable(),
  phases: z.array(
    z.looseObject({
      phase: z.string(),
      title: z.string().nullable(),
      milestones: z.array(
        z.looseObject({
          milestone: z.string(),
          title: z.string().nullable(),
          /** Null: not reviewed yet. */
          verdict: verdict.nullable(),
          stale: z.boolean(),
          /** Why the gate is closed; null where it is open. */
          why: z.string().nullable(),
          /** What the gate says of it now: its code, and all reasons. */
          gate: z
            .looseObject({ code: z.int(), reasons: z.array(z.string()), next: z.string().nullable() })
            .optional(),
          claim: z.string().nullable(),
          review: z.string().nullable(),
          reviewedAt: z.string().nullable()
        })
      ),
      findings: z.array(
        z.looseObject({
          id: z.string(),
          key: z.string().nullable(),
          title: z.string().nullable(),
          severity: z.string().nullable(),
          status,
          blocks: z.array(z.string()),
          origin: z.enum(['pre-existing', 'introduced', 'unknown'])
        })
      ),
      pending: z.array(claim),
      malformed: z.array(z.looseObject({ sha: z.string(), subject: z.string(), why: z.string() }))
    })
  ),
  /** Claims whose phase cannot be told, or that no plan knows. */
  malformed: z.array(z.looseObject({ sha: z.string(), subject: z.string(), why: z.string() })),
  /** Claims under the reviewer's own identity: never reviewed. */
  own: z.array(claim),
  /** Commits that look like reviews and are not believed. */
  distrusted: z.array(z.looseObject({ commit: z.string(), why: z.string() }))
})

/** `board`. */
export const boardDocument = z.looseObject({
  /** The folder. */
  out: z.string(),
  /** What was written, below it. */
  files: z.array(z.string()),
  /** As of when, ISO 8601 UTC. */
  at: z.string()
})

/** `replay`. */
export const replayDocument = z.looseObject({
  /** Full sha; null for evidence of no claim. */
  claim: z.string().nullable(),
  verdict,
  /** The verdict that the evidence file holds. */
  recorded: verdict.nullable(),
  digest: z.string(),
  /** What is judged otherwise today. */
  differences: z.array(z.string()),
  /** The verdict would be another with another outcome of a check that is `hidden`: this file does not prove it. */
  restsOnHidden: z.boolean().optional(),
  checks: z.array(
    check.extend({
      /** `hidden`: it rests on text that the evidence does not hold. */
      outcome: z.enum([...outcome.options, 'hidden'])
    })
  )
})

/** `prove`. */
export const proveDocument = z.looseObject({
  phase: z.string(),
  checks: z.array(
    z.looseObject({
      milestone: z.string(),
      probe: z.string(),
      title: z.string(),
      kind: z.enum(['can fail', 'cannot fail', 'unseen']),
      /** How many falsified facts failed. */
      ways: z.int().positive().optional(),
      why: z.string().optional()
    })
  )
})

const happening = z.looseObject({
  /** Virtual milliseconds since the boot began. */
  at: milliseconds,
  kind: z.enum(['unit', 'asked', 'up']),
  unit: z.string()
})

const rehearsedBoot = z.looseObject({
  ended: z.enum(['settled', 'horizon', 'budget']),
  timeline: z.array(happening),
  units: z.array(z.looseObject({ unit: z.string(), state: z.string() }))
})

/** `rehearse`. */
export const rehearseDocument = z.looseObject({
  /** The host's name in the home; null where none was asked. */
  host: z.string().nullable(),
  /** Null: nothing was rehearsed, because no unit has a start program of its own, or `why`. */
  rehearsal: z
    .union([
      z.looseObject({
        boot: rehearsedBoot,
        waits: z.array(
          z.looseObject({
            unit: z.string(),
            verdict: z.enum(['circle', 'outlasts', 'delays', 'never', 'unknown']),
            /** Virtual milliseconds; null: for ever. */
            stood: milliseconds.nullable(),
            holds: z.array(z.string())
          })
        ),
        unknowns: z.array(z.looseObject({ name: z.string(), unit: z.string(), why: z.string() }))
      }),
      /** Why the rehearsal itself could not be done. */
      z.looseObject({ unknown: z.string() })
    ])
    .nullable(),
  why: z.string().optional(),
  stats
})

/** `finding list`. */
export const findingListDocument = z.looseObject({ phase: z.string(), findings: z.array(finding) })

/** `finding open`, `finding close`, `veto` and `accept`: what was pushed, or why nothing had to be. */
export const saidDocument = z.looseObject({
  /** Null: nothing was pushed. */
  commit: z.string().nullable(),
  finding: finding.nullable(),
  /** The record said so already: why nothing was pushed. */
  unchanged: z.string().nullable().optional(),
  dryRun: z.boolean().optional(),
  /** Of a dry run: what would be appended. */
  section: z.string().optional(),
  /** Of `accept`: what is not signed, with the signed bytes that stood there before. */
  parts: z
    .array(
      z.looseObject({
        from: z.int(),
        to: z.int(),
        line: z.int(),
        text: z.string(),
        was: z.string().nullable()
      })
    )
    .optional(),
  /** Of `accept`: why it must not be signed. */
  refused: z.array(z.string()).optional()
})

/** `init`. */
export const initDocument = z.looseObject({
  home: z.string(),
  files: z.array(z.string()),
  /** What to type next. */
  next: z.array(z.string())
})

/** `completion`. */
export const completionDocument = z.looseObject({
  shell: z.enum(['bash', 'zsh', 'fish']),
  script: z.string()
})

/** `config check`. */
export const configCheckDocument = z.looseObject({
  home: z.string(),
  ok: z.boolean(),
  /** Files of the home that were checked. */
  checked: z.array(z.string()),
  /** Files that cannot be checked before an error in another file is fixed. */
  unchecked: z.array(z.string()),
  /** The first error of each file. */
  errors: z.array(
    z.looseObject({
      file: z.string().nullable(),
      line: z.int().positive().nullable(),
      key: z.string().nullable(),
      /** One line: file, line, key, value, and what was expected. */
      message: z.string(),
      hint: z.string().nullable()
    })
  )
})

const proof = z.looseObject({
  id: z.string(),
  subject: z.string(),
  /** Null: it is not needed, or something before it is in the way. */
  ok: z.boolean().nullable(),
  saw: z.string(),
  /** How to fix it; null where there is nothing to fix. */
  mend: z.string().nullable(),
  /** The command in it; null where there is none. */
  command: z.string().nullable().optional()
})

/** `doctor`. */
export const doctorDocument = z.looseObject({ checks: z.array(proof).min(1) })

/** `lockdown`, and `lockdown --check`. */
export const lockdownDocument = z.union([
  z.looseObject({
    on: z.string(),
    /** One line of authorized_keys. */
    authorizedKeys: z.string(),
    /** Where the script belongs on the host. */
    path: z.string(),
    script: z.string(),
    /** What may be read; `…` is what only the host's own answers tell. */
    reads: z.array(z.string())
  }),
  z.looseObject({ on: z.string(), checks: z.array(proof).min(1) })
])

/** One line that `watch` logs on stderr. */
export const logDocument = z.discriminatedUnion('event', logShapes())

function logShapes() {
  const [first, ...more] = Object.entries(logEvents).map(
    ([event, { level, formerly, always, sometimes }]) => {
      const field = (name: LogField) => (logFields[name].type === 'number' ? z.number() : z.string())
      return z.strictObject({
        time: instant,
        level: z.literal(level),
        event: z.literal(event),
        home: z.string().optional(),
        /** The name of the event before it was renamed; only in this release. */
        formerly: z.literal(formerly).optional(),
        ...Object.fromEntries(always.map(name => [name, field(name)])),
        ...Object.fromEntries(sometimes.map(name => [name, field(name).optional()]))
      })
    }
  )
  if (first === undefined) throw new RangeError('a log without events')
  return [first, ...more] as const
}

/** By the name of the file in `schemas/`. */
export const documents = {
  review: reviewDocument,
  probe: probeDocument,
  'probe-list': probeListDocument,
  'probe-explain': probeExplainDocument,
  rehearse: rehearseDocument,
  hunt: huntDocument,
  orient: orientDocument,
  gate: gateDocument,
  status: statusDocument,
  board: boardDocument,
  replay: replayDocument,
  prove: proveDocument,
  'finding-list': findingListDocument,
  said: saidDocument,
  init: initDocument,
  'config-check': configCheckDocument,
  completion: completionDocument,
  doctor: doctorDocument,
  lockdown: lockdownDocument,
  watcher: watcherDocument,
  log: logDocument
} as const
