import type { Commit } from '../doors/git.ts'
import type { SignedReview, Trust } from '../record/record.ts'
import type { FindingTrailer, ReviewMessage } from '../record/trailers.ts'
import { type Heading, headings } from '../tell/locate.ts'
import { type Appended, startsWith } from './proof.ts'

/** Stands for all milestones of a phase where somebody blocks without saying which. */
export const everyMilestone = '*'

/**
 * The reviews of the phase together with what listed people wrote into its file by hand: a veto and a finding
 * close gates without a trailer too.
 */
export async function withHandwriting(
  signed: readonly SignedReview[],
  appended: ReadonlyMap<string, Appended>,
  history: readonly Commit[],
  trust: Trust
): Promise<readonly SignedReview[]> {
  const reviews = new Map(signed.map(review => [review.commit.sha, review]))
  const phase = signed[0]?.message.phase ?? ''
  const headingsIn = reader([...appended.values()].map(({ bytes }) => bytes))
  for (const { touch, from, bytes } of appended.values()) {
    const { commit, principal } = touch
    const review = reviews.get(commit.sha)
    const said = await handwriting(bytes, from, { headingsIn, byHand: review === undefined })
    if (said.vetoes.length + said.findings.length === 0) continue
    if (review === undefined) {
      const message = { ...silent, phase, ...said }
      reviews.set(commit.sha, { commit, principal, byReviewer: principal === trust.reviewer, message })
    } else {
      const known = new Set(review.message.vetoes.map(({ milestone }) => milestone))
      // What lifts one is in the trailers: the prose of a review quotes hosts and builders.
      const put = said.vetoes.filter(({ milestone, status }) => status === 'open' && !known.has(milestone))
      const vetoes = [...review.message.vetoes, ...put]
      reviews.set(commit.sha, { ...review, message: { ...review.message, vetoes } })
    }
  }
  return inOrder(reviews, history)
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
function reader(files: readonly Uint8Array[]): (bytes: Uint8Array) => Promise<readonly Heading[]> {
  const longest = [...files].sort((a, b) => b.length - a.length)
  const read = new Map<Uint8Array, readonly Heading[]>()
  return async bytes => {
    // A last line without an end may have been written on by somebody else.
    const whole = bytes.at(-1) === 0x0a ? (longest.find(file => startsWith(file, bytes)) ?? bytes) : bytes
    const found = read.get(whole) ?? (await headings(whole))
    read.set(whole, found)
    return found.filter(({ offset }) => offset < bytes.length)
  }
}

/**
 * What stands in the bytes behind `from`. It lifts and closes only where the file shows a heading. What a person
 * writes by hand vetoes and opens also where something that was left open before it hides that.
 */
async function handwriting(
  bytes: Uint8Array,
  from: number,
  { headingsIn, byHand }: { headingsIn: ReturnType<typeof reader>; readonly byHand: boolean }
): Promise<Pick<ReviewMessage, 'vetoes' | 'findings'>> {
  const vetoes: ReviewMessage['vetoes'][number][] = []
  const findings: FindingTrailer[] = []
  const own = bytes.subarray(from)
  // Parsing is slow, and most sections hold neither word.
  if (!/veto|\[adversary\]/i.test(Buffer.from(own).toString('latin1'))) return { vetoes, findings }
  const shown = (await headingsIn(bytes)).filter(({ offset }) => offset >= from)
  const heard = byHand ? await headings(own) : []
  const alone = heard.map(heading => ({ ...heading, offset: heading.offset + from }))
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
  for (const [index, { depth, text, offset }] of all.entries()) {
    // Whatever a person calls a veto closes; lifting one takes the exact words.
    const lifted =
      depth === 2 ? /^VETO LIFTED (?<milestone>[^\s:]+):/.exec(text)?.groups?.['milestone'] : undefined
    if (lifted !== undefined) {
      if (visible.has(offset)) vetoes.push({ milestone: lifted, status: 'lifted' })
    } else if (/^\W*veto\b(?!\W+lifted\b)/i.test(text)) {
      const named = /^\W*veto\W+(?<milestone>[a-z]{1,4}\d[\w.]*)/i.exec(text)?.groups?.['milestone']
      vetoes.push({ milestone: named?.replace(/\.$/, '') ?? everyMilestone, status: 'open' })
    }
    if (depth !== 2) continue
    const finding = /^\[adversary\] (?<id>A[1-9]\d{0,5}): (?<rest>.*)$/.exec(text)?.groups
    if (finding === undefined) continue
    const section = Buffer.from(bytes.subarray(offset, all[index + 1]?.offset)).toString()
    const named = /\*\*Blocks:\*\*(?<blocks>[^·\n]*)/.exec(section)?.groups?.['blocks']
    const blocks = named?.split(/[\s,]+/).filter(word => word !== '') ?? [everyMilestone]
    const status = /^CLOSED\b/.test(finding['rest'] ?? '') ? 'closed' : 'open'
    if (status === 'open' || visible.has(offset)) findings.push({ id: finding['id'] ?? '', status, blocks })
  }
  return { vetoes, findings }
}
