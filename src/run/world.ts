import { randomBytes } from 'node:crypto'
import { setMaxListeners } from 'node:events'
import { join, posix } from 'node:path'
import { fileBounds } from '../base/bounds.ts'
import { AdversaryError, messageOf } from '../base/errors.ts'
import { textOf } from '../base/file-text.ts'
import type { Hidden } from '../base/hidden.ts'
import { openVeil, type Veil } from '../base/veil.ts'
import { isoSecond, nowMs, tick } from '../doors/clock.ts'
import { readText } from '../doors/files.ts'
import type { Git } from '../doors/git.ts'
import { openClone } from '../doors/git.ts'
import { openSession as openDoor } from '../doors/open-session.ts'
import { HostUnseen, type HostSession, type OpenSession } from '../doors/session.ts'
import { type Home, homeFile, reviewBranchOf, reviewPathOf } from '../home/home.ts'
import { type ChangedFile, NotText, type RecordView, type RepoView, Unseen } from '../observe/fact.ts'
import type { Doors } from '../observe/gather.ts'
import { readCommand, typed } from '../observe/read-command.ts'
import { jumpOf } from '../observe/sources/clock.ts'
import { beginRecord, type BegunRecord, reviewTime, type SignedRecord, type Trust } from '../record/record.ts'
import { parseClaim } from '../claim/parse.ts'
import type { Log } from './events.ts'
import { bounded } from './bounded.ts'
import { ancestorsOf, baselinesBefore, evidenceOf } from './history.ts'

/** Where a look starts from: the home, and the way to its hosts. */
export interface Seat {
  readonly home: Home
  readonly userHome: string
  readonly signal: AbortSignal
  /** Default: the door that the host's `transport` names. A recorder puts itself between. */
  readonly openSession?: OpenSession
}

/** What every story of this folder works with: the home, the clone of the watched repo, and whom to believe. */
export interface World extends Seat {
  readonly git: Git
  readonly trust: Trust
  /** One event, for the log. */
  readonly log: Log
}

export type WorldOptions = Omit<Seat, 'home'> & Pick<World, 'log'>

/** Opens the clone, made anew where it is broken. Nothing is fetched. */
export function cloneOf(
  { repo, stateDir }: Pick<Home, 'repo' | 'stateDir'>,
  signal: AbortSignal
): Promise<Git> {
  return openClone({ url: repo.url, dir: join(stateDir, 'clone.git'), signal })
}

/** Reads whom to believe, and takes the clone, or opens it. */
export async function openWorld(home: Home, options: WorldOptions, clone?: Promise<Git>): Promise<World> {
  const trust = await readTrust(home)
  const git = await (clone ?? cloneOf(home, options.signal))
  return { home, git, trust, ...options }
}

