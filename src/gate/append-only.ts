import { reachable } from '../lib/graph.ts'
import { sha256 } from '../lib/canonical.ts'
import type { Commit, FileAt } from '../git/git-types.ts'
import type { SignedReview } from '../record/record.ts'

/** A commit by somebody on the list that touches a review file. */
export interface Touch {
  readonly commit: Commit
  readonly principal: string
  /** The review that it is; null for a commit made by hand. */
  readonly review: SignedReview | null
  /** Why the commit is not one that the product writes; then only what it closes counts. */
  readonly odd?: { readonly why: string; readonly common: boolean }
}

/** What a listed signer appended: bytes `from` the old end of the file. */
export interface Appended {
  readonly touch: Touch
  /** The review file that it was appended to. */
  readonly path: string
  readonly from: number
  /** The whole file as of that commit. */
  readonly bytes: Uint8Array
}

export interface Proof {
  readonly appended: readonly Appended[]
  /** Why the file is not what its signers made it. */
  readonly problems: readonly string[]
}

/**
 * Proves that a review file only grew. Each listed signer's commit is its single parent's bytes plus those it
 * signed for, and its bytes are still what the tip's file begins with, unless an accepted state came after it.
 * A person on the list may also put back exactly what the file was at some time in that commit's history: what an
 * edit or a deletion took, or an edit of their own. Nothing of what is put back is theirs.
 *
 * @param touches parents before children, all reachable from the tip.
 * @param history commits reachable from the tip, parents before children.
 * @param parents of all of these.
 */
