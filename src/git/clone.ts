import { AdversaryError } from '../lib/errors.ts'
import { looksLike } from '../lib/text/look-alike.ts'
import { changedFiles, lineCommits } from './changed-files.ts'
import { commitOf, openHistory } from './history.ts'
import { isSha, kindOf, pathNames, refOf } from './names.ts'
import { objectReader } from './raw/objects.ts'
import type { Algorithm } from './raw/pack.ts'
import { BrokenClone, requireTools, runGit } from './process.ts'
import { defaultFileCap, isHttp, type Login, openRemote } from './remote.ts'
import { accountSettings, fetchBranch, fetchWords, pushOutcome, unreachable } from './transfer.ts'
import { verifier } from './signatures.ts'
import { pathReader } from './paths.ts'
import { discard, isPartial, prepare, tidy } from './upkeep.ts'
import type { Commit, FileAt, NewCommit, PushOutcome, Range, Signature, Signers } from './git-types.ts'
import { type TreeFile, type WholeTree, wholeTree } from './whole-tree.ts'
import { writeCommit } from './write.ts'

export type { Login } from './remote.ts'

/**
 * The only door to git. Every call runs in a fixed environment: none of the user's or the system's
 * configuration except what credentials need, no prompts, no hooks, no replaced objects, no work tree.
 */

export interface Git {
  readonly dir: string
  /** Without credentials: fit for a message. */
  readonly url: string
  /** Sha of the branch on the remote, null where there is none. One `ls-remote`, nothing fetched. */
  remoteTip(branch: string): Promise<string | null>
  /** The branch the remote's HEAD points at, null where it says none. */
  remoteHead(): Promise<string | null>
  /**
   * Fetches the branch and answers its sha; null where the remote has no such branch. In a hurry the clone's
   * upkeep is left to the next one.
   */
  fetch(branch: string, options?: { readonly hurry?: boolean }): Promise<string | null>
  /**
   * Fetches one commit by its full id, or by that of a tag that names it; through branches and tags where the
   * server hands out no other. Answers the commit's id; null where it is not there, or is no commit.
   */
  fetchCommit(sha: string): Promise<string | null>
  /** Commits of the range, parents before children (git's `--topo-order --reverse`). */
  commits(range: Range): Promise<readonly Commit[]>
  /** One commit by sha or unique sha prefix; null where there is none. */
  commit(revision: string): Promise<Commit | null>
  /** Signature of each commit asked for; remembered, since neither commit nor signers change. */
  signatures(shas: readonly string[], signers: Signers): Promise<ReadonlyMap<string, Signature>>
  /**
   * One file of a commit. A tree on the way that git would not write is refused, unless `anyTree` says that a
   * name which is there once is good enough.
   */
  file(
    commit: string,
    path: string,
    options?: { readonly capBytes?: number; readonly anyTree?: boolean }
  ): Promise<FileAt>
  /** Everything in a commit that is no folder; refused for a tree that git would not write, and past `most` entries. */
  tree(commit: string, most: number): Promise<WholeTree>
  /** The bytes of a file of such a tree, or where a symlink leads. Refused over the cap, and of a submodule. */
  content(file: TreeFile, capBytes: number): Promise<FileAt>
  /** What is wrong with the trees on the way to these paths, naming commit and path: who checks them out may find other files. */
  treeFaults(commit: string, paths: readonly string[]): Promise<readonly string[]>
  /** Whether another entry of the tree can be taken for `path` by a reader (`looksLike`); the twin, or null. */
  twin(commit: string, path: string): Promise<string | null>
  /**
   * Shas after `from`, newest first, with which one of the paths became another on the way from there to `to`: of
   * a merge, against the parents that build on `from`. What a branch beside that way did counts where it is merged.
   * `to` where it has other files there than `from`, however that came.
   */
  changedSince(from: string, to: string, paths: readonly string[]): Promise<readonly string[]>
  /** Shas of commits with a signature, reachable from the tip, whose file at the path is not that of each parent. */
  signedTouching(tip: string, path: string): Promise<readonly string[]>
  /** Paths that differ between two commits, and on which side they are ordinary files; no rename is guessed. */
  changedFiles(
    from: string,
    to: string
  ): Promise<readonly { readonly path: string; readonly wasFile: boolean; readonly isFile: boolean }[]>
  /** Which commit of `from..to` brought each line of the file at `to`, by number from 1; older lines have none. Null: git cannot tell. */
  lineCommits(from: string, to: string, path: string): Promise<ReadonlyMap<number, string> | null>
  /** Paths of all files of the commit. */
  paths(commit: string): Promise<readonly string[]>
  isAncestor(ancestor: string, descendant: string): Promise<boolean>
  /** Writes objects only, no ref. Answers the sha of the signed commit. */
  writeCommit(commit: NewCommit): Promise<string>
  /** Pushes without force. `dryRun` asks the remote and changes nothing. */
  push(sha: string, branch: string, options?: { readonly dryRun?: boolean }): Promise<PushOutcome>
  /** The commit of the branch that was seen last, in this clone; null for none. */
  remembered(branch: string): Promise<string | null>
  /**
   * Keeps a commit, with all that it builds on, as the one of the branch that was seen last. What it does not
   * build on stays remembered instead, unless `anew` says that this has been dealt with.
   */
  remember(branch: string, sha: string, options?: { readonly anew?: boolean }): Promise<void>
  /** Ends the helper processes and forgets what can be read again, until something is asked. */
  rest(): void
  /** Ends the helper processes. The clone stays. */
  close(): Promise<void>
}

