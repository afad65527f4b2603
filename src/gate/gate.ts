import { join } from 'node:path'
import { AdversaryError } from '../lib/errors.ts'
import { defaultPatterns } from '../record/claim.ts'
import { misspelt } from './misspelt.ts'
import { removeFolder, temporaryFolder } from '../os/files.ts'
import { type Git, type Login, openClone } from '../git/clone.ts'
import { type Commit } from '../git/git-types.ts'
import { policyOf, type Trust } from '../record/record.ts'
import { vetoesOf } from '../record/finding-history.ts'
import { type ExitCode, exitCode, type Verdict } from '../lib/words.ts'
import { verdictLine } from './agree.ts'
import { judgeMilestone, type MilestoneFacts, type Obstacle } from './judge-milestone.ts'
import {
  type BranchView,
  knownNames,
  type PhaseView,
  readBranch,
  viewMilestone,
  viewPhase
} from './branch-view.ts'

export interface GateOptions {
  /** `pvfix-M2`, or a whole phase: `pvfix`. */
  readonly gate: string
  readonly remote: string
  /** Default: the remote's. */
  readonly branch?: string
  /** Where reviews are pushed when not on the branch itself. */
  readonly reviewBranch?: string
  /** The commit being built; default: the branch's tip. */
  readonly commit?: string
  /** Content in git's allowed-signers format; null: none was given. */
  readonly allowedSigners: string | null
  readonly revoked?: Uint8Array
  /** Principal whose verdicts count; null: none was given. */
  readonly reviewer: string | null
  /** What the pipeline calls the repo: a review that was made for another one does not open this gate. */
  readonly repo?: string
  /** For the remote, where neither its URL nor git's own credentials have one. */
  readonly login?: Login
  /** Milliseconds since 1970. */
  readonly now: number
  readonly signal?: AbortSignal
}

export interface GateAnswer {
  readonly gate: string
  readonly code: ExitCode
  /** What the newest trusted review said; null without one. For a phase: the worst. */
  readonly verdict: Verdict | null
  /** Sentences: what is missing or why it is open, most important first. At least one. */
  readonly reasons: readonly string[]
  readonly review: {
    readonly path: string
    readonly commit: string
    readonly claim: string
    readonly signedAt: string
    /** Line of the section's heading in the file, as of the commit; null where it shows none. */
    readonly line: number | null
    /** Digest of the plan that was used. */
    readonly plan: string | null
  } | null
  /** What to run next; null when the gate is open. */
  readonly next: string | null
  /** A phase's milestones, one by one. */
  readonly milestones?: readonly GateAnswer[]
  /** Waiting may help: nothing reviewed yet, or stale. Not for FAIL, not for what is not trusted. */
  readonly mayChange: boolean
  /** Why the verdict is stale, or no longer the newest; null where it is neither, and for a phase. */
  readonly stale: string | null
}

/** A gate that may be asked more than once. */
export interface Gate {
  /**
   * May it proceed, as of now?
   *
   * @param now milliseconds since 1970.
   * @throws as `gateOnce`.
   */
  look(now: number): Promise<GateAnswer>
  /** Takes the clone away. */
  close(): Promise<void>
}

/**
 * Asks once, in a temporary clone of its own that is gone afterwards. Nothing of the folder it runs in is read.
 *
 * @throws AdversaryError `usage` for a name that is none, `repository` when the remote cannot be read,
 * `missing-tool` without git or ssh-keygen.
 */
export async function gateOnce(options: GateOptions): Promise<GateAnswer> {
  const gate = openGate(options)
  try {
    return await gate.look(options.now)
  } finally {
    await gate.close()
  }
}

/**
 * The same for more than one look: the clone is made with the first and fetched into by the others, and where no
 * branch has moved the answer is the one before.
 *
 * @throws AdversaryError `usage` for a name that is none.
 */
