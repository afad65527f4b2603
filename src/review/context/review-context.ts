import { join } from 'node:path'
import { fileBounds } from '../../lib/bounds.ts'
import { AdversaryError } from '../../lib/errors.ts'
import { isoSecond } from '../../os/clock.ts'
import { readText } from '../../os/files.ts'
import type { Git } from '../../git/clone.ts'
import { openClone } from '../../git/clone.ts'
import type { Adapters } from '../../facts/adapter.ts'
import type { OpenSession } from '../../facts/session.ts'
import { type Workspace, reviewBranchOf } from '../../config/workspace.ts'
import { beginRecord, type BegunRecord, type SignedRecord, type Trust } from '../../record/record.ts'
import type { Log } from '../log.ts'

/** Where a look starts from: the home, and the way to its hosts. */
export interface HostContext {
  readonly home: Workspace
  readonly userHome: string
  readonly signal: AbortSignal
  /** Default: the door that the host's `transport` names. A recorder puts itself between. */
  readonly openSession?: OpenSession
  /** Default: a process that has nothing but the program of the rehearsal. */
  readonly rehearse?: Adapters['rehearse']
}

/** What every story of this folder works with: the home, the clone of the watched repo, and whom to believe. */
export interface ReviewContext extends HostContext {
  readonly git: Git
  readonly trust: Trust
  /** One event, for the log. */
  readonly log: Log
}

export type ReviewContextOptions = Omit<HostContext, 'home'> & Pick<ReviewContext, 'log'>

/** Opens the clone, made anew where it is broken. Nothing is fetched. */
export function cloneOf(
  { repo, stateDir }: Pick<Workspace, 'repo' | 'stateDir'>,
  signal: AbortSignal
): Promise<Git> {
  return openClone({ url: repo.url, dir: join(stateDir, 'clone.git'), signal })
}

/** Reads whom to believe, and takes the clone, or opens it. */
export async function openReviewContext(
  home: Workspace,
  options: ReviewContextOptions,
  clone?: Promise<Git>
): Promise<ReviewContext> {
  const trust = await readTrust(home)
  const git = await (clone ?? cloneOf(home, options.signal))
  return { home, git, trust, ...options }
}

/** The signers that the home names; without a list of its own the reviewer trusts only its own key. */
export async function readTrust(home: Pick<Workspace, 'identity' | 'gate'>): Promise<Trust> {
  const { email, signingKey } = home.identity
  if (home.gate.allowedSigners === null) {
    const publicKey = await readText(`${signingKey}.pub`, fileBounds.signers)
    if (publicKey === null || publicKey.trim() === '') {
      const privateKey = await readText(signingKey, fileBounds.key)
      // Deriving from a key that is missing would leave an empty file.
      const found =
        privateKey === null
          ? `the signing key ${signingKey} does not exist`
          : `${signingKey}.pub ${publicKey === null ? 'does not exist' : 'is empty'}, and \`gate.allowedSigners\` is not set`
      const hint =
        privateKey === null
          ? `ssh-keygen -t ed25519 -N '' -f ${signingKey}`
          : `ssh-keygen -y -f ${signingKey} > ${signingKey}.pub`
      throw new AdversaryError('usage', found, { hint })
    }
    return { reviewer: email, allowed: `${email} namespaces="git" ${publicKey.trim()}\n` }
  }
  const allowed = await readText(home.gate.allowedSigners, fileBounds.signers)
  if (allowed === null) {
    throw new AdversaryError('usage', `gate.allowedSigners: ${home.gate.allowedSigners} does not exist`)
  }
  return { reviewer: email, allowed }
}

/** The watched branch and the signed record as they are on the remote now. */
export interface Snapshot {
  /** Tip of the branch that claims are made on. */
  readonly tip: string
  readonly record: SignedRecord
}

/** Fetches and reads the record. Throws AdversaryError `repository` for an empty repo or a missing branch. */
export async function snapshot(context: ReviewContext): Promise<Snapshot> {
  const { tip, record } = await glance(context)
  return { tip, record: await record }
}

/** The same, with signatures that are still being verified. */
export async function glance(context: ReviewContext): Promise<{ readonly tip: string } & BegunRecord> {
  const { home, git, trust } = context
  const tip = await git.fetch(home.repo.branch)
  if (tip === null) {
    throw new AdversaryError('repository', `${home.repo.url} has no branch ${home.repo.branch}`, {
      hint: 'push a first commit, or correct `repo.branch` in adversary.yaml'
    })
  }
  const reviews = reviewBranchOf(home)
  const reviewTip = reviews === home.repo.branch ? tip : ((await git.fetch(reviews)) ?? tip)
  const begun = await beginRecord(git, reviewTip, trust)
  const remembered = async () => {
    const record = await begun.record
    await git.remember(reviews, reviewTip)
    return record
  }
  const record = remembered()
  record.catch(() => undefined)
  return { tip, history: begun.history, record }
}

/** The branch that reviews are pushed to as it is on the remote now: the watched one until it has one of its own. */
export async function reviewTip(context: ReviewContext): Promise<Snapshot> {
  const { home, git, trust } = context
  const branch = reviewBranchOf(home)
  const tip = (await git.fetch(branch)) ?? (await git.fetch(home.repo.branch))
  if (tip === null) throw new AdversaryError('repository', `${home.repo.url} has no branch ${branch}`)
  return { tip, record: await (await beginRecord(git, tip, trust)).record }
}

/** A time as part of a file's name: `20260613T053307Z`. */
export function fileStamp(ms: number): string {
  return isoSecond(ms).replaceAll(/[-:]/g, '')
}