/** The signers that the home names; without a list of its own the reviewer believes its own key alone. */
export async function readTrust(home: Pick<Home, 'identity' | 'gate'>): Promise<Trust> {
  const { email, signingKey } = home.identity
  if (home.gate.allowedSigners === null) {
    const publicKey = await readText(`${signingKey}.pub`, fileBounds.signers)
    if (publicKey === null) {
      throw new AdversaryError('usage', `there is no ${signingKey}.pub, and no gate.allowedSigners`, {
        hint: `ssh-keygen -y -f ${signingKey} > ${signingKey}.pub`
      })
    }
    return { reviewer: email, allowed: `${email} namespaces="git" ${publicKey.trim()}\n` }
  }
  const allowed = await readText(home.gate.allowedSigners, fileBounds.signers)
  if (allowed === null) {
    throw new AdversaryError('usage', `gate.allowedSigners: there is no file ${home.gate.allowedSigners}`)
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
export async function snapshot(world: World): Promise<Snapshot> {
  const { tip, record } = await glance(world)
  return { tip, record: await record }
}

/** The same, with signatures that are still being verified. */
export async function glance(world: World): Promise<{ readonly tip: string } & BegunRecord> {
  const { home, git, trust } = world
  const tip = await git.fetch(home.repo.branch)
  if (tip === null) {
    throw new AdversaryError('repository', `${home.repo.url} has no branch ${home.repo.branch}`, {
      hint: 'push a first commit, or mend `repo.branch` in adversary.yaml'
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
export async function reviewTip(world: World): Promise<Snapshot> {
  const { home, git, trust } = world
  const branch = reviewBranchOf(home)
  const tip = (await git.fetch(branch)) ?? (await git.fetch(home.repo.branch))
  if (tip === null) throw new AdversaryError('repository', `${home.repo.url} has no branch ${branch}`)
  return { tip, record: await (await beginRecord(git, tip, trust)).record }
}

/** The doors of one review: sessions opened on first use, closed by `close`. */
export interface OpenDoors extends Doors {
  close(): Promise<void>
  stats(): { readonly connections: number; readonly execs: number; readonly reads: number }
  /** What was hidden so far, by kind. */
  redacted(): readonly Hidden[]
  /** Clock skew of each host that was seen, in milliseconds. */
  clocks(): Readonly<Record<string, { readonly skewMs: number; readonly uncertaintyMs: number }>>
}

export interface Progress {
  /** A host is being connected to, or answers. */
  host(name: string, state: 'connecting' | 'connected' | 'unseen'): void
  /** A read was sent to a host, or to `web`. Answers what is to be called when it is over. */
  read(place: string, what: string): () => void
}

/** What is looked at besides hosts and routes. */
export interface Views {
  readonly repo: RepoView
  readonly record: RecordView
}

/** The repo at one commit, and the signed record of one phase. */
export function viewsOf(
  world: World,
  at: {
    readonly commit: string
    readonly phase: string
    readonly record: SignedRecord | Promise<SignedRecord>
  }
): Views {
  return {
    repo: { ...repoView(world.git, at.commit), statusPath: statusPathOf(world.home, at.phase) },
    record: recordView(world, at.record, at.phase)
  }
}

export function openDoors(
  { home, userHome, openSession = bounded(openDoor, home.concurrency) }: Seat,
  { repo, record }: Views,
  signal: AbortSignal,
  progress?: Progress
): OpenDoors {
  // One listener for each host is no leak, however many hosts.
  setMaxListeners(0, signal)
  const sessions = new Map<string, Promise<HostSession>>()
  const opened = new Map<string, HostSession>()
  // Random and never written down: equal secrets get equal marks within one review, and none can be guessed from its mark.
  const veil = openVeil(randomBytes(16).toString('hex'))

  async function open(name: string): Promise<HostSession> {
    const address = home.hosts.get(name)
    if (address === undefined) throw new HostUnseen('configuration', `adversary.yaml has no host ${name}`)
    progress?.host(name, 'connecting')
    try {
      const session = await openSession(address, { signal })
      opened.set(name, session)
      progress?.host(name, 'connected')
      return progress === undefined ? session : followed(name, session, progress, veil)
    } catch (error) {
      progress?.host(name, 'unseen')
      throw error
    }
  }

  function sessionOf(name: string): Promise<HostSession> {
    const session = sessions.get(name) ?? open(name)
    sessions.set(name, session)
    return session
  }

  return {
    tick,
    veil,
    repo,
    record,
    open: sessionOf,
    async jumped(name) {
      const session = await sessionOf(name)
      const [askedMs, asked] = [nowMs(), tick()]
      const answer = await session.ask([readCommand.hostTime()])[0]
      if (answer?.answered !== true) throw new Unseen(answer?.why ?? 'no answer')
      if (answer.exit !== 0) throw new Unseen(`\`date +%s%N\` ended with ${answer.exit}`)
      return jumpOf(session.clock, { printed: answer.stdout, askedMs, tookMs: tick() - asked })
    },
    async fetch(request) {
      const { fetchRoute } = await import('../doors/http.ts')
      const over = progress?.read('web', veil.line(request.url))
      return fetchRoute(request, signal).finally(over)
    },
    async homeFile(path) {
      try {
        return await homeFile(home, path, userHome)
      } catch (error) {
        throw new Unseen(messageOf(error), { cause: error })
      }
    },
    async close() {
      await Promise.all([...opened.values()].map(session => session.close()))
    },
    stats() {
      const all = [...opened.values()].map(session => session.stats)
      const sum = (key: 'connections' | 'execs' | 'reads') =>
        all.reduce((total, stats) => total + stats[key], 0)
      return { connections: sum('connections'), execs: sum('execs'), reads: sum('reads') }
    },
    redacted: veil.hidden,
    clocks() {
      return Object.fromEntries(
        [...opened].map(([name, { clock }]) => [
          name,
          { skewMs: clock.skewMs, uncertaintyMs: clock.uncertaintyMs }
        ])
      )
    }
  }
}

/** The same session, with each of its reads told of. */
function followed(name: string, session: HostSession, progress: Progress, veil: Veil): HostSession {
  return {
    get clock() {
      return session.clock
    },
    get stats() {
      return session.stats
    },
    ask(commands) {
      const over = commands.map(command => progress.read(name, veil.line(typed(command))))
      return session.ask(commands).map((answer, index) => answer.finally(over[index]))
    },
    close: () => session.close()
  }
}

/** `STATUS-<phase>.md` beside the review file. */
function statusPathOf(home: Home, phase: string): string {
  return posix.join(posix.dirname(reviewPathOf(home, phase)), `STATUS-${phase}.md`)
}

/** A name that is not UTF-8 was read with replacement characters, and names another file or none. */
const isText = (path: string) => !path.includes('\uFFFD')

/** How much the commits of a phase may have changed to be looked at. */
const changeCaps = { files: 200, bytes: 4 * 1024 * 1024 } as const

function repoView(git: Git, commit: string): RepoView {
  const bytesAt = async (at: string, path: string): Promise<Uint8Array | null> => {
    const found = await git.file(at, path)
    switch (found.kind) {
      case 'absent':
        return null
      case 'refused':
        throw new Unseen(found.why)
      case 'file':
        return found.bytes
    }
  }
  /** A changed file that is no text declares nothing. */
  const textAt = async (at: string, path: string) => {
    const bytes = await bytesAt(at, path)
    return bytes === null ? null : new TextDecoder().decode(bytes)
  }
  return {
    commit,
    async file(path) {
      const bytes = await bytesAt(commit, path)
      const content = bytes === null ? null : textOf(bytes)
      if (content?.kind === 'other') throw new NotText(`${path} cannot be searched: ${content.why}`)
      return content?.text ?? null
    },
    async changes(from, wanted) {
      const span = `${from.slice(0, 7)}..${commit.slice(0, 7)}`
      // One that the clone does not even hold: the branch was rewritten since.
      if ((await git.commit(from)) === null || !(await git.isAncestor(from, commit)))
        throw new Unseen(`${from.slice(0, 7)} is not among the commits that ${commit.slice(0, 7)} builds on`)
      const all = await git.changedFiles(from, commit)
      const files = all.filter(
        ({ path, wasFile, isFile }) => (wasFile || isFile) && isText(path) && wanted(path)
      )
      if (files.length > changeCaps.files)
        throw new Unseen(`${span} changes ${files.length} files, more than the ${changeCaps.files} looked at`)
      const changed: ChangedFile[] = []
      let bytes = 0
      for (const { path, wasFile, isFile } of files) {
        const before = wasFile ? await textAt(from, path) : null
        const after = isFile ? await textAt(commit, path) : null
        bytes += (before?.length ?? 0) + (after?.length ?? 0)
        if (bytes > changeCaps.bytes)
          throw new Unseen(`${span} changes files of more than the ${changeCaps.bytes} bytes looked at`)
        const brought = isFile ? await git.lineCommits(from, commit, path) : new Map<number, string>()
        if (brought === null) throw new Unseen(`git does not tell which commits of ${span} changed ${path}`)
        changed.push({ path, before, after, brought })
      }
      return changed
    }
  }
}

function recordView(world: World, signed: SignedRecord | Promise<SignedRecord>, phase: string): RecordView {
  return {
    reviewTime: async milestone => reviewTime(await signed, phase, milestone),
    async claimTime(milestone) {
      const record = await signed
      const { history } = record
      const claims = history.filter(commit => {
        const parsed = parseClaim(commit, claimPatterns(world.home))
        return parsed.kind === 'claim' && parsed.claim.phase === phase && parsed.claim.milestone === milestone
      })
      const newest = claims.at(-1)
      if (newest === undefined) return null
      // The builder sets its commit's date as it likes; a signed review before it cannot be moved.
      const ancestors = ancestorsOf(newest.sha, history)
      const reviews = record.reviews.filter(review => ancestors.has(review.commit.sha))
      return [newest.committedAt, ...reviews.map(review => review.commit.committedAt)].sort().at(-1) ?? null
    },
    async baseline() {
      for (const review of baselinesBefore(world.home, await signed, phase).toReversed()) {
        const { sha } = review.commit
        const evidence = await evidenceOf(world.git, review)
        if (evidence?.kind === 'orientation') return { commit: sha, at: evidence.at, facts: evidence.facts }
      }
      return null
    }
  }
}

/** The grammar of claims as the home has it. */
export function claimPatterns(home: Home) {
  return home.claims
}

/** A time as part of a file's name: `20260613T053307Z`. */
export function fileStamp(ms: number): string {
  return isoSecond(ms).replaceAll(/[-:]/g, '')
}
