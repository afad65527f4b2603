import { counted } from '../lib/text/counted.ts'
import type { Policy } from '../record/policy.ts'
import type { Distrusted, SignedReview } from '../record/record.ts'
import { type Claim, type ExitCode, exitCode, type Verdict } from '../lib/words.ts'

/** A standing veto, an open finding, or a verdict that somebody signed by hand. */
export interface Blocker {
  readonly what: 'veto' | 'finding' | 'FAIL' | 'INCONCLUSIVE'
  readonly id: string
  readonly commit: string
  readonly by: string
  /** Milestones; `*` for all of the phase. */
  readonly blocks: readonly string[]
}

/** What the judgement of one milestone rests on. Gathered by view.ts. */
export interface MilestoneFacts {
  readonly phase: string
  readonly milestone: string
  /** The review that decides; null where the reviewer has signed no verdict. */
  readonly review: SignedReview | null
  /** The worst verdict on that review's claim. */
  readonly verdict: Verdict | null
  readonly claims: readonly Claim[]
  /** Verdicts on this milestone that the reviewer signed for another repo. */
  readonly elsewhere: readonly SignedReview[]
  readonly claimInBranch: boolean
  readonly claimInBuilt: boolean
  readonly claimInReview: boolean
  /** Claims that nobody has answered and the judged one does not build on. */
  readonly newer: readonly Claim[]
  readonly branch: string
  /** The newest policy of the phase, and what it says of this milestone. */
  readonly policy: Policy | null
  readonly rules: Policy['milestones'][number] | null
  /** Commits after the claim that touch what the milestone watches. */
  readonly touched: readonly string[]
  /** Trees on the way to what the milestone watches that git would not write, as sentences. */
  readonly crooked: readonly string[]
  readonly disagreements: readonly string[]
  /** What it needs to be open, with what their judgement rests on. Null: it is needed there itself, in a circle. */
  readonly needs: readonly { readonly milestone: string; readonly facts: MilestoneFacts | null }[]
  readonly blockers: readonly Blocker[]
  readonly distrusted: readonly Distrusted[]
  /** Verdicts that a force-push took off the branch after the one that decides. */
  readonly removed: readonly { readonly review: string; readonly verdict: Verdict; readonly said: string }[]
  /** The file shows a PASS of this milestone that nobody signed. */
  readonly typed: boolean
}

/** Why a gate is closed. */
export interface Obstacle {
  readonly code: Exclude<ExitCode, 0>
  readonly why: string
  readonly next: string
  /** Time or the next review may take it away. */
  readonly mayChange: boolean
  /** What was reviewed is no longer what is asked about. */
  readonly stale?: true
}

/** How far a signer's clock may go before ours, in milliseconds. */
const clockTolerance = 10 * 60_000

/**
 * All that keeps the gate of a milestone closed. Nothing: it is open. Pure.
 *
 * @param now milliseconds since 1970. @param repo what the pipeline calls the repo; null: it does not say.
 */
export function judgeMilestone(facts: MilestoneFacts, now: number, repo: string | null): readonly Obstacle[] {
  return judge(facts, { now, repo, judged: new Map() })
}

interface Judging {
  readonly now: number
  readonly repo: string | null
  /** A milestone that many need is judged once. */
  readonly judged: Map<MilestoneFacts, readonly Obstacle[]>
}

function judge(facts: MilestoneFacts, judging: Judging): readonly Obstacle[] {
  const known = judging.judged.get(facts)
  if (known !== undefined) return known
  const obstacles = obstaclesOf(facts, judging)
  judging.judged.set(facts, obstacles)
  return obstacles
}

