import { randomBytes } from 'node:crypto'
import { evidenceDirOf, type Workspace, reviewBranchOf, reviewPathOf } from '../config/workspace.ts'
import { nowMs, sleep } from '../os/clock.ts'
import { beginPublishing, type Publishing, type Tip } from '../record/publish.ts'
import type { SignedRecord } from '../record/record.ts'
import { isUtf16 } from '../render/append.ts'
import type { ReviewContext } from './context/review-context.ts'

/** Where in the repo something is written. */
export interface Place {
  readonly path: string
  /** Why it is not the usual place, for people; null where it is. */
  readonly why: string | null
}

/**
 * Begins to publish on the branch that reviews are pushed to, as the reviewer.
 *
 * @param observedAt milliseconds since 1970: what is older than the record allows is not published.
 */
export function publishingOn(
  { home, git, trust, signal }: ReviewContext,
  observedAt: number,
  dryRun: boolean
): Publishing {
  const { repo, identity } = home
  const branch = reviewBranchOf(home)
  return beginPublishing({
    branch,
    ...(branch === repo.branch ? {} : { startFrom: repo.branch }),
    identity,
    repo: repo.name,
    git,
    trust,
    now: nowMs,
    sleep: ms => sleep(ms, signal),
    observedAt,
    dryRun,
    signal
  })
}

/**
 * The review file of a phase: the one that the home names or, where a builder has put something else in its
 * place or its way, one at the top of the repo under a name that nobody can have taken beforehand. A builder
 * must not keep its own FAIL from being recorded.
 */
export async function reviewPlace(home: Workspace, tip: Tip, phase: string): Promise<Place> {
  const usual = reviewPathOf(home, phase)
  const why = await unfit(tip, usual)
  if (why === null) return { path: usual, why }
  for (const path of earlier(tip.record, phase).toReversed()) {
    if ((await unfit(tip, path)) === null) return { path, why }
  }
  return { path: `REVIEW-${phase}-${randomBytes(4).toString('hex')}.md`, why }
}

/** The place of an evidence file. @param name nobody can foretell it: it holds a digest of what was seen. */
export async function evidencePlace(home: Workspace, tip: Tip, phase: string, name: string): Promise<Place> {
  const usual = `${evidenceDirOf(home, phase)}/${name}`
  const why = await tip.blocked(usual)
  return { path: why === null ? usual : `evidence-${name}`, why }
}

async function unfit(tip: Tip, path: string): Promise<string | null> {
  const why = await tip.blocked(path)
  if (why !== null) return why
  const bytes = await tip.readFile(path)
  return bytes !== null && isUtf16(bytes) ? `${path} is in UTF-16` : null
}

/** Where sections of the phase went when the usual place was taken, oldest first. */
function earlier({ reviews }: SignedRecord, phase: string): readonly string[] {
  const paths = reviews.flatMap(({ byReviewer, message }) =>
    byReviewer && message.phase === phase ? (message.section?.path ?? []) : []
  )
  return [...new Set(paths)].filter(path => /^REVIEW-.*-[0-9a-f]{8}\.md$/.test(path))
}