export async function proveAppendOnly(input: {
  readonly path: string
  readonly tip: string
  readonly touches: readonly Touch[]
  /** The principal whose verdicts count. */
  readonly reviewer: string
  readonly history: readonly Commit[]
  readonly parents: ReadonlyMap<string, readonly string[]>
  file(commit: string, path: string): Promise<FileAt>
}): Promise<Proof> {
  const { path, tip, touches, reviewer, history, parents, file } = input
  const problems: { readonly sha: string; readonly why: string }[] = []
  const appended: Appended[] = []

  const bytesAt = async (commit: string): Promise<Uint8Array | string> => {
    const found = await file(commit, path)
    if (found.kind === 'refused') return found.why
    return found.kind === 'absent' ? new Uint8Array() : found.bytes
  }

  const now = await bytesAt(tip)
  if (typeof now === 'string')
    return { appended, problems: touches.length > 0 ? [`${path} cannot be read: ${now}`] : [] }

  const current: Uint8Array = now
  const accepted = new Set<string>()
  /** Edits by hand of listed people, which they may take back. */
  const edits: { readonly touch: Touch; readonly before: Uint8Array }[] = []
  const restoredBy: Touch[] = []
  for (const touch of touches) {
    const { commit, review } = touch
    const fault = (why: string) =>
      problems.push({ sha: commit.sha, why: `${commit.sha.slice(0, 12)} (${touch.principal}) ${why}` })
    const [parent] = commit.parents
    const [own, before] = await Promise.all([
      bytesAt(commit.sha),
      parent === undefined ? new Uint8Array() : bytesAt(parent)
    ])
    if (typeof own === 'string') {
      fault(`leaves ${path} unreadable: ${own}`)
      continue
    }
    if (commit.parents.length > 1) {
      // A merge that takes the file as one side has it says nothing of its own; what it drops, the tip lacks.
      const sides = await Promise.all(commit.parents.map(bytesAt))
      if (sides.some(side => typeof side !== 'string' && same(side, own))) continue
      fault(`is a merge and changes ${path} by itself`)
      continue
    }
    const older = review === null ? await longestOlder(commit, own, before) : null
    if (older !== null) {
      restoredBy.push(touch)
      appended.push({ touch, path, from: older, bytes: asTip(own) })
      continue
    }
    if (typeof before === 'string' || !startsWith(own, before)) {
      if (review === null && typeof before !== 'string') edits.push({ touch, before })
      fault(`changes what ${path} held before it`)
      continue
    }
    const added = own.subarray(before.length)
    const section = review?.message.section
    if (review !== null && section?.path === path) {
      if (sha256(added) !== section.digest) {
        fault(`appends other bytes to ${path} than it signs for in Adversary-Section`)
        continue
      }
      if (review.message.accept !== null && review.byReviewer) {
        if (sha256(before) !== review.message.accept) {
          fault(`accepts another state of ${path} than the one it builds on`)
          continue
        }
        for (const sha of reachable(commit.parents, parents)) accepted.add(sha)
      }
    }
    appended.push({ touch, path, from: before.length, bytes: asTip(own) })
  }

  // An edit that its author or the reviewer took back, and of which nothing is left, is no fault.
  for (const { touch, before } of edits) {
    const takenBack = restoredBy.some(
      by =>
        (by.principal === touch.principal || by.principal === reviewer) &&
        reachable(by.commit.parents, parents).has(touch.commit.sha)
    )
    if (takenBack && startsWith(now, before)) accepted.add(touch.commit.sha)
  }

  const holding = new Set(appended.filter(({ bytes }) => startsWith(now, bytes)).map(({ touch }) => touch))
  for (const { touch, bytes } of appended) {
    if (holding.has(touch) || accepted.has(touch.commit.sha)) continue
    const at = firstDifference(bytes, now)
    const culprit = await whoChanged(touch.commit.sha, bytes)
    const by =
      culprit === null
        ? ''
        : ` by ${culprit.parents.length > 1 ? 'the merge' : 'commit'} ${culprit.sha.slice(0, 12)}`
    problems.push({
      sha: touch.commit.sha,
      why: `${path}: bytes ${at} to ${bytes.length}, signed for in ${touch.commit.sha.slice(0, 12)}, were changed or removed${by}`
    })
    break
  }
  // What an accepted state covers is no longer a fault of the file.
  return { appended, problems: problems.filter(({ sha }) => !accepted.has(sha)).map(({ why }) => why) }

  /** A view of the tip's bytes where they are the same: a long record is not held once for each review. */
  function asTip(own: Uint8Array): Uint8Array {
    return startsWith(current, own) ? current.subarray(0, own.length) : own
  }

  /**
   * How many bytes of what a commit by hand made of the file stood there before in its own history, though not in
   * its parent; null where the parent's are all that did.
   */
  async function longestOlder(
    commit: Commit,
    own: Uint8Array,
    before: Uint8Array | string
  ): Promise<number | null> {
    const kept = typeof before !== 'string' && startsWith(own, before) ? before.length : -1
    const past = reachable(commit.parents, parents)
    let longest = Math.max(kept, 0)
    const consider = (state: Uint8Array) => {
      const counts = kept >= 0 || state.length === own.length
      if (counts && state.length > longest && startsWith(own, state)) longest = state.length
    }
    for (const { touch, bytes } of appended) if (past.has(touch.commit.sha)) consider(bytes)
    for (const { touch, before: state } of edits) if (past.has(touch.commit.sha)) consider(state)
    // What was appended is no more than that, unless a signed state was gone; then those that nobody signed count too.
    if (kept >= 0 && longest === kept) return null
    for (const { sha } of history) {
      if (!past.has(sha)) continue
      const state = await bytesAt(sha)
      if (typeof state !== 'string') consider(state)
    }
    return longest > Math.max(kept, 0) ? longest : null
  }

  /** The first commit after `from` in which the file no longer begins with those bytes, though a parent's did. */
  async function whoChanged(from: string, bytes: Uint8Array): Promise<Commit | null> {
    const holds = new Set([from])
    for (const commit of history) {
      if (!commit.parents.some(parent => holds.has(parent))) continue
      const there = await bytesAt(commit.sha)
      if (typeof there === 'string' || !startsWith(there, bytes)) return commit
      holds.add(commit.sha)
    }
    return null
  }
}

export function startsWith(bytes: Uint8Array, prefix: Uint8Array): boolean {
  return bytes.length >= prefix.length && Buffer.compare(bytes.subarray(0, prefix.length), prefix) === 0
}

function same(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && startsWith(a, b)
}

/** How many bytes both begin with. */
export function firstDifference(a: Uint8Array, b: Uint8Array): number {
  const end = Math.min(a.length, b.length)
  for (let at = 0; at < end; at++) if (a[at] !== b[at]) return at
  return end
}
