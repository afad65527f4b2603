import * as z from 'zod'
import { isRepoPath } from '../../base/repo-path.ts'
import type { FactSource } from '../fact.ts'

/** A file of the watched repo at the claim's commit. */
export interface RepoFile {
  readonly path: string
  /** Full sha of the commit that was read. */
  readonly commit: string
  /** Null where that commit has no such file. */
  readonly text: string | null
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
    take: async look => ({ path, commit: look.repo.commit, text: await look.repo.file(path) })
  }
}
