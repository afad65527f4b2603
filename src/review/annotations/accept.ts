import { diffLines } from 'diff'
import { sha256 } from '../../lib/canonical.ts'
import { reachable } from '../../lib/graph.ts'
import { AdversaryError } from '../../lib/errors.ts'
import { toText } from '../../lib/text/clean.ts'
import { type Appended, firstDifference, startsWith } from '../../gate/append-only.ts'
import { viewPhase } from '../../gate/branch-view.ts'
import { reviewBranchOf } from '../../config/workspace.ts'
import type { Tip } from '../../record/publish.ts'
import { headings } from '../../render/locate.ts'
import { messageBody } from '../../render/message.ts'
import { reviewPlace } from '../place.ts'
import { annotate, type Annotated } from './annotate.ts'
import type { ReviewContext } from '../context/review-context.ts'

/** Bytes of a review file that no listed signer signed. */
export interface UnsignedPart {
  /** Byte offsets in the file, `to` exclusive; equal where signed bytes were removed. */
  readonly from: number
  readonly to: number
  /** Line on which it begins, from 1. */
  readonly line: number
  readonly text: string
  /** The signed bytes that stood here before; null: nothing signed was changed. */
  readonly was: string | null
}

/** What an `accept` would sign for. */
export interface Acceptance {
  readonly path: string
  /** Of the whole file as it stands, `sha256:…`. */
  readonly digest: string
  /** Of the whole file. */
  readonly bytes: number
  /** Empty: nothing to accept. */
  readonly parts: readonly UnsignedPart[]
  /** Why it must not be signed, one sentence each. */
  readonly refused: readonly string[]
}

/**
 * What of the phase's review file is not signed, at the tip of the branch of reviews.
 *
 * @throws AdversaryError `usage` where there is no file.
 */
export async function acceptance(context: ReviewContext, tip: Tip, phase: string): Promise<Acceptance> {
  const { path, why } = await reviewPlace(context.home, tip, phase)
  const file = await tip.readFile(path)
  if (file === null) throw new AdversaryError('usage', why ?? `there is no ${path} to accept`)
  const branch = { name: reviewBranchOf(context.home), tip: tip.sha, record: tip.record }
  const view = await viewPhase(context.git, context.trust, phase, branch, branch)
  const touches = [...view.appended.values()].filter(each => each.path === path)
  return {
    path,
    digest: sha256(file),
    bytes: file.length,
    parts: unsignedParts(file, touches, view.parents),
    refused: await changedHeadings(file, touches)
  }
}

/** Signs for the review file as it stands. Nothing is pushed where all of it is signed already. */
export function acceptFile(
  context: ReviewContext,
  phase: string,
  { reason, accepted, dryRun = false }: { reason: string; accepted: Acceptance; dryRun?: boolean }
): Promise<Annotated> {
  return annotate(
    context,
    phase,
    async (tip, at) => {
      const now = await acceptance(context, tip, phase)
      // A push that lost comes here again, and what was pushed meanwhile was not shown to anybody.
      if (now.digest !== accepted.digest || now.path !== accepted.path) {
        throw new AdversaryError('repository', 'the review file changed while it was being accepted', {
          hint: 'look at it again'
        })
      }
      if (now.parts.length === 0) return { unchanged: 'nothing to accept', finding: null }
      const [refused] = now.refused
      if (refused !== undefined) throw new AdversaryError('not-trusted', refused)
      return {
        section: `## Accepted @${at.slice(0, 16)}Z\n\nThe ${now.bytes} bytes above (\`${now.digest}\`) are signed for as they stand.\n`,
        finding: null,
        title: 'the review file accepted as it stands',
        body: messageBody([`${now.bytes} bytes, ${now.digest}.`, reason]),
        findings: [],
        accept: now.digest
      }
    },
    { dryRun }
  )
}

interface Span {
  readonly from: number
  readonly to: number
}

interface Change extends Span {
  readonly was: Uint8Array
}

/** How many lines may differ before the whole stretch between the first and the last of them is one change. */
const mostDifferences = 2000

/** Which lines of the file stand where others were signed. Bytes are compared, as Latin-1: one character a byte. */
function changesBetween(signed: Uint8Array, now: Uint8Array): readonly Change[] {
  const latin1 = (bytes: Uint8Array) => Buffer.from(bytes).toString('latin1')
  const parts = diffLines(latin1(signed), latin1(now), { maxEditLength: mostDifferences })
  if (parts === undefined) {
    const from = firstDifference(signed, now)
    const left = Math.min(signed.length, now.length) - from
    const suffix = Math.min(left, commonSuffix(signed, now))
    return [{ from, to: now.length - suffix, was: signed.subarray(from, signed.length - suffix) }]
  }
  const changes: Change[] = []
  let at = 0
  let open: { from: number; was: string } | null = null
  const close = () => {
    if (open !== null) changes.push({ from: open.from, to: at, was: Buffer.from(open.was, 'latin1') })
    open = null
  }
  for (const { added, removed, value } of parts) {
    if (!added && !removed) {
      close()
      at += value.length
      continue
    }
    const begun: { from: number; was: string } = open ?? { from: at, was: '' }
    open = removed ? { ...begun, was: begun.was + value } : begun
    if (added) at += value.length
  }
  close()
  return changes
}

