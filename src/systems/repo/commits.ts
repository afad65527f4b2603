import { codeOf, kindOf, type TextKind } from '../programs/program-text.ts'
import { type ChangedFile, type FactSource, Unseen } from '../../facts/fact.ts'

/** What the commits since the orientation brought to the watched repo, and is still there. */
export interface CommitsSince {
  /** Shas: the orientation's commit, and the one that is read. */
  readonly from: string
  readonly to: string
  readonly lines: readonly BroughtLine[]
}

/** A line that does something, outside comments, prose and what is only said. Hostile text. */
export interface BroughtLine {
  /** Sha of the commit that brought it. */
  readonly commit: string
  readonly path: string
  /** In the file as it is at `to`, from 1; the first where a backslash joins several. */
  readonly line: number
  readonly text: string
}

const caps = { lines: 5_000, characters: 512 * 1024 } as const

/** The commits between the newest orientation before the phase's first claim and the commit that is read. */
export const commitsSince: FactSource<CommitsSince> = {
  key: 'commits-since-baseline',
  place: 'repo',
  async take(look) {
    const before = await look.record.baseline()
    if (before === null) throw new Unseen('no orientation was recorded before the first claim of the phase')
    const lines = broughtLines(await look.repo.changes(before.commit, declares))
    const characters = lines.reduce((sum, { text }) => sum + text.length, 0)
    if (lines.length > caps.lines || characters > caps.characters)
      throw new Unseen(
        `the commits since ${before.commit.slice(0, 7)} change more lines than the probe reads`
      )
    return { from: before.commit, to: look.repo.commit, lines }
  }
}

const declaringKinds: readonly TextKind[] = ['shell', 'nix', 'hash', 'unit']

/** Files in which a thing of a host may be declared: programs without an ending too. */
function declares(path: string): boolean {
  return !/\.[^./]+$/.test(path) || declaringKinds.includes(kindOf(path, ''))
}

/** The lines that are nowhere in the changed files before: one that was moved or indented anew says nothing new. */
export function broughtLines(files: readonly ChangedFile[]): readonly BroughtLine[] {
  const old = new Set(
    files.flatMap(({ path, before }) => (before === null ? [] : codeOf(path, before).map(spaced)))
  )
  return files.flatMap(({ path, after, brought }) => {
    if (after === null) return []
    const code = codeOf(path, after)
    return code.flatMap((line, index): readonly BroughtLine[] => {
      if (old.has(spaced(line))) return []
      const end = code[index + 1]?.line ?? line.line + 1
      // Of joined lines, any may be the one that changed.
      const commit = range(line.line, end).flatMap(number => brought.get(number) ?? [])[0]
      return commit === undefined ? [] : [{ commit, path, line: line.line, text: line.text }]
    })
  })
}

function spaced({ text }: { readonly text: string }): string {
  return text.replaceAll(/\s+/g, ' ')
}

function range(from: number, to: number): readonly number[] {
  return Array.from({ length: Math.max(1, to - from) }, (_, index) => from + index)
}
