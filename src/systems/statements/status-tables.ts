import { type FactSource, Unseen } from '../../facts/fact.ts'
import type { Statement } from './status-text.ts'

export interface StatusFile {
  readonly path: string
  readonly commit: string
  /** Null where the commit has no such file. */
  readonly statements: readonly Statement[] | null
}

/**
 * What the builder wrote, at the claim's commit.
 *
 * @param path in the repo; null for the place where status files lie by default.
 */
export function statusFile(path: string | null): FactSource<StatusFile> {
  return {
    key: `status-tables ${path ?? '(default)'}`,
    place: 'repo',
    // Not watched: a builder goes on writing here, and what was true at the claim stays judged.
    async take(look) {
      const at = path ?? look.repo.statusPath
      if (at === undefined) throw new Unseen('the path of the status file is unknown; set `path`')
      const text = await look.repo.file(at)
      // Loads remark, which hardly any plan needs before its hosts have answered.
      const { parseStatements } = await import('./status-text.ts')
      return { path: at, commit: look.repo.commit, statements: text === null ? null : parseStatements(text) }
    }
  }
}