function unsignedParts(
  file: Uint8Array,
  touches: readonly Appended[],
  parents: ReadonlyMap<string, readonly string[]>
): readonly UnsignedPart[] {
  const holding = touches.filter(({ bytes }) => startsWith(file, bytes))
  const accepted = holding.filter(
    ({ touch: { review } }) => review?.byReviewer === true && review.message.accept !== null
  )
  const acceptedTo = Math.max(0, ...accepted.map(({ bytes }) => bytes.length))
  const signed: Span[] = [
    { from: 0, to: acceptedTo },
    ...holding.map(({ from, bytes }) => ({ from, to: bytes.length }))
  ]
  // What an accept covers may differ from what was signed before it: that is what it was for.
  const covered = reachable(
    accepted.flatMap(({ touch }) => touch.commit.parents),
    parents
  )
  const broken = touches.filter(each => !holding.includes(each) && !covered.has(each.touch.commit.sha))
  const changes: Change[] = []
  const last = broken.reduce<Appended | undefined>(
    (longest, each) => (longest === undefined || each.bytes.length > longest.bytes.length ? each : longest),
    undefined
  )
  if (last !== undefined) {
    const start = firstDifference(last.bytes, file)
    // What was signed on top of the change is not part of it.
    const end = Math.min(file.length, ...holding.map(({ from }) => from).filter(from => from >= start))
    changes.push(...changesBetween(last.bytes, file.subarray(0, end)))
    // Lines that are still there were signed, or are told of with an older signature.
    signed.push({ from: Math.min(start, ...broken.map(({ from }) => from)), to: end })
  }
  const plain = complement([...signed, ...changes], file.length).map(span => ({ ...span, was: null }))
  return [...plain, ...changes]
    .sort((a, b) => a.from - b.from)
    .map(({ from, to, was }) => ({
      from,
      to,
      line: Buffer.from(file.subarray(0, from)).toString('latin1').split('\n').length,
      text: toText(file.subarray(from, to)),
      was: was === null ? null : toText(was)
    }))
}

function complement(spans: readonly Span[], length: number): readonly Span[] {
  const gaps: Span[] = []
  let at = 0
  for (const { from, to } of [...spans].sort((a, b) => a.from - b.from)) {
    if (from > at) gaps.push({ from: at, to: from })
    at = Math.max(at, to)
  }
  if (at < length) gaps.push({ from: at, to: length })
  return gaps
}

function commonSuffix(a: Uint8Array, b: Uint8Array): number {
  const end = Math.min(a.length, b.length)
  for (let at = 1; at <= end; at++) if (a[a.length - at] !== b[b.length - at]) return at - 1
  return end
}

/** A heading that a reader takes for a verdict, a veto or a finding. */
const meaningful = /\b(?:PASS|FAIL|INCONCLUSIVE)\b|veto|\[adversary\]/iu

async function meaningfulHeadings(bytes: Uint8Array, from = 0): Promise<readonly string[]> {
  return (await headings(bytes))
    .filter(({ offset }) => offset >= from)
    .map(({ text }) => text)
    .filter(text => meaningful.test(text.normalize('NFKC').replace(/\p{Cf}/gu, '')))
}

/**
 * A person signs for a typing error, never for another verdict: each heading with a meaning that was signed must stand
 * there as it was, and none may have been typed beside them. Where nothing is signed yet, a file is adopted as it is.
 */
async function changedHeadings(file: Uint8Array, touches: readonly Appended[]): Promise<readonly string[]> {
  if (touches.length === 0) return []
  const signed: string[] = []
  let accepted = 0
  for (const { touch, from, bytes } of touches) {
    const accepts = touch.review?.byReviewer === true && touch.review.message.accept !== null
    if (accepts) {
      signed.splice(0, signed.length, ...(await meaningfulHeadings(bytes)))
      accepted = bytes.length
    } else if (bytes.length > accepted) signed.push(...(await meaningfulHeadings(bytes, from)))
  }
  const left = [...(await meaningfulHeadings(file))]
  // What stood there before the first signature was not changed: it is adopted with the file.
  const [first] = touches
  const adopted = first === undefined ? [] : await meaningfulHeadings(first.bytes.subarray(0, first.from))
  const refused: string[] = []
  for (const heading of signed) {
    const at = left.indexOf(heading)
    if (at >= 0) left.splice(at, 1)
    else refused.push(`the signed heading ${JSON.stringify(heading)} was changed or removed`)
  }
  for (const heading of adopted) {
    const at = left.indexOf(heading)
    if (at >= 0) left.splice(at, 1)
  }
  return [
    ...refused,
    ...left.map(
      heading =>
        `the heading ${JSON.stringify(heading)} is not signed, and says a verdict, a veto or a finding`
    )
  ]
}
