import { type FactSource, Unseen } from '../fact.ts'

/** One thing that a builder's status file says: a row of a table, or an `EXPECTED:` line. Hostile text throughout. */
export interface Statement {
  readonly kind: 'row' | 'expected'
  /** In the file, from 1. */
  readonly line: number
  /** The heading that it stands under, and the line above the table or the expectation. */
  readonly under: string
  readonly above: string
  /** The headings around that one, the outermost first; absent where there is none but the file's title. */
  readonly within?: readonly string[]
  /** The table's header; empty for an expectation, which has one cell. */
  readonly columns: readonly string[]
  readonly cells: readonly string[]
}

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
      if (at === undefined) throw new Unseen('no path of a status file is known: give `path`')
      const text = await look.repo.file(at)
      // Loads remark, which hardly any plan needs before its hosts have answered.
      const { parseStatements } = await import('../status-text.ts')
      return { path: at, commit: look.repo.commit, statements: text === null ? null : parseStatements(text) }
    }
  }
}
