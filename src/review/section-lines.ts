import type { Git } from '../git/clone.ts'
import { type Heading, headings } from '../render/locate.ts'

/** Where the sections of a review file stand, as of one commit: lines from 1. */
export interface SectionLines {
  /** The newest section with a verdict on the milestone, or a look before it was claimed; null: there is none. */
  milestone(name: string): number | null
  /** The newest section that opens, reopens or closes the finding; null: there is none. */
  finding(id: string): number | null
}

export async function sectionLines(git: Git, commit: string, path: string): Promise<SectionLines> {
  const file = await git.file(commit, path)
  return linesOf(file.kind === 'file' ? await headings(file.bytes) : [])
}

export function linesOf(found: readonly Heading[]): SectionLines {
  const newest = (fits: (text: string) => boolean) =>
    found.findLast(({ depth, text }) => depth === 2 && fits(text))?.line ?? null
  return {
    milestone: name =>
      newest(text => ['PASS', 'FAIL', 'INCONCLUSIVE'].some(word => text.startsWith(`${name}: ${word} @`))) ??
      newest(
        text => text.startsWith('Pre-verification probe (') && text.endsWith(` — before ${name} claimed)`)
      ),
    finding: id => newest(text => text.startsWith(`[adversary] ${id}: `))
  }
}
