import { posix } from 'node:path'
import { treeBounds } from '../../lib/bounds.ts'
import { searchTree } from '../../systems/repo/tree-search.ts'
import { textOf } from '../../systems/languages/file-text.ts'
import { parseClaim } from '../../record/claim.ts'
import type { Git } from '../../git/clone.ts'
import { type Workspace, reviewPathOf } from '../../config/workspace.ts'
import { type ChangedFile, NotText, type RecordView, type RepoView, Unseen } from '../../facts/fact.ts'
import { reviewTime, type SignedRecord } from '../../record/record.ts'
import { ancestorsOf, baselinesBefore, evidenceOf } from './claim-history.ts'
import type { ReviewContext } from './review-context.ts'

/** What is looked at besides hosts and routes. */
export interface Views {
  readonly repo: RepoView
  readonly record: RecordView
}

/** The repo at one commit, and the signed record of one phase. */
export function viewsOf(
  context: ReviewContext,
  at: {
    readonly commit: string
    readonly phase: string
    readonly record: SignedRecord | Promise<SignedRecord>
  }
): Views {
  return {
    repo: {
      ...repoView(context.git, at.commit, at.record),
      statusPath: statusPathOf(context.home, at.phase)
    },
    record: recordView(context, at.record, at.phase)
  }
}

/** `STATUS-<phase>.md` beside the review file. */
function statusPathOf(home: Workspace, phase: string): string {
  return posix.join(posix.dirname(reviewPathOf(home, phase)), `STATUS-${phase}.md`)
}

/** A name that is not UTF-8 was read with replacement characters, and names another file or none. */
const isText = (path: string) => !path.includes('\uFFFD')

/** How much the commits of a phase may have changed to be looked at. */
const changeCaps = { paths: 5_000, files: 200, bytes: 4 * 1024 * 1024 } as const

function repoView(git: Git, commit: string, record: SignedRecord | Promise<SignedRecord>): RepoView {
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
  const treeAt = async (at: string) => {
    const tree = await git.tree(at, treeBounds.entries)
    if (tree.kind === 'tree') return tree.files
    throw new Unseen(`the tree of ${at.slice(0, 7)} was not read: ${tree.why}`)
  }
  const entriesOf = async (at: string) =>
    new Map((await treeAt(at)).map(({ path, mode, sha }) => [path, `${mode} ${sha}`]))
  const mustBuildOn = async (from: string) => {
    // One that the clone does not even hold: the branch was rewritten since.
    if ((await git.commit(from)) === null || !(await git.isAncestor(from, commit)))
      throw new Unseen(`${from.slice(0, 7)} is not among the commits that ${commit.slice(0, 7)} builds on`)
  }
  return {
    commit,
    async file(path) {
      const bytes = await bytesAt(commit, path)
      const content = bytes === null ? null : textOf(bytes)
      if (content?.kind === 'other') throw new NotText(`${path} cannot be searched: ${content.why}`)
      return content?.text ?? null
    },
    async search(query) {
      const own = ownFiles(await record)
      const files = (await treeAt(commit)).filter(({ path }) => !own.has(path))
      return searchTree(files, query, async file => {
        const found = await git.content(file, treeBounds.fileBytes)
        return found.kind === 'file'
          ? found.bytes
          : { why: found.kind === 'refused' ? found.why : 'it is gone' }
      })
    },
    async changedPaths(from) {
      await mustBuildOn(from)
      const [was, is] = [await entriesOf(from), await entriesOf(commit)]
      const own = ownFiles(await record)
      const changed = [...new Set([...was.keys(), ...is.keys()])].filter(
        path => was.get(path) !== is.get(path) && !own.has(path)
      )
      if (changed.length > changeCaps.paths)
        throw new Unseen(`${changed.length} paths differ, more than the ${changeCaps.paths} looked at`)
      return changed.sort((one, other) => (one < other ? -1 : 1))
    },
    async changes(from, wanted) {
      const span = `${from.slice(0, 7)}..${commit.slice(0, 7)}`
      await mustBuildOn(from)
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

/** The files that signed reviews wrote: they quote what was found, and would be found themselves. */
function ownFiles({ reviews }: SignedRecord): ReadonlySet<string> {
  return new Set(
    reviews.flatMap(({ message }) => [message.section?.path ?? [], message.evidence?.path ?? []].flat())
  )
}

function recordView(
  context: ReviewContext,
  signed: SignedRecord | Promise<SignedRecord>,
  phase: string
): RecordView {
  return {
    reviewTime: async milestone => reviewTime(await signed, phase, milestone),
    async claimTime(milestone) {
      const record = await signed
      const { history } = record
      const claims = history.filter(commit => {
        const parsed = parseClaim(commit, context.home.claims)
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
      for (const review of baselinesBefore(context.home, await signed, phase).toReversed()) {
        const { sha } = review.commit
        const evidence = await evidenceOf(context.git, review)
        if (evidence?.kind === 'orientation') return { commit: sha, at: evidence.at, facts: evidence.facts }
      }
      return null
    }
  }
}