function obstaclesOf(facts: MilestoneFacts, judging: Judging): readonly Obstacle[] {
  const { now, repo } = judging
  const { review } = facts
  if (review === null || facts.verdict === null)
    return [...removed(facts), ...unreviewed(facts, repo), ...blocked(facts)]
  const obstacles: Obstacle[] = []
  const add = (
    code: Obstacle['code'],
    why: string,
    next: string,
    mayChange = code === exitCode.notProven
  ) => {
    obstacles.push({ code, why, next, mayChange })
  }
  const name = `${facts.phase}-${facts.milestone}`
  const claim = review.message.claim ?? ''
  const commit = review.commit.sha.slice(0, 12)
  const again = `git commit --allow-empty -m "claim(${name}): …"`
  const look = `git show ${commit}`

  for (const why of facts.disagreements)
    add(exitCode.notTrusted, `the review ${commit} does not agree with itself: ${why}`, look)
  for (const why of facts.crooked)
    add(
      exitCode.notTrusted,
      `the content that ${facts.milestone} depends on is unknown: ${why}`,
      'recreate that folder with git, and claim again'
    )
  if (!facts.claimInBranch) {
    add(
      exitCode.notTrusted,
      `the review ${commit} answers ${claim.slice(0, 12)}, which is not a claim of ${name} in the history of ${facts.branch}`,
      look
    )
  } else if (!facts.claimInReview) {
    add(exitCode.notTrusted, `the review ${commit} answers a claim that is not in its history`, look)
  } else if (!facts.claimInBuilt) {
    add(
      exitCode.notProven,
      `the commit being built does not contain the reviewed claim ${claim.slice(0, 12)}`,
      `build a commit that contains ${claim.slice(0, 12)}`,
      false
    )
  }

  if (repo !== null && review.message.repo === null && facts.verdict === 'PASS') {
    const why = `the review ${commit} does not name its repository; this one is ${repo}`
    add(exitCode.notProven, why, again, false)
  }
  if (facts.verdict === 'FAIL')
    add(
      exitCode.fail,
      `${facts.milestone} failed: ${reasonOf(review.message).replace(failedCount, '$1')}`,
      `fix it, then ${again}`
    )
  if (facts.verdict === 'INCONCLUSIVE') {
    const why = `${facts.milestone} is not proven: ${reasonOf(review.message)}`
    add(exitCode.notProven, why, again, false)
  }
  obstacles.push(...blocked(facts))
  obstacles.push(...removed(facts))
  obstacles.push(...stale(facts, review, now, again))
  obstacles.push(...unmet(facts, judging, obstacles.length > 0))
  return obstacles
}