export function openGate(options: Omit<GateOptions, 'now'>): Gate {
  const { gate } = options
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,128}$/.test(gate)) {
    throw new AdversaryError('usage', `${JSON.stringify(gate)} names neither a phase nor a milestone`)
  }
  const signers = signersOf(options)
  let clone: { readonly folder: string; readonly git: Git } | null = null
  let last: Asked | null = null

  const opened = async (): Promise<Git> => {
    const folder = await temporaryFolder('adversary-gate-')
    const { remote: url, signal, login } = options
    try {
      const git = await openClone({
        url,
        dir: join(folder, 'clone.git'),
        ...(signal === undefined ? {} : { signal }),
        ...(login === undefined ? {} : { login })
      })
      clone = { folder, git }
      return git
    } catch (error) {
      await removeFolder(folder)
      throw error
    }
  }

  return {
    async look(now) {
      if ('why' in signers) return closed(gate, [signers])
      const git = clone?.git ?? (await opened())
      if (last === null || (await moved(git, last.tips))) last = await ask(git, { ...options, now }, signers)
      return last.answer
    },
    async close() {
      await clone?.git.close()
      if (clone !== null) await removeFolder(clone.folder)
    }
  }
}

interface Asked {
  readonly answer: GateAnswer
  /** The branches that it rests on, as they were; null: on more than that. */
  readonly tips: ReadonlyMap<string, string | null> | null
}

/** Whether anything that the answer rests on may be another one now. What is not open does not open by waiting. */
async function moved(git: Git, tips: Asked['tips']): Promise<boolean> {
  if (tips === null) return true
  for (const [branch, tip] of tips) if ((await git.remoteTip(branch)) !== tip) return true
  return false
}

function signersOf({ allowedSigners, reviewer, revoked }: Omit<GateOptions, 'now'>): Trust | Obstacle {
  const refuse = (why: string, next: string): Obstacle => ({
    code: exitCode.notTrusted,
    why,
    next,
    mayChange: false
  })
  const hasLine = allowedSigners?.split('\n').some(line => line.trim() !== '' && !line.trim().startsWith('#'))
  if (allowedSigners === null || !hasLine) {
    const how =
      "set ADVERSARY_ALLOWED_SIGNERS to lines of git's allowed-signers format, or --allowed-signers FILE"
    return refuse(
      'no signer is allowed, so nothing can be trusted',
      `${how}; never a file of the repository that is built`
    )
  }
  const keys = allowedSigners.split('\n').filter(line => /\s(?:sk-)?(?:ssh|ecdsa)-/.test(line))
  if (keys.length === 0) {
    return refuse(
      'the list of allowed signers holds no key, so nothing can be trusted',
      'ADVERSARY_ALLOWED_SIGNERS holds the lines themselves, not the path of a file: NAME namespaces="git" ssh-ed25519 AAAA…'
    )
  }
  if (reviewer === null || reviewer === '') {
    return refuse(
      'no reviewer is named, so no verdict can be trusted',
      'set ADVERSARY_REVIEWER to the principal whose verdicts count, or --reviewer NAME'
    )
  }
  const names = keys.flatMap(line => line.trim().split(/\s/, 1)[0]?.replaceAll('"', '').split(',') ?? [])
  const open = keys.some(line => /cert-authority/.test(line)) || names.some(name => /[*?!]/.test(name))
  if (!open && !names.includes(reviewer)) {
    return refuse(
      `the list of allowed signers has no principal ${reviewer}, so no verdict can be trusted`,
      `the list names ${[...new Set(names)].slice(0, 8).join(', ')}: set ADVERSARY_REVIEWER to one of them, or add a line for ${reviewer}`
    )
  }
  // A list that was pasted into a web form has the line ends of the form.
  return {
    allowed: allowedSigners.replaceAll('\r\n', '\n'),
    reviewer,
    ...(revoked === undefined ? {} : { revoked })
  }
}

type Question = Pick<GateOptions, 'gate' | 'branch' | 'reviewBranch' | 'commit' | 'repo' | 'now'>

/** What the signed record says of a phase: the one judgement that every mouth of the product repeats. */
export interface PhaseJudgement {
  /** By milestone. */
  readonly milestones: ReadonlyMap<string, GateAnswer>
  /** Standing vetoes, those that people wrote by hand among them. `*`: all of the phase. */
  readonly vetoes: readonly {
    readonly milestone: string
    readonly by: string
    readonly commit: string
  }[]
}

/** The gate's answers for each of these milestones of a phase. */
export type Judge = (phase: string, milestones: readonly string[]) => Promise<PhaseJudgement>

/**
 * The gate's judgement of a record that was read already, as of its tips. Asks no remote.
 *
 * @param at `main`: the branch with the claims; `reviews`: the one with the reviews, the very same value where it is the same.
 */
