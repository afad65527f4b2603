import { pathGlobMatches } from '../../lib/text/path-glob.ts'
import { type FactSource, Unseen } from '../../facts/fact.ts'

/** Which paths of the watched repo differ between an earlier commit and the one under review. */
export interface TreeDiff {
  /** Full shas. */
  readonly from: string
  readonly to: string
  /** In byte order, without what signed reviews wrote. Hostile text. */
  readonly paths: readonly string[]
}

/** @param since a full sha, or the newest orientation before the phase's first claim. */
export function treeDiff(since: string): FactSource<TreeDiff> {
  return {
    key: `repo-diff ${since}`,
    place: 'repo',
    async take({ repo, record }) {
      const from = since === 'baseline' ? (await record.baseline())?.commit : since
      if (from === undefined)
        throw new Unseen('no orientation was recorded before the first claim of the phase')
      return { from, to: repo.commit, paths: await repo.changedPaths(from) }
    }
  }
}

/** The paths that one of the globs matches, and the others. Pure. */
export function splitBy(paths: readonly string[], globs: readonly string[]) {
  const among: string[] = []
  const outside: string[] = []
  for (const path of paths) (globs.some(glob => pathGlobMatches(glob, path)) ? among : outside).push(path)
  return { among, outside }
}
