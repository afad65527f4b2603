import type { Tree } from './raw/trees.ts'

/** What stands at a path of a tree, by its raw objects alone. */
export interface PathReader {
  /**
   * Mode and id of what is there, null for nothing. Two that differ nowhere are the same file or folder. What is
   * there twice is none of both.
   */
  entry(root: string, path: string): Promise<string | null>
  /** The trees on the way that git would not write, and the path of each. */
  faults(root: string, path: string): Promise<readonly { readonly at: string; readonly fault: string }[]>
}

/** How many answers are remembered, some 300 bytes each. */
const answersHeld = 20_000

/** @param treeAt throws where there is no such tree. */
export function pathReader(treeAt: (sha: string) => Promise<Tree>): PathReader {
  const answers = new Map<string, Promise<string | null>>()

  const found = async (root: string, names: readonly string[]): Promise<string | null> => {
    let at = `40000 ${root}`
    for (const name of names) {
      const [mode, sha = ''] = at.split(' ')
      if (mode !== '40000') return null
      const there = (await treeAt(sha)).entries.filter(entry => entry.name === name)
      const [one, ...others] = there
      if (one === undefined) return null
      if (others.length > 0) return there.map(entry => `${entry.mode} ${entry.sha}`).join(' and ')
      at = `${one.mode} ${one.sha}`
    }
    return at
  }

  return {
    entry(root, path) {
      const key = `${root} ${path}`
      const known = answers.get(key)
      if (known !== undefined) return known
      if (answers.size >= answersHeld) answers.clear()
      const answer = found(root, namesOf(path))
      answers.set(key, answer)
      answer.catch(() => answers.delete(key))
      return answer
    },
    async faults(root, path) {
      const faults: { readonly at: string; readonly fault: string }[] = []
      const names = namesOf(path)
      let trees = [root]
      for (let depth = 0; depth <= names.length && trees.length > 0; depth++) {
        const below: string[] = []
        for (const sha of trees) {
          const { entries, fault } = await treeAt(sha)
          if (fault !== null) faults.push({ at: names.slice(0, depth).join('/'), fault })
          for (const { mode, name, sha: id } of entries)
            if (mode === '40000' && name === names[depth]) below.push(id)
        }
        trees = below
      }
      return faults
    }
  }
}

/** A path of the whole tree has none. */
function namesOf(path: string): readonly string[] {
  return path.split('/').filter(name => name !== '' && name !== '.')
}
