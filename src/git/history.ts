import type { Commit, Range } from './git-types.ts'
import { type People, parseCommit } from './raw/commit.ts'
import { BrokenClone, runGit } from './process.ts'

/**
 * The commits of the clone, from their raw objects. git lists which there are; what they say, what they build on
 * and their order are read here. A list that leaves out an ancestor (a graft, a shallow clone) is refused.
 */
export interface History {
  /** Commits of the range, parents before children. @throws BrokenClone where the clone cannot tell. */
  commits(range: Range): Promise<readonly Commit[]>
  /** Gives up what can be read again. */
  forget(): void
}

/** How many answers are remembered: the branch, the branch of reviews, the commit being built. */
const answersHeld = 4

/** So few are read by the process that reads objects anyway: between two pushes each process costs a race. */
const fewCommits = 64

/** @param raw the bytes of a commit object as git stores it. */
export function openHistory(
  dir: string,
  raw: (sha: string) => Promise<Buffer | null>,
  signal: AbortSignal | undefined
): History {
  /** With each commit all that it builds on is here too. */
  let known = new Map<string, Commit>()
  let tips: readonly string[] = []
  let answers: readonly {
    readonly key: string
    readonly tip: string
    readonly commits: readonly Commit[]
  }[] = []
  let busy: Promise<unknown> = Promise.resolve()

  const load = async (tip: string): Promise<void> => {
    if (known.has(tip)) return
    const into = known
    const shas = await listed(dir, tip, tips, signal)
    const fresh = shas.length <= fewCommits ? await readFew(shas, raw) : await readCommits(dir, shas, signal)
    if (!fresh.has(tip)) throw new BrokenClone(`commit ${tip} is not in the clone`)
    for (const { sha, parents } of fresh.values()) {
      const lost = parents.find(parent => !fresh.has(parent) && !into.has(parent))
      if (lost !== undefined)
        throw new BrokenClone(`commit ${lost}, an ancestor of ${sha}, is missing from the clone`)
    }
    for (const [sha, commit] of fresh) into.set(sha, commit)
    if (into === known) tips = [tip, ...tips].slice(0, answersHeld)
  }

  const answered = async ({ tip, not = [] }: Range): Promise<readonly Commit[]> => {
    const key = [tip, ...not].join(' ')
    const there = answers.find(answer => answer.key === key)
    if (there !== undefined) return there.commits
    for (const sha of [tip, ...not]) await load(sha)
    const without = not.length === 0 ? new Set<string>() : ancestry(not, known)
    const all = ancestry([tip], known, without)
    // What was in order stays as it was, and what came since follows it.
    const before = not.length > 0 ? undefined : answers.find(one => one.key === one.tip && all.has(one.tip))
    const old = new Set(before?.commits.map(({ sha }) => sha))
    const since = old.size === 0 ? all : new Set([...all].filter(sha => !old.has(sha)))
    const commits = [...(before?.commits ?? []), ...inOrder(tip, since, known)]
    answers = [{ key, tip, commits }, ...answers].slice(0, answersHeld)
    return commits
  }

  return {
    commits(range) {
      // One after another: two that ask for the same are read once.
      const answer = busy.then(() => answered(range))
      busy = answer.catch(() => undefined)
      return answer
    },
    forget() {
      known = new Map()
      tips = []
      answers = []
    }
  }
}

function ancestry(
  from: readonly string[],
  known: ReadonlyMap<string, Commit>,
  without: ReadonlySet<string> = new Set()
): Set<string> {
  const found = new Set<string>()
  const open = [...from]
  for (let sha = open.pop(); sha !== undefined; sha = open.pop()) {
    if (found.has(sha) || without.has(sha)) continue
    found.add(sha)
    open.push(...(known.get(sha)?.parents ?? []))
  }
  return found
}

/** Parents before children, each line of descent in one piece, the first parent's before those merged into it. */
function inOrder(tip: string, wanted: ReadonlySet<string>, known: ReadonlyMap<string, Commit>): Commit[] {
  const children = new Map<string, number>()
  for (const sha of wanted)
    for (const parent of new Set(known.get(sha)?.parents)) {
      children.set(parent, (children.get(parent) ?? 0) + 1)
    }
  const newestFirst: Commit[] = []
  const open = wanted.has(tip) ? [tip] : []
  for (let sha = open.pop(); sha !== undefined; sha = open.pop()) {
    const commit = known.get(sha)
    if (commit === undefined) continue
    newestFirst.push(commit)
    for (const parent of new Set(commit.parents)) {
      const left = (children.get(parent) ?? 0) - 1
      children.set(parent, left)
      if (left === 0 && wanted.has(parent)) open.push(parent)
    }
  }
  return newestFirst.reverse()
}

/** Names of what can be reached from the tip and not from those tips. */
async function listed(
  dir: string,
  tip: string,
  not: readonly string[],
  signal: AbortSignal | undefined
): Promise<readonly string[]> {
  const input = `${[tip, ...not.map(sha => `^${sha}`)].join('\n')}\n`
  const ran = await runGit(dir, ['rev-list', '--stdin'], { input, signal })
  if (ran.code !== 0) throw new BrokenClone(`the history cannot be read: ${ran.stderr.trim()}`)
  return ran.stdout
    .toString('latin1')
    .split('\n')
    .filter(sha => sha !== '')
}

async function readFew(
  shas: readonly string[],
  raw: (sha: string) => Promise<Buffer | null>
): Promise<ReadonlyMap<string, Commit>> {
  const people: People = new Map()
  const read = shas.map(async sha => {
    const bytes = await raw(sha)
    const commit = bytes === null ? null : commitOf(sha, bytes, people)
    if (commit === null) throw new BrokenClone(`${sha} cannot be read as a commit`)
    return [sha, commit] as const
  })
  return new Map(await Promise.all(read))
}

async function readCommits(
  dir: string,
  shas: readonly string[],
  signal: AbortSignal | undefined
): Promise<ReadonlyMap<string, Commit>> {
  const commits = new Map<string, Commit>()
  if (shas.length === 0) return commits
  const input = `${shas.join('\n')}\n`
  const ran = await runGit(dir, ['cat-file', '--batch', '--buffer'], { input, signal })
  if (ran.code !== 0) throw new BrokenClone(`the history cannot be read: ${ran.stderr.trim()}`)
  const people: People = new Map()
  const { stdout } = ran
  for (let at = 0; at < stdout.length; ) {
    const end = stdout.indexOf(10, at)
    const header = stdout.toString('latin1', at, end < 0 ? stdout.length : end)
    const [, sha = '', size = ''] = /^([0-9a-f]{40,64}) commit (\d+)$/.exec(header) ?? []
    const to = end + 1 + Number(size)
    if (end < 0 || sha === '' || to >= stdout.length)
      throw new BrokenClone(`the history cannot be read: git cat-file returned ${JSON.stringify(header)}`)
    const commit = commitOf(sha, stdout.subarray(end + 1, to), people)
    if (commit === null) throw new BrokenClone(`${sha} cannot be read as a commit`)
    commits.set(sha, commit)
    at = to + 1
  }
  return commits
}

/** Null for bytes that are no commit. */
export function commitOf(sha: string, bytes: Buffer, people?: People): Commit | null {
  const parsed = parseCommit(bytes, people)
  if (parsed === null) return null
  const { message } = parsed
  const end = message.indexOf('\n')
  return { sha, ...parsed, subject: end < 0 ? message : message.slice(0, end) }
}