export interface CloneOptions {
  readonly url: string
  /** Where the bare clone lives. Made when absent, made anew when broken or another remote's. */
  readonly dir: string
  readonly signal?: AbortSignal
  /** For one contact with the remote, in milliseconds; a fetch has ten times as long. Default one minute. */
  readonly remoteDeadlineMs?: number
  /** Overrides credentials inside the URL. */
  readonly login?: Login
  /**
   * `account`: proxies, CAs and credential helpers as this account's and system's git configuration say
   * (default); `none`: nothing of it. No other setting is ever taken.
   */
  readonly configuration?: 'account' | 'none'
}

/**
 * Opens the bare clone, makes it where there is none, and makes it anew where it is broken or another remote's.
 *
 * @throws AdversaryError `missing-tool` without git or ssh-keygen, `usage` for a URL that git must not see.
 */
export async function openClone(options: CloneOptions): Promise<Git> {
  const { dir, signal } = options
  const deadlineMs = options.remoteDeadlineMs ?? 60_000
  // Four questions that do not wait for each other; the remote is the first to need the last two.
  const tools = requireTools()
  // What it says of credentials and proxies is of HTTP alone.
  const asked = options.configuration !== 'none' && isHttp(options.url)
  const settings = asked ? accountSettings() : Promise.resolve([])
  settings.catch(() => undefined)
  await tools
  const remote = openRemote({ url: options.url, login: options.login, settings, signal, deadlineMs })
  // What the remote has shows when it is asked: it is almost always the first.
  let algorithm: Algorithm = 'sha1'
  let made = await prepare(dir, remote, algorithm, signal)

  let objects = objectReader(dir)
  const rawCommit = async (sha: string) => (await objects.read(sha))?.bytes ?? null
  const verify = verifier(dir, rawCommit, signal)
  const history = openHistory(dir, rawCommit, signal)
  // What is being read is not waited for either.
  signal?.addEventListener('abort', () => objects.close(), { once: true })
  const fetched = new Set<string>()

  const makeAnew = async () => {
    objects.close()
    history.forget()
    // Another process may have made it anew already.
    await discard(dir, made.ino)
    made = await prepare(dir, remote, algorithm, signal)
    objects = objectReader(dir)
  }

  const renew = async () => {
    await makeAnew()
    for (const branch of fetched) await fetchTip(branch, false)
  }

  const commitAt = async (ref: string) => (await objects.size(`${ref}^{commit}`))?.sha ?? null

  const fetchTip = async (branch: string, hurry: boolean): Promise<string | null> => {
    try {
      return await fetchBranch(dir, remote, branch, { deadlineMs, hurry, commitAt })
    } catch (error) {
      const theirs = otherAlgorithm(error)
      if (theirs === null || theirs === algorithm) throw error
      algorithm = theirs
      await makeAnew()
      return fetchBranch(dir, remote, branch, { deadlineMs, hurry, commitAt })
    }
  }

  /** A clone is derived: what it cannot answer is asked once more of a new one. */
  const healing = async <Value>(ask: () => Promise<Value>): Promise<Value> => {
    try {
      return await ask()
    } catch (error) {
      if (!(error instanceof BrokenClone)) throw error
      await renew()
      return ask()
    }
  }

  /** The commit that an id names, itself or through tags; null for anything else. */
  const peeled = async (sha: string): Promise<string | null> => {
    let name = sha
    for (let depth = 0; depth < mostTags; depth++) {
      const type = (await objects.size(name))?.type
      if (type === 'commit') return name
      const tag = type === 'tag' ? await objects.read(name) : null
      const target = /^object ([0-9a-f]+)\ntype (?:commit|tag)\n/.exec(
        tag?.bytes.toString('latin1') ?? ''
      )?.[1]
      if (target === undefined) return null
      name = target
    }
    return null
  }

  const treeOf = async (commit: string): Promise<string> => {
    const object = await objects.read(commit)
    const tree =
      object?.type === 'commit' ? /^tree ([0-9a-f]+)\n/.exec(object.bytes.toString('latin1'))?.[1] : undefined
    if (tree === undefined) throw new BrokenClone(`commit ${commit} is not in the clone`)
    return tree
  }

  const treeAt = async (tree: string) => {
    const found = await objects.tree(tree)
    if (found === null) throw new BrokenClone(`tree ${tree} is missing from the clone`)
    return found
  }
  const paths = pathReader(treeAt)

  const blobAt = async (here: string, sha: string, capBytes: number): Promise<FileAt> => {
    const size = (await objects.size(sha))?.size
    if (size === undefined) {
      // What a new clone does not hold, the server was asked to keep back.
      if (made.anew && (await isPartial(dir))) {
        return { kind: 'refused', why: `${here} has more than ${defaultFileCap} bytes` }
      }
      throw new BrokenClone(`the content of ${here} is missing from the clone`)
    }
    if (size > capBytes) return { kind: 'refused', why: `${here} has ${size} bytes, more than ${capBytes}` }
    const blob = await objects.read(sha)
    if (blob === null) throw new BrokenClone(`the content of ${here} is missing from the clone`)
    return { kind: 'file', bytes: blob.bytes, blob: blob.sha }
  }

  const changed = async (from: string, to: string, at: readonly string[]) => {
    // Another way to name a commit is found nowhere in the history, which would say that nothing was touched.
    if (!isSha(from) || !isSha(to)) throw new TypeError(`${from}..${to}: expected full commit ids`)
    const spec = ['--', ...at]
    const words = ['log', '--full-history', '--format=%H', `${from}..${to}`, ...spec]
    const commits = await history.commits({ tip: to })
    const known = new Map(commits.map(commit => [commit.sha, commit]))
    const [start, end] = [known.get(from), known.get(to)]
    // What does not build on it says nothing of what came after it.
    if (start === undefined || end === undefined) return []
    const after = new Set([from])
    for (const { sha, parents } of commits) if (parents.some(parent => after.has(parent))) after.add(sha)
    // git names what may have touched them, and the trees say whether it did.
    const ran = await runGit(dir, words, { signal })
    if (ran.code !== 0) throw new BrokenClone(`the history cannot be read: ${ran.stderr.trim()}`)
    const differ = async (one: Commit, other: Commit) =>
      (
        await Promise.all(
          at.map(async path => (await paths.entry(one.tree, path)) !== (await paths.entry(other.tree, path)))
        )
      ).includes(true)
    const touched: string[] = []
    for (const sha of ran.stdout.toString().split('\n').filter(isSha)) {
      const commit = known.get(sha)
      if (commit === undefined || !after.has(sha)) continue
      for (const parent of commit.parents) {
        const before = after.has(parent) ? known.get(parent) : undefined
        if (before === undefined || !(await differ(commit, before))) continue
        touched.push(sha)
        break
      }
    }
    return touched.length === 0 && (await differ(start, end)) ? [to] : touched
  }

  return {
    dir,
    url: remote.url,

    async remoteTip(branch) {
      const ref = refOf(branch)
      const ran = await remote.run(null, ['ls-remote', '--heads', '--', remote.url, ref])
      if (ran.code !== 0) throw unreachable(remote, ran)
      for (const line of ran.stdout.split('\n')) {
        const [sha = '', name] = line.split('\t')
        if (name === ref && isSha(sha)) return sha
      }
      return null
    },

    async remoteHead() {
      const ran = await remote.run(null, ['ls-remote', '--symref', '--', remote.url, 'HEAD'])
      if (ran.code !== 0) throw unreachable(remote, ran)
      return /^ref: refs\/heads\/(.+)\tHEAD$/m.exec(ran.stdout)?.[1] ?? null
    },

    async fetch(branch, { hurry = false } = {}) {
      refOf(branch)
      const tip = await fetchTip(branch, hurry).catch(async error => {
        if (error instanceof BrokenClone) {
          await renew()
          return fetchTip(branch, hurry)
        }
        // Each fetch that was cut off leaves its half of a pack.
        await tidy(dir, remote)
        throw error
      })
      if (tip !== null) fetched.add(branch)
      return tip
    },

    async fetchCommit(sha) {
      if (!isSha(sha)) throw new AdversaryError('usage', `${JSON.stringify(sha)} is not a full commit id`)
      const there = await peeled(sha)
      if (there !== null) return there
      const alone = await remote.run(dir, [...fetchWords, '--', remote.url, sha], {
        deadlineMs: deadlineMs * 10
      })
      if (alone.code !== 0) {
        // A server need not hand out a commit that no ref names; what a branch or a tag reaches comes with these.
        const all = ['heads', 'tags'].map(kind => `+refs/${kind}/*:refs/adversary/${kind}/*`)
        await remote.run(dir, [...fetchWords, '--', remote.url, ...all], { deadlineMs: deadlineMs * 10 })
      }
      return peeled(sha)
    },

    commits: range => healing(() => history.commits(range)),

    async commit(revision) {
      if (!/^[0-9a-f]{4,64}$/.test(revision)) return null
      const found = await objects.size(revision)
      if (found?.type !== 'commit') return null
      const object = await objects.read(found.sha)
      return object === null ? null : commitOf(object.sha, object.bytes)
    },

    signatures: (shas, signers) => healing(() => verify.signatures(shas, signers)),

    file(commit, path, { capBytes = defaultFileCap, anyTree = false } = {}) {
      return healing(async (): Promise<FileAt> => {
        let tree = await treeOf(commit)
        const names = pathNames(path)
        for (const [depth, name] of names.entries()) {
          const { entries, fault } = await treeAt(tree)
          if (fault !== null && !anyTree)
            return { kind: 'refused', why: treeFaultText(commit, names.slice(0, depth).join('/'), fault) }
          const [entry, double] = entries.filter(one => one.name === name)
          if (entry === undefined) return { kind: 'absent' }
          const last = depth === names.length - 1
          const here = names.slice(0, depth + 1).join('/')
          if (double !== undefined) return { kind: 'refused', why: `${here} appears twice in its folder` }
          if (!last) {
            if (entry.mode !== '40000')
              return { kind: 'refused', why: `${here} is ${kindOf(entry.mode)}, not a folder` }
            tree = entry.sha
            continue
          }
          if (!/^100\d{3}$/.test(entry.mode)) {
            return { kind: 'refused', why: `${here} is ${kindOf(entry.mode)}, not a file` }
          }
          return blobAt(here, entry.sha, capBytes)
        }
        return { kind: 'absent' }
      })
    },

    tree: (commit, most) => healing(async () => wholeTree(await treeOf(commit), treeAt, most)),

    async content({ path, kind, sha }, capBytes) {
      if (kind === 'submodule') return { kind: 'refused', why: `${path} is a submodule` }
      return healing(() => blobAt(path, sha, capBytes))
    },

    treeFaults(commit, wanted) {
      return healing(async () => {
        const tree = await treeOf(commit)
        const faults = await Promise.all(wanted.map(path => paths.faults(tree, path)))
        return [...new Set(faults.flat().map(({ at, fault }) => treeFaultText(commit, at, fault)))]
      })
    },

    twin(commit, path) {
      return healing(async () => {
        let trees = [{ at: '', sha: await treeOf(commit) }]
        let twin: string | null = null
        const names = pathNames(path)
        for (const [depth, name] of names.entries()) {
          const below: typeof trees = []
          for (const { at, sha } of trees) {
            for (const entry of (await treeAt(sha)).entries) {
              if (!(await looksLike(entry.name, name))) continue
              const here = at + entry.name
              const last = depth === names.length - 1
              if (here !== names.slice(0, depth + 1).join('/') && (last || entry.mode !== '40000'))
                twin ??= here
              if (!last && entry.mode === '40000') below.push({ at: `${here}/`, sha: entry.sha })
            }
          }
          trees = below
        }
        return twin
      })
    },

    changedSince: (from, to, at) =>
      at.length === 0 ? Promise.resolve([]) : healing(() => changed(from, to, at)),

    signedTouching(tip, path) {
      return healing(async () => {
        const commits = await history.commits({ tip })
        const trees = new Map(commits.map(({ sha, tree }) => [sha, tree]))
        const signed = commits.filter(commit => commit.signed)
        const touching: string[] = []
        for (let from = 0; from < signed.length; from += treesAtOnce) {
          const part = signed.slice(from, from + treesAtOnce)
          const touched = await Promise.all(
            part.map(async ({ tree, parents }) => {
              const own = await paths.entry(tree, path)
              if (parents.length === 0) return own !== null
              const before = await Promise.all(
                parents.map(parent => paths.entry(trees.get(parent) ?? '', path))
              )
              return before.some(other => other !== own)
            })
          )
          touching.push(...part.filter((_, at) => touched[at]).map(({ sha }) => sha))
        }
        return touching
      })
    },

    changedFiles: (from, to) => healing(() => changedFiles(dir, from, to, signal)),

    lineCommits: (from, to, path) => lineCommits(dir, from, to, path, signal),

    async paths(commit) {
      const ran = await runGit(dir, ['ls-tree', '-r', '-z', '--full-tree', '--name-only', commit], { signal })
      if (ran.code !== 0) throw new BrokenClone(`the tree cannot be read: ${ran.stderr.trim()}`)
      return ran.stdout
        .toString()
        .split('\0')
        .filter(path => path !== '')
    },

    isAncestor: (ancestor, descendant) => isAncestor(dir, ancestor, descendant, signal),

    async writeCommit(commit) {
      const tree = commit.parent === null ? null : await treeOf(commit.parent)
      return writeCommit(dir, commit, { tree, objects }, signal)
    },

    async push(sha, branch, { dryRun = false } = {}) {
      if (!isSha(sha)) throw new RangeError(`${JSON.stringify(sha)} is not a full commit id`)
      const words = [
        'push',
        '--porcelain',
        '--no-verify',
        '--no-follow-tags',
        ...(dryRun ? ['--dry-run'] : [])
      ]
      const ran = await remote.run(dir, [...words, '--', remote.url, `${sha}:${refOf(branch)}`])
      return pushOutcome(remote, ran)
    },

    remembered: branch => commitAt(seenRef(branch)),

    async remember(branch, sha, { anew = false } = {}) {
      if (!isSha(sha)) throw new RangeError(`${JSON.stringify(sha)} is not a full commit id`)
      const before = await commitAt(seenRef(branch))
      if (before === sha) return
      if (before !== null && !anew && !(await isAncestor(dir, before, sha, signal))) return
      const ran = await runGit(dir, ['update-ref', seenRef(branch), sha], { signal })
      // Another process of this home holds the lock: it is remembering as well.
      if (ran.code !== 0 && !/cannot lock ref|unable to lock/i.test(ran.stderr)) {
        throw new BrokenClone(`the clone cannot be written: ${ran.stderr.trim()}`)
      }
    },

    rest() {
      objects.rest()
      history.forget()
    },

    async close() {
      objects.close()
    }
  }
}

/** A tag may name a tag. */
const mostTags = 10

/** How the remote names its objects, where git says that it is not as the clone does. */
function otherAlgorithm(error: unknown): Algorithm | null {
  if (!(error instanceof BrokenClone)) return null
  const theirs = /mismatched algorithms: client \w+; server (sha1|sha256)\b/.exec(error.message)?.[1]
  return theirs === 'sha1' || theirs === 'sha256' ? theirs : null
}

/** How many commits' trees are asked for at a time. */
const treesAtOnce = 512

function treeFaultText(commit: string, at: string, fault: string): string {
  return `in commit ${commit.slice(0, 12)} the folder ${at === '' ? 'at the root' : JSON.stringify(at)} ${fault}`
}

function seenRef(branch: string): string {
  return refOf(branch).replace('refs/heads/', 'refs/adversary/seen/')
}

async function isAncestor(
  dir: string,
  ancestor: string,
  descendant: string,
  signal: AbortSignal | undefined
) {
  const ran = await runGit(dir, ['merge-base', '--is-ancestor', ancestor, descendant], { signal })
  if (ran.code > 1) throw new BrokenClone(`the history cannot be read: ${ran.stderr.trim()}`)
  return ran.code === 0
}
