import type { ParsingBudget } from '../lib/effort.ts'
import type { Commit } from '../git/git-types.ts'
import type { SignedReview, Trust } from '../record/record.ts'
import type { FindingTrailer, ReviewMessage } from '../record/trailers.ts'
import { type Heading, headings } from '../render/locate.ts'
import { type Appended, startsWith } from './append-only.ts'
import { shownHeadings, spokenIn } from './headings.ts'

/** Stands for all milestones of a phase where somebody blocks without saying which. */
export const everyMilestone = '*'

/** A FAIL or INCONCLUSIVE that somebody on the list signed without trailers. */
export interface HandVerdict {
  readonly review: SignedReview
  readonly milestone: string
  readonly verdict: 'FAIL' | 'INCONCLUSIVE'
}

/**
 * The reviews of the phase together with what listed people wrote into its file by hand: a veto and a finding
 * close gates without a trailer too, and so does a verdict that is not a PASS.
 */
export async function withUnsignedEdits(
  signed: readonly SignedReview[],
  appended: ReadonlyMap<string, Appended>,
  history: readonly Commit[],
  trust: Trust,
  budget: ParsingBudget
): Promise<{ readonly reviews: readonly SignedReview[]; readonly verdicts: readonly HandVerdict[] }> {
  const reviews = new Map(signed.map(review => [review.commit.sha, review]))
  const verdicts: HandVerdict[] = []
  const phase = signed[0]?.message.phase ?? ''
  const headingsIn = reader(
    [...appended.values()].map(({ bytes }) => bytes),
    budget
  )
  for (const { touch, from, bytes } of appended.values()) {
    const { commit, principal } = touch
    const review = reviews.get(commit.sha)
    const said = await unsignedEdits(bytes, from, { headingsIn, byHand: review === undefined, budget })
    if (said.vetoes.length + said.findings.length + said.verdicts.length === 0) continue
    if (review === undefined) {
      const { vetoes, findings } = said
      const message = { ...silent, phase, vetoes, findings }
      const written = { commit, principal, byReviewer: principal === trust.reviewer, message }
      reviews.set(commit.sha, written)
      verdicts.push(...said.verdicts.map(verdict => ({ ...verdict, review: written })))
    } else {
      const known = new Set(review.message.vetoes.map(({ milestone }) => milestone))
      // What lifts one is in the trailers: the prose of a review quotes hosts and builders.
      const put = said.vetoes.filter(({ milestone, status }) => status === 'open' && !known.has(milestone))
      const vetoes = [...review.message.vetoes, ...put]
      reviews.set(commit.sha, { ...review, message: { ...review.message, vetoes } })
    }
  }
  return { reviews: inOrder(reviews, history), verdicts }
}

/**
 * As the history has them; what lies on two branches goes by its date, but never before what it builds on. The
 * dates of reviews follow the history, those of what people wrote by hand need not.
 */
function inOrder(
  reviews: ReadonlyMap<string, SignedReview>,
  history: readonly Commit[]
): readonly SignedReview[] {
  const times = new Map<string, string>()
  const found: { readonly review: SignedReview; readonly at: string }[] = []
  for (const { sha, parents } of history) {
    if (times.has(sha)) continue
    const review = reviews.get(sha)
    const before = parents.map(parent => times.get(parent) ?? '')
    const at = [...before, review?.commit.committedAt ?? ''].sort().at(-1) ?? ''
    times.set(sha, at)
    if (review !== undefined) found.push({ review, at })
  }
  return found.sort((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : 0)).map(({ review }) => review)
}

const silent: ReviewMessage = {
  phase: '',
  milestone: null,
  title: '',
  body: '',
  claim: null,
  verdict: null,
  supersedes: [],
  findings: [],
  vetoes: [],
  section: null,
  repo: null,
  plan: null,
  evidence: null,
  policy: null,
  accept: null,
  removed: []
}

/** Headings of a file as it was, each file that grew out of it parsed once. */
function reader(
  files: readonly Uint8Array[],
  budget: ParsingBudget
): (bytes: Uint8Array) => Promise<readonly Heading[]> {
  const longest = [...files].sort((a, b) => b.length - a.length)
  const read = new Map<Uint8Array, readonly Heading[]>()
  return async bytes => {
    // A last line without an end may have been written on by somebody else.
    const whole = bytes.at(-1) === 0x0a ? (longest.find(file => startsWith(file, bytes)) ?? bytes) : bytes
    const found = read.get(whole) ?? (await headings(whole, { budget }))
    read.set(whole, found)
    return found.filter(({ offset }) => offset < bytes.length)
  }
}

/** How a listed person's bytes are read. */
interface Reading {
  readonly headingsIn: ReturnType<typeof reader>
  /** Nothing but the person has formed them: neither a trailer nor the reviewer's templates. */
  readonly byHand: boolean
  readonly budget: ParsingBudget
}

type Heard = Pick<ReviewMessage, 'vetoes' | 'findings'> & {
  readonly verdicts: readonly Pick<HandVerdict, 'milestone' | 'verdict'>[]
}