export function judgeAt(
  git: Git,
  at: { readonly main: BranchView; readonly reviews: BranchView },
  { now, repo }: Pick<Question, 'now' | 'repo'>,
  trust: Trust
): Judge {
  const built = { sha: at.main.tip, history: at.main.record.history }
  return async (phase, milestones) => {
    const view = await viewPhase(git, trust, phase, at.main, at.reviews)
    const answers = new Map<string, GateAnswer>()
    for (const name of milestones)
      answers.set(
        name,
        await answerOf(git, view, name, built, { now, ...(repo === undefined ? {} : { repo }) })
      )
    const record = { reviews: view.signed, history: view.history }
    const vetoes = vetoesOf(record, phase).map(({ milestone, by }) => ({
      milestone,
      by: by.principal,
      commit: by.commit.sha
    }))
    return { milestones: answers, vetoes }
  }
}

type Branches =
  | {
      readonly main: BranchView
      readonly reviews: BranchView
      readonly built: Built
      readonly tips: ReadonlyMap<string, string | null>
    }
  | { readonly obstacle: Obstacle; readonly tips: Asked['tips'] }

async function readBranches(git: Git, options: Omit<Question, 'gate'>, trust: Trust): Promise<Branches> {
  const { branch, tip } = await askedBranch(git, options.branch)
  const main = await readBranch(git, branch, tip, trust, options.repo ?? null)
  const reviews = await reviewBranch(git, options, main, trust)
  if ('why' in reviews) {
    const { reviewBranch: name = branch } = options
    const tips = new Map([
      [branch, tip],
      [plainName(name), null]
    ])
    return { obstacle: reviews, tips }
  }
  const checkedOut = await builtCommit(git, options.commit ?? tip)
  if ('why' in checkedOut) return { obstacle: checkedOut, tips: null }
  // Nothing but the reviewer's own words is on top of the branch there: what is judged is the branch itself.
  const built = isOwnPush(checkedOut, main, reviews) ? { sha: tip, history: main.record.history } : checkedOut
  const tips = new Map<string, string | null>([[branch, tip]])
  if (reviews !== main) tips.set(reviews.name, reviews.tip)
  return { main, reviews, built, tips }
}

async function answerOf(
  git: Git,
  view: PhaseView,
  milestone: string,
  built: Built,
  { now, repo }: Pick<Question, 'now' | 'repo'>
): Promise<GateAnswer> {
  const facts = await viewMilestone(git, view, milestone, built)
  const appended = view.appended.get(facts.review?.commit.sha ?? '')
  const line = appended === undefined ? null : await verdictLine(appended, milestone)
  const obstacles = [...untrusted(view), ...judgeMilestone(facts, now, repo ?? null)]
  return answer(`${view.phase}-${milestone}`, obstacles, facts, line)
}

async function ask(git: Git, options: Question, trust: Trust): Promise<Asked> {
  const { gate } = options
  const read = await readBranches(git, options, trust)
  if ('obstacle' in read) return { answer: closed(gate, [read.obstacle]), tips: read.tips }
  const { main, reviews, built, tips } = read
  const { phase, milestone } = named(gate, [main, reviews])
  const view = await viewPhase(git, trust, phase, main, reviews)
  const one = (name: string) => answerOf(git, view, name, built, options)
  if (milestone !== null) return { answer: await one(milestone), tips }

  const policy = policyOf({ tip: main.tip, reviews: view.signed, distrusted: [], history: [] }, phase)
  const names = policy?.milestones.map(known => known.milestone) ?? [
    ...new Set(view.claims.map(claim => claim.milestone))
  ]
  const answers: GateAnswer[] = []
  for (const name of names) answers.push(await one(name))
  const obstacles = [...untrusted(view), ...withoutPolicy(gate, policy !== null)]
  return { answer: wholePhase(gate, answers, obstacles), tips }
}

