import * as z from 'zod'
import { isRepoPath } from '../../lib/repo-path.ts'
import { type FactSource, NotText } from '../../facts/fact.ts'

/** A file of the watched repo at the claim's commit. */
export interface RepoFile {
  readonly path: string
  /** Full sha of the commit that was read. */
  readonly commit: string
  /** Null where that commit has no such file, and where it has one that is no text. */
  readonly text: string | null
  /** Why a file that is there has no text that can be searched. */
  readonly unread?: string
}

/** The path of a file as git names it: see `isRepoPath`. */
export const repoPathParam = z
  .string()
  .max(500)
  .refine(isRepoPath, 'expected the path of a file in the repo, such as nix/modules/swarm.nix')

/** The file's text, and that there is none is a fact too. Unseen for symlinks, folders and files over the cap. */
export function repoFile(path: string): FactSource<RepoFile> {
  return {
    key: `repo-file ${path}`,
    place: 'repo',
    watches: [path],
    async take(look) {
      const { commit } = look.repo
      try {
        return { path, commit, text: await look.repo.file(path) }
      } catch (error) {
        if (error instanceof NotText) return { path, commit, text: null, unread: error.message }
        throw error
      }
    }
  }
}