/**
 * What stands in the bytes behind `from`. It lifts and closes only where the file shows a heading. What a person
 * writes by hand vetoes and opens also where something that was left open before it hides that, and in whatever
 * form it shows as a heading.
 */
async function unsignedEdits(
  bytes: Uint8Array,
  from: number,
  { headingsIn, byHand, budget }: Reading
): Promise<Heard> {
  const vetoes: { readonly milestone: string; readonly status: 'open' | 'lifted'; readonly at: number }[] = []
  const findings: FindingTrailer[] = []
  const verdicts: Pick<HandVerdict, 'milestone' | 'verdict'>[] = []
  // What was written on a line that somebody else had begun. `lastIndexOf` takes -1 for the end.
  const begin = byHand && from > 0 ? bytes.lastIndexOf(0x0a, from - 1) + 1 : from
  const own = bytes.subarray(begin)
  // Parsing is slow, and most sections hold none of the words.
  if (!mayHold(own, byHand)) return { vetoes, findings, verdicts }
  const shown = (await headingsIn(bytes)).filter(({ offset }) => offset >= from)
  const heard = byHand ? await headings(own, { budget }) : []
  const alone = heard
    .map(heading => ({ ...heading, offset: heading.offset + begin }))
    .filter(({ offset }) => offset >= from)
  // A builder can make a file that nobody parses: then what was appended is no heading where it is none by itself.
  const sure = new Set(alone.filter(({ guessed }) => guessed === undefined).map(({ offset }) => offset))
  const visible = new Set(
    shown
      .filter(({ guessed, offset }) => guessed === undefined || sure.has(offset))
      .map(({ offset }) => offset)
  )
  const known = new Set(shown.map(({ offset }) => offset))
  const hidden = alone.filter(({ offset }) => !known.has(offset))
  const all = [...shown, ...hidden].sort((a, b) => a.offset - b.offset)
  const told = new Set<number>()
  for (const [index, { depth, text, offset }] of all.entries()) {
    told.add(offset)
    const finding = depth === 2 ? findingHeading.exec(text)?.groups : undefined
    if (finding !== undefined) {
      const section = Buffer.from(bytes.subarray(offset, all[index + 1]?.offset)).toString()
      const named = /\*\*Blocks:\*\*(?<blocks>[^·\n]*)/.exec(section)?.groups?.['blocks']
      const blocks = named?.split(/[\s,]+/).filter(word => word !== '') ?? [everyMilestone]
      const status = /^CLOSED\b/.test(finding['rest'] ?? '') ? 'closed' : 'open'
      if (status === 'open' || visible.has(offset)) findings.push({ id: finding['id'] ?? '', status, blocks })
      continue
    }
    const spoken = byHand || /^\W*veto/i.test(text) ? await spokenIn(text) : null
    if (spoken === null) continue
    const { what, milestones } = spoken
    if (what === 'lift') {
      // Lifting takes a heading that everybody sees, and a name; without one it lifts what was put without one.
      const exact = /^VETO LIFTED (?<milestone>[^\s:]+):/.exec(text)?.groups?.['milestone']
      const names = exact === undefined ? nonEmpty(milestones) : [exact]
      if (depth !== 2 || !visible.has(offset)) continue
      for (const milestone of names) vetoes.push({ milestone, status: 'lifted', at: offset })
    } else if (what === 'veto') {
      for (const milestone of nonEmpty(milestones)) vetoes.push({ milestone, status: 'open', at: offset })
    } else if (byHand) for (const milestone of milestones) verdicts.push({ milestone, verdict: what })
  }
  if (!byHand) return { vetoes, findings, verdicts }
  for (const { text, from: start, to } of await shownHeadings(own, budget)) {
    if (to + begin <= from || told.has(start + begin) || findingHeading.test(text)) continue
    const spoken = await spokenIn(text)
    if (spoken?.what === 'veto') {
      for (const milestone of nonEmpty(spoken.milestones))
        vetoes.push({ milestone, status: 'open', at: start + begin })
    } else if (spoken !== null && spoken.what !== 'lift') {
      for (const milestone of spoken.milestones) verdicts.push({ milestone, verdict: spoken.what })
    }
  }
  // In the order in which they stand: one may lift what the one before has put.
  return { vetoes: vetoes.sort((a, b) => a.at - b.at), findings, verdicts }
}

const findingHeading = /^\[adversary\] (?<id>A[1-9]\d{0,5}): (?<rest>.*)$/

function nonEmpty(milestones: readonly string[]): readonly string[] {
  return milestones.length > 0 ? milestones : [everyMilestone]
}

/** Whether any of the words may be in it; what is spelt in other letters or with marks between may be one. */
function mayHold(own: Uint8Array, byHand: boolean): boolean {
  const text = Buffer.from(own).toString('latin1')
  if (/veto|\[adversary\]/i.test(text)) return true
  return byHand && /[^\0-\x7f]|[&<]|v\W*e\W*t\W*o|fail|inconclusive/i.test(text)
}