/** The branch with the claims, and its tip. @throws AdversaryError `usage` for the name of something else. */
async function askedBranch(
  git: Git,
  given: string | undefined
): Promise<{ readonly branch: string; readonly tip: string }> {
  const branch = given === undefined ? await git.remoteHead() : plainName(given)
  const tip = branch === null || branch === 'HEAD' ? null : await git.fetch(branch)
  if (branch !== null && tip !== null) return { branch, tip }
  const other = branch === null ? null : await meantBranch(git, branch)
  if (other !== null) {
    throw new AdversaryError('usage', `${JSON.stringify(given)} is not a branch of ${git.url}`, {
      hint: `--branch ${other}`
    })
  }
  const head = await git.remoteHead()
  // A repository without a commit, or whose HEAD leads nowhere, is none of ours to be at fault for either.
  throw new AdversaryError(
    given === undefined ? 'not-proven' : 'usage',
    `${git.url} has no branch ${branch ?? 'that its HEAD names'}`,
    { hint: `--branch ${head === null || head === branch ? 'NAME' : head}` }
  )
}

/** A branch by its short name, which pipelines may give in full. */
function plainName(name: string): string {
  return name.startsWith('refs/heads/') ? name.slice('refs/heads/'.length) : name
}

/** The branch that was meant by what a checkout calls it; null where there is none. */
async function meantBranch(git: Git, name: string): Promise<string | null> {
  if (name === 'HEAD' || name === '@') return git.remoteHead()
  const short = name.replace(/^refs\//, '').replace(/^heads\/|^(?:remotes\/)?[^/]+\//, '')
  if (short === 'HEAD') return git.remoteHead()
  return short !== '' && short !== name && (await git.remoteTip(short)) !== null ? short : null
}

async function reviewBranch(
  git: Git,
  { reviewBranch: given, repo }: Omit<Question, 'gate'>,
  main: BranchView,
  trust: Trust
): Promise<BranchView | Obstacle> {
  const name = given === undefined ? main.name : plainName(given)
  if (name === main.name) return main
  const tip = await git.fetch(name)
  if (tip !== null) return readBranch(git, name, tip, trust, repo ?? null)
  const meant = await meantBranch(git, name)
  return {
    code: exitCode.notProven,
    why: `there is no branch ${name} in ${git.url}, so no review can be read`,
    next:
      meant === null
        ? 'name the branch that the reviewer pushes to (--review-branch NAME), or wait for its first review'
        : `--review-branch ${meant}`,
    mayChange: true
  }
}

interface Built {
  readonly sha: string
  readonly history: readonly Commit[]
}

async function builtCommit(git: Git, commit: string): Promise<Built | Obstacle> {
  const full = /^[0-9a-f]{40,64}$/.test(commit) ? await git.fetchCommit(commit) : null
  const sha = full ?? (await git.commit(commit))?.sha
  if (sha === undefined) {
    const why = `the commit being built, ${commit.slice(0, 12)}, is not in the remote repository`
    return { code: exitCode.notProven, why, next: 'push it first', mayChange: true }
  }
  return { sha, history: await git.commits({ tip: sha }) }
}

/** Whether the commit being built is a review on its own branch, with nothing but reviews between it and the branch. */
function isOwnPush({ history }: Built, main: BranchView, reviews: BranchView): boolean {
  if (reviews === main) return false
  const inMain = new Set(main.record.history.map(({ sha }) => sha))
  const own = new Set(
    reviews.record.reviews.flatMap(({ byReviewer, elsewhere, odd, commit }) =>
      byReviewer && elsewhere === undefined && odd === undefined ? [commit.sha] : []
    )
  )
  const aside = history.filter(({ sha }) => !inMain.has(sha))
  return aside.length > 0 && aside.every(({ sha, parents }) => own.has(sha) && parents.length === 1)
}

/** What the words of the command mean: what is signed decides, and the default grammar where nothing is. */
function named(
  gate: string,
  branches: readonly BranchView[]
): { readonly phase: string; readonly milestone: string | null } {
  const known = knownNames(branches)
  const hyphen = gate.lastIndexOf('-')
  const phase = gate.slice(0, hyphen)
  const milestone = gate.slice(hyphen + 1)
  const asMilestone = hyphen > 0 && (known.get(phase)?.has(milestone) ?? false)
  if (asMilestone && known.has(gate)) {
    throw new AdversaryError('usage', `${gate} is a phase, and a milestone of ${phase}`, {
      hint: 'rename one of them'
    })
  }
  if (asMilestone) return { phase, milestone }
  if (known.has(gate)) return { phase: gate, milestone: null }
  const meant = misspelt(gate, known, branches)
  if (meant !== null) {
    throw new AdversaryError(
      'usage',
      `no phase or milestone matches ${JSON.stringify(gate)}; did you mean ${meant}?`,
      {
        hint: `adversary gate ${meant}`
      }
    )
  }
  return hyphen > 0 && (known.has(phase) || defaultPatterns.milestone.test(milestone))
    ? { phase, milestone }
    : { phase: gate, milestone: null }
}

/** What makes the whole phase untrusted, whichever milestone is asked for. */
function untrusted(view: PhaseView): readonly Obstacle[] {
  const restore = 'restore the bytes, or have the reviewer sign for them: adversary accept'
  const problems = view.problems.map(why => ({
    code: exitCode.notTrusted,
    why,
    next: `${restore} ${view.phase}`,
    mayChange: false
  }))
  const doubts = view.doubts.map(({ commit, why }) => ({
    code: exitCode.notTrusted,
    why: `${commit.sha.slice(0, 12)} is signed with a listed key and cannot be trusted: ${why}`,
    next: `git show --show-signature ${commit.sha.slice(0, 12)}`,
    mayChange: false
  }))
  return [...problems, ...doubts]
}

function withoutPolicy(gate: string, has: boolean): readonly Obstacle[] {
  if (has) return []
  const why = `no signed review lists the milestones of ${gate}`
  return [{ code: exitCode.notProven, why, next: `adversary orient ${gate}`, mayChange: true }]
}

/** Not trusted before failed before not proven: what is forged says nothing about the rest. */
const precedence: readonly ExitCode[] = [exitCode.notTrusted, exitCode.fail, exitCode.notProven]

function sorted(obstacles: readonly Obstacle[]): readonly Obstacle[] {
  return precedence.flatMap(code => obstacles.filter(obstacle => obstacle.code === code))
}

function closed(gate: string, obstacles: readonly Obstacle[]): GateAnswer {
  return answer(gate, obstacles, null)
}

function answer(
  gate: string,
  found: readonly Obstacle[],
  facts: MilestoneFacts | null,
  line: number | null = null
): GateAnswer {
  const obstacles = sorted(found)
  const [first] = obstacles
  const review = facts?.review ?? null
  const message = review?.message
  return {
    gate,
    code: first?.code ?? exitCode.pass,
    verdict: facts?.verdict ?? null,
    reasons:
      first === undefined
        ? [
            `${facts?.milestone} is PASS, signed by ${review?.principal} at ${review?.commit.committedAt} for ${message?.claim?.slice(0, 12)}`
          ]
        : [...new Set(obstacles.map(({ why }) => why))],
    review:
      review === null || message === undefined
        ? null
        : {
            path: message.section?.path ?? '',
            commit: review.commit.sha,
            claim: message.claim ?? '',
            signedAt: review.commit.committedAt,
            line,
            plan: message.plan
          },
    next: first?.next ?? null,
    stale: obstacles.find(({ stale }) => stale === true)?.why ?? null,
    mayChange: first !== undefined && obstacles.every(({ mayChange }) => mayChange)
  }
}

function wholePhase(gate: string, milestones: readonly GateAnswer[], found: readonly Obstacle[]): GateAnswer {
  const worstCode = precedence.find(code => [...milestones, ...found].some(one => one.code === code))
  const shut = milestones.filter(({ code }) => code !== exitCode.pass)
  const obstacles = sorted(found)
  const verdicts = milestones.map(({ verdict }) => verdict)
  const verdict =
    (['FAIL', 'INCONCLUSIVE'] as const).find(word => verdicts.includes(word)) ??
    (verdicts.length === 0 || verdicts.includes(null) ? null : 'PASS')
  const byCode = precedence.flatMap(code => shut.filter(one => one.code === code))
  const open = worstCode === undefined && milestones.length > 0
  return {
    gate,
    code: open ? exitCode.pass : (worstCode ?? exitCode.notProven),
    verdict,
    reasons: open
      ? [`all ${milestones.length} milestones of ${gate} are open`]
      : [
          ...new Set([
            ...obstacles.map(({ why }) => why),
            ...byCode.map(one => `${one.gate}: ${one.reasons[0] ?? 'closed'}`)
          ])
        ],
    review: byCode[0]?.review ?? null,
    next: open ? null : (obstacles[0]?.next ?? byCode[0]?.next ?? null),
    milestones,
    stale: null,
    mayChange:
      !open && obstacles.every(({ mayChange }) => mayChange) && shut.every(({ mayChange }) => mayChange)
  }
}
