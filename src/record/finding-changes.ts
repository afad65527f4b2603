import { unmarked } from '../lib/secrets/secret-name.ts'
import type { Filing, Finding } from '../probe/probe.ts'
import type { Origin, Severity } from '../lib/words.ts'
import type { CheckResult } from '../probe/verdict.ts'

/** An `[adversary]` finding with a life of its own: filed once, closed when gone, reopened when back. */
export interface FindingState {
  /** `A1`, `A2` …: numbered per review file. */
  readonly id: string
  /** `<probe>/<subject>`: the same defect has the same key on every run. */
  readonly key: string
  /** The probe that found it; `hand` for a person's or an agent's own finding. */
  readonly probe: string
  readonly title: string
  readonly severity: Severity
  readonly status: 'open' | 'closed'
  readonly blocks: readonly string[]
  readonly origin: Origin
}

export interface FindingChange {
  readonly change: 'opened' | 'closed' | 'reopened'
  readonly finding: FindingState
  /** The check that saw it, or saw that it is gone. */
  readonly check: CheckResult
  /** How to tell it; absent for a closing. */
  readonly filing?: Filing
  /** The failing finding itself; absent for a closing. */
  readonly seen?: Extract<Finding, { outcome: 'fail' }>
}

/** What was there before the phase's first claim. */
export interface Baseline {
  /** Keys of the defects that were seen then. */
  readonly keys: ReadonlySet<string>
  /** Probes whose answer then was clear: only for these does absence mean anything. */
  readonly clear: ReadonlySet<string>
}

/** `now`: this very look is the baseline. Null: there is none. */
export type Before = Baseline | 'now' | null

/**
 * What the hunt's results change in the list of findings. Pure.
 *
 * A finding is closed only by a look of its own probe that was clear: what could not be seen is not gone.
 */
export function findingChanges(input: {
  readonly known: readonly FindingState[]
  readonly hunted: readonly { readonly check: CheckResult; readonly severity: Severity }[]
  readonly baseline: Before
  readonly blocks: readonly string[]
  /** The review file as it stands; null: there is none. */
  readonly file: Uint8Array | null
}): readonly FindingChange[] {
  const byKey = new Map(input.known.map(finding => [finding.key, finding]))
  const number = freeNumbers(
    input.known.map(({ id }) => id),
    input.file
  )
  const changes: FindingChange[] = []
  const seenNow = new Set<string>()

  for (const { check, severity } of input.hunted) {
    for (const finding of check.findings) {
      if (finding.outcome !== 'fail') continue
      const filing = filingOf(finding, severity)
      const key = keyOf(check.probe, filing.subject)
      if (seenNow.has(key)) continue
      seenNow.add(key)
      const known = byKey.get(key)
      if (known?.status === 'open') continue
      if (known !== undefined) {
        changes.push({
          change: 'reopened',
          finding: { ...known, status: 'open', blocks: [...new Set([...known.blocks, ...input.blocks])] },
          check,
          filing,
          seen: finding
        })
        continue
      }
      const opened: FindingState = {
        id: `A${number()}`,
        key,
        probe: check.probe,
        title: filing.title,
        severity: filing.severity,
        status: 'open',
        blocks: input.blocks,
        origin: originOf(check.probe, key, input.baseline)
      }
      changes.push({ change: 'opened', finding: opened, check, filing, seen: finding })
    }
  }

  for (const known of input.known) {
    if (known.status !== 'open' || seenNow.has(known.key)) continue
    const check = input.hunted.find(hunt => hunt.check.probe === known.probe)?.check
    if (check === undefined || !clear(check)) continue
    changes.push({ change: 'closed', finding: { ...known, status: 'closed' }, check })
  }
  return changes
}

/** Whether a look covered all that its probe asks about: only then does absence mean anything. */
export function clear(check: CheckResult): boolean {
  return check.outcome !== 'unknown' && check.findings.every(finding => finding.outcome !== 'unknown')
}

export function keyOf(probe: string, subject: string): string {
  // A secret has another mark in each review, and the defect is the same.
  return `${probe}/${unmarked(subject)}`
}

function originOf(probe: string, key: string, baseline: Before): Origin {
  if (baseline === null) return 'unknown'
  if (baseline === 'now') return 'pre-existing'
  if (baseline.keys.has(key)) return 'pre-existing'
  return baseline.clear.has(probe) ? 'introduced' : 'unknown'
}

function filingOf(finding: Extract<Finding, { outcome: 'fail' }>, severity: Severity): Filing {
  return (
    finding.filing ?? {
      subject: finding.at,
      title: `${finding.at}: ${finding.saw}`,
      severity,
      story: [`${finding.saw}; expected ${finding.expected}.`],
      remedy: ''
    }
  )
}

/**
 * Answers numbers for new findings, from 1, each once: none that is known, and none that the review file shows,
 * whoever wrote it there and whether or not it is signed.
 *
 * @param known ids: `A1`, `A2` …
 */
export function freeNumbers(known: Iterable<string>, file: Uint8Array | null): () => number {
  const ids = [...known].map(id => Number(id.slice(1)))
  const taken = new Set([...ids, ...numbersIn(file)])
  let last = Math.max(0, ...ids)
  return () => {
    do last += 1
    while (taken.has(last))
    // Whoever uses the highest number must not keep the reviewer from filing.
    if (last > highest) {
      last = 1
      while (taken.has(last)) last += 1
    }
    taken.add(last)
    return last
  }
}

/** As many digits as a finding's id may have. */
const highest = 999_999

function numbersIn(file: Uint8Array | null): readonly number[] {
  if (file === null) return []
  const text = Buffer.from(file).toString('latin1')
  const marked = text.matchAll(/\[adversary\][^\S\n]*A(\d{1,6})\b/gi)
  return [...marked].map(([, number]) => Number(number))
}
