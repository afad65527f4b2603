import { kindOf } from './names.ts'
import type { Tree } from './raw/trees.ts'

/** What lies in a commit and is no folder. */
export interface TreeFile {
  /** From the top. A name that is not UTF-8 holds U+FFFD. */
  readonly path: string
  readonly kind: 'file' | 'symlink' | 'submodule'
  /** As git stores it: `100755` is a file that can be executed. */
  readonly mode: string
  /** Of the blob; of a submodule, the commit. */
  readonly sha: string
}

export type WholeTree =
  | { readonly kind: 'tree'; readonly files: readonly TreeFile[] }
  /** A tree that git would not write, or more files than the cap. */
  | { readonly kind: 'refused'; readonly why: string }

const kinds: Readonly<Record<string, TreeFile['kind']>> = {
  '100644': 'file',
  '100664': 'file',
  '100755': 'file',
  '120000': 'symlink',
  '160000': 'submodule'
}

/** How deep folders may lie in each other, as a path has at most 4096 bytes where it is checked out. */
const deepest = 2_048

/**
 * Everything below a tree, in git's order. A folder that lies in many places is read in each of them, and counts.
 *
 * @param treeAt throws where there is no such tree.
 */
export async function wholeTree(
  root: string,
  treeAt: (sha: string) => Promise<Tree>,
  most: number
): Promise<WholeTree> {
  const files: TreeFile[] = []
  const waiting: { readonly at: string; readonly sha: string; readonly depth: number }[] = [
    { at: '', sha: root, depth: 0 }
  ]
  let folders = 0
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const { at, sha, depth } = next
    folders += 1
    const { entries, fault } = await treeAt(sha)
    if (fault !== null) return refused(`${at === '' ? 'the top folder' : at} ${fault}`)
    const below: typeof waiting = []
    for (const { mode, name, sha: id } of entries) {
      const path = at + name
      const kind = kinds[mode]
      if (mode === '40000') below.push({ at: `${path}/`, sha: id, depth: depth + 1 })
      else if (kind === undefined) return refused(`${path} is ${kindOf(mode)}`)
      else files.push({ path, kind, mode, sha: id })
    }
    waiting.push(...below.reverse())
    if (files.length + folders + waiting.length > most)
      return refused(`it holds more than the ${most} files and folders that are read`)
    if (depth > deepest) return refused(`its folders are more than ${deepest} deep`)
  }
  return { kind: 'tree', files }
}

function refused(why: string): WholeTree {
  return { kind: 'refused', why }
}