/** `1 of 2 checks failed`, as a reason of a FAIL begins: after "M2 failed:" the word is not needed again. */
const failedCount = /^(\d+ of \d+ checks|all \d+ checks|both checks|the only check) failed(?=:| \()/

/** Why the verdict is what it is, in the words of the commit that carries it. */
export function reasonOf({ milestone, verdict, body, title }: SignedReview['message']): string {
  const head = `${milestone} ${verdict}: `
  const line = body.split('\n').find(each => each.startsWith(head))
  return line === undefined
    ? `the review gives no reason (${title})`
    : line.slice(head.length).replace(/\.$/, '')
}

/** A newer verdict on the milestone was removed by a force-push. */
function removed({ removed, milestone, phase }: MilestoneFacts): readonly Obstacle[] {
  return removed.map(({ review, verdict, said }) => ({
    code: exitCode.notProven,
    why: `a later verdict on ${milestone} was removed from the branch by a force-push: ${verdict}, ${review.slice(0, 12)} (recorded by ${said.slice(0, 12)})`,
    next: `git commit --allow-empty -m "claim(${phase}-${milestone}): …"`,
    mayChange: true,
    stale: true
  }))
}

function unreviewed(facts: MilestoneFacts, repo: string | null): readonly Obstacle[] {
  const { milestone, phase } = facts
  const name = `${phase}-${milestone}`
  const other = facts.elsewhere.at(-1)
  const newest = facts.claims.at(-1)?.sha
  // Whoever has claimed again since waits for a review, as everybody does.
  if (other !== undefined && facts.elsewhere.some(({ elsewhere }) => elsewhere?.claim === newest)) {
    const made = other.elsewhere?.repo
    const why = `the review ${other.commit.sha.slice(0, 12)} was made for the repository ${made}; this one is ${repo}`
    const next = `claim it here: git commit --allow-empty -m "claim(${name}): …"; if ${made} is another name of this repository, set --repo ${made} or ADVERSARY_REPO`
    return [{ code: exitCode.notTrusted, why, next, mayChange: false }]
  }
  const [forged] = facts.distrusted
  if (forged !== undefined) {
    const why = `${forged.commit.sha.slice(0, 12)} is a review of ${name} that cannot be trusted: ${forged.why}`
    return [
      {
        code: exitCode.notTrusted,
        why,
        next: `git show --show-signature ${forged.commit.sha.slice(0, 12)}`,
        mayChange: false
      }
    ]
  }
  if (facts.typed) {
    const why = `the review file shows a PASS of ${milestone} that no signed review supports`
    return [
      {
        code: exitCode.notTrusted,
        why,
        next: `remove it, or claim ${name} and wait for its review`,
        mayChange: false
      }
    ]
  }
  if (facts.claims.length > 0) {
    const next = `adversary gate ${name} --wait 30m, or gate on the review's own push`
    return [
      { code: exitCode.notProven, why: `${milestone} is claimed but not reviewed yet`, next, mayChange: true }
    ]
  }
  const unknown = facts.policy !== null && facts.rules === null
  return [
    {
      code: exitCode.notProven,
      why: unknown ? `the plan of ${phase} has no ${milestone}` : `${milestone} is not claimed yet`,
      next: `git commit --allow-empty -m "claim(${name}): …"`,
      mayChange: true
    }
  ]
}

function blocked(facts: MilestoneFacts): readonly Obstacle[] {
  return facts.blockers.map(({ what, id, by, commit, blocks }): Obstacle => {
    const at = commit.slice(0, 12)
    switch (what) {
      case 'veto':
        return {
          code: exitCode.fail,
          why: `${by} vetoes ${id} (${at})`,
          next: `settle it with ${by}, who lifts it with "## VETO LIFTED ${id}: …"`,
          mayChange: false
        }
      case 'finding':
        return {
          code: exitCode.fail,
          why: `finding ${id} is open and blocks ${blocks.includes('*') ? 'the phase' : blocks.join(', ')} (${at})`,
          next: `fix ${id}; the reviewer closes it when it is fixed`,
          mayChange: false
        }
      case 'FAIL':
      case 'INCONCLUSIVE':
        return {
          code: what === 'FAIL' ? exitCode.fail : exitCode.notProven,
          why: `${by} signed ${what} for ${id} by hand (${at}), and no newer PASS of the reviewer covers it`,
          next: `git commit --allow-empty -m "claim(${facts.phase}-${facts.milestone}): …"`,
          mayChange: what === 'INCONCLUSIVE'
        }
    }
  })
}

function stale(facts: MilestoneFacts, review: SignedReview, now: number, again: string): readonly Obstacle[] {
  const obstacles: Obstacle[] = []
  const { milestone, phase, policy, rules } = facts
  const add = (why: string, next = again, mayChange = true) => {
    obstacles.push({
      code: exitCode.notProven,
      why: `the verdict on ${milestone} is stale: ${why}`,
      next,
      mayChange,
      stale: true
    })
  }
  const [newer] = facts.newer
  if (newer !== undefined) {
    add(
      `a newer claim ${newer.sha.slice(0, 12)} waits for its review`,
      `adversary gate ${phase}-${milestone} --wait 30m`
    )
  }
  if (policy !== null && policy.branch !== facts.branch) {
    add(
      `the reviews of ${phase} are about the branch ${policy.branch}, not ${facts.branch}`,
      `adversary gate ${phase}-${milestone} --branch ${policy.branch}`,
      false
    )
  }
  if (rules === null) {
    if (facts.verdict === 'PASS') add(`the plan of ${phase} no longer has it`)
    return obstacles
  }
  const [touch] = facts.touched
  if (touch !== undefined)
    add(`${touch.slice(0, 12)} came after the claim and changes a path that it watches`)

  const age = now - Date.parse(review.commit.committedAt)
  if (!(age <= rules.maxAge)) add(`it is ${days(age)} old; the limit is ${days(rules.maxAge)}`)
  if (age < -clockTolerance)
    add(
      `it is dated ${review.commit.committedAt}, in the future`,
      'check the clocks of the reviewer and of this machine',
      false
    )

  const then = review.message.policy?.milestones.find(known => known.milestone === milestone)
  if (facts.verdict === 'PASS' && then?.checks !== rules.checks) add('its checks have changed since')
  return obstacles
}

/** What the milestone needs and is not open, by the same judgement. */
function unmet(
  { milestone, phase, needs }: MilestoneFacts,
  { now, judged }: Judging,
  isClosed: boolean
): readonly Obstacle[] {
  return needs.flatMap(({ milestone: needed, facts }): readonly Obstacle[] => {
    const next = `adversary gate ${phase}-${needed}`
    const code = exitCode.notProven
    const why = `the verdict on ${milestone} is stale: it needs ${needed}, which`
    if (facts === null) {
      return [{ code, why: `${why} needs it in turn, so neither can be open first`, next, mayChange: false }]
    }
    // The review of what needs it names the repository, and the reviewer has seen that PASS in it.
    const obstacles = judge(facts, { now, repo: null, judged })
    const [first] = obstacles
    // Where both are closed, mostly by one cause, its own reasons come first.
    if (first === undefined || (isClosed && facts.verdict === 'PASS')) return []
    const state =
      facts.verdict === 'PASS'
        ? `is not open: ${first.why}`
        : facts.verdict === null
          ? 'has no verdict'
          : `is ${facts.verdict}`
    const mayChange = facts.verdict !== 'PASS' || obstacles.every(each => each.mayChange)
    return [{ code, why: `${why} ${state}`, next, mayChange }]
  })
}

function days(ms: number): string {
  const hours = Math.floor(ms / 3_600_000)
  return hours < 48 ? counted(hours, 'hour') : counted(Math.floor(hours / 24), 'day')
}
