import { itemsBehind } from '../lib/lineage.ts'
import type { SignedRecord, SignedReview } from './record.ts'
import type { FindingTrailer } from './trailers.ts'

/**
 * What stands of all that was said: vetoes, findings, verdicts. Order is ancestry. A lift, a close or a newer
 * verdict ends what is in its own history and nothing else: what was signed on another branch, or under a clock
 * that is behind, it has not seen.
 */

/** Something that one commit says. */
interface Statement {
  readonly review: SignedReview
}

/** What a statement has in its history, by its commit's ancestry; of one commit, what that says before. */
export type Behind<S extends Statement> = (statement: S) => ReadonlySet<S>

/** @param statements as the record has them; those of one commit in the order in which it says them. */
export function behindOf<S extends Statement>(
  { history }: Pick<SignedRecord, 'history'>,
  statements: readonly S[]
): Behind<S> {
  const byCommit = new Map<string, S[]>()
  for (const statement of statements) {
    const { sha } = statement.review.commit
    byCommit.set(sha, [...(byCommit.get(sha) ?? []), statement])
  }
  const sets = itemsBehind(history, byCommit, new Set(byCommit.keys()))
  return statement => {
    const { sha } = statement.review.commit
    const before = sets.get(sha) ?? new Set()
    const siblings = byCommit.get(sha) ?? []
    return siblings.length < 2
      ? before
      : new Set([...before, ...siblings.slice(0, siblings.indexOf(statement))])
  }
}

/** Those that no other of them has in its history. */
export function newestOf<S extends Statement>(statements: readonly S[], behind: Behind<S>): readonly S[] {
  const overtaken = new Set(statements.flatMap(statement => [...behind(statement)]))
  return statements.filter(statement => !overtaken.has(statement))
}

export interface FindingLife extends FindingTrailer {
  /** The commit that first filed it, and the one that spoke of it last. */
  readonly filed: SignedReview
  readonly last: SignedReview
}

/** What one commit says of a finding. */
interface Act extends Statement {
  readonly said: FindingTrailer
}

/**
 * Each finding of the phase as it stands, in the order in which they were filed. A finding is its id and who
 * filed it: two people may have used one number. Who filed it closes it, and the reviewer closes what others
 * filed; what the reviewer filed only the reviewer closes.
 */
export function findingsOf(
  record: Pick<SignedRecord, 'reviews' | 'history'>,
  phase: string
): readonly FindingLife[] {
  const acts = record.reviews
    .filter(({ message }) => message.phase === phase)
    .flatMap(review => review.message.findings.map((said): Act => ({ review, said })))
  const behind = behindOf(record, acts)
  const lives: { readonly id: string; readonly filer: string; readonly acts: Act[] }[] = []
  for (const act of acts) {
    const { review, said } = act
    const sameId = lives.filter(({ id }) => id === said.id)
    const own = sameId.find(({ filer }) => filer === review.principal)
    if (said.status === 'open') {
      if (own === undefined) lives.push({ id: said.id, filer: review.principal, acts: [act] })
      else own.acts.push(act)
      continue
    }
    const seen = behind(act)
    const ownIsOpen =
      own !== undefined &&
      newestOf(
        own.acts.filter(each => seen.has(each)),
        behind
      ).some(each => each.said.status === 'open' && mayBeSame(each.said, said))
    // Under a probe's key the reviewer speaks of what it filed itself.
    const closesOthers = review.byReviewer && !ownIsOpen && (said.key ?? byHand).startsWith(byHand)
    if (own !== undefined && !closesOthers) own.acts.push(act)
    if (closesOthers) for (const life of sameId) if (life !== own) life.acts.push(act)
  }
  return lives.map(life => lifeOf(life.acts, behind))
}

/** What the keys of findings begin with that no probe has found. */
const byHand = 'hand/'

function mayBeSame(a: FindingTrailer, b: FindingTrailer): boolean {
  return a.key === undefined || b.key === undefined || a.key === b.key
}

function lifeOf(acts: readonly Act[], behind: Behind<Act>): FindingLife {
  const newest = newestOf(acts, behind)
  const open = newest.filter(({ said }) => said.status === 'open')
  const [first] = acts
  const last = open.at(-1) ?? newest.at(-1)
  if (first === undefined || last === undefined) throw new RangeError('no commit names this finding')
  const known = acts.reduce<Partial<FindingTrailer>>((before, { said }) => ({ ...before, ...said }), {})
  return {
    ...known,
    ...last.said,
    blocks: open.length > 1 ? [...new Set(open.flatMap(({ said }) => said.blocks))] : last.said.blocks,
    filed: first.review,
    last: last.review
  }
}

export interface Veto {
  readonly milestone: string
  readonly by: SignedReview
}

interface VetoAct extends Statement {
  readonly milestone: string
  readonly status: 'open' | 'lifted'
}

/** Vetoes of the phase that stand. Who put one and the reviewer may lift it. */
export function vetoesOf(record: Pick<SignedRecord, 'reviews' | 'history'>, phase: string): readonly Veto[] {
  const acts = record.reviews
    .filter(({ message }) => message.phase === phase)
    .flatMap(review => review.message.vetoes.map((said): VetoAct => ({ ...said, review })))
  const behind = behindOf(record, acts)
  const lifted = new Set<VetoAct>()
  for (const lift of acts) {
    if (lift.status !== 'lifted') continue
    const mayLift = ({ review, milestone }: VetoAct) =>
      milestone.toLowerCase() === lift.milestone.toLowerCase() &&
      (lift.review.byReviewer || review.principal === lift.review.principal)
    for (const act of behind(lift)) if (act.status === 'open' && mayLift(act)) lifted.add(act)
  }
  return acts
    .filter(act => act.status === 'open' && !lifted.has(act))
    .map(({ milestone, review }) => ({ milestone, by: review }))
}
