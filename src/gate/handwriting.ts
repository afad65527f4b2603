import type { Commit } from '../doors/git.ts'
import type { SignedReview, Trust } from '../record/record.ts'
import type { FindingTrailer, ReviewMessage } from '../record/trailers.ts'
import { headings } from '../tell/locate.ts'
import type { Appended } from './proof.ts'

/** Stands for all milestones of a phase where somebody blocks without saying which. */
export const everyMilestone = '*'

/**
 * The reviews of the phase together with what listed people wrote into its file by hand: a veto and a finding
 * close gates without a trailer too.
 */
export function withHandwriting(
  signed: readonly SignedReview[],
  appended: ReadonlyMap<string, Appended>,
  history: readonly Commit[],
  trust: Trust
): readonly SignedReview[] {
  const reviews = new Map(signed.map(review => [review.commit.sha, review]))
  const phase = signed[0]?.message.phase ?? ''
  for (const { touch, from, bytes } of appended.values()) {
    const { commit, principal } = touch
    const said = handwriting(bytes.subarray(from))
    if (said.vetoes.length + said.findings.length === 0) continue
    const review = reviews.get(commit.sha)
    if (review === undefined) {
      const message = { ...silent, phase, ...said }
      reviews.set(commit.sha, { commit, principal, byReviewer: principal === trust.reviewer, message })
    } else {
      const known = new Set(review.message.vetoes.map(({ milestone }) => milestone))
      const vetoes = [
        ...review.message.vetoes,
        ...said.vetoes.filter(({ milestone }) => !known.has(milestone))
      ]
      reviews.set(commit.sha, { ...review, message: { ...review.message, vetoes } })
    }
  }
  const order = [...new Set(history.map(({ sha }) => sha))]
  // Within one branch the dates follow the history; this puts two branches into one order.
  return order
    .flatMap(sha => reviews.get(sha) ?? [])
    .sort((a, b) =>
      a.commit.committedAt < b.commit.committedAt ? -1 : a.commit.committedAt > b.commit.committedAt ? 1 : 0
    )
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
  plan: null,
  evidence: null,
  policy: null,
  accept: null
}

function handwriting(bytes: Uint8Array): Pick<ReviewMessage, 'vetoes' | 'findings'> {
  const vetoes: ReviewMessage['vetoes'][number][] = []
  const findings: FindingTrailer[] = []
  // Parsing is slow, and most sections hold neither word.
  const worthReading = /veto|\[adversary\]/i.test(Buffer.from(bytes).toString('latin1'))
  const all = worthReading ? headings(bytes) : []
  for (const [index, { depth, text, offset }] of all.entries()) {
    // Whatever a person calls a veto closes; lifting one takes the exact words.
    const lifted =
      depth === 2 ? /^VETO LIFTED (?<milestone>[^\s:]+):/.exec(text)?.groups?.['milestone'] : undefined
    if (lifted !== undefined) vetoes.push({ milestone: lifted, status: 'lifted' })
    else if (/^\W*veto\b(?!\W+lifted\b)/i.test(text)) {
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
    findings.push({ id: finding['id'] ?? '', status, blocks })
  }
  return { vetoes, findings }
}
