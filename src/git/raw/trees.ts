import { isDotGit } from '../../lib/repo-path.ts'
import { AdversaryError } from '../../lib/errors.ts'

export interface TreeEntry {
  readonly mode: string
  /** As stored. A name that is not UTF-8 holds replacement characters. */
  readonly name: string
  readonly sha: string
}

/** A tree object as its bytes are. */
export interface Tree {
  readonly entries: readonly TreeEntry[]
  /**
   * Why it is not one that git writes, null: it is one. Whoever walks such a tree finds other files in it than
   * whoever checks it out.
   */
  readonly fault: string | null
}

/** What git writes; the third one it wrote long ago. */
const modes: ReadonlySet<string> = new Set(['40000', '100644', '100664', '100755', '120000', '160000'])

/** @throws AdversaryError `repository` for bytes that are no tree. */
export function readTree(bytes: Buffer, idBytes: number): Tree {
  const spans = treeSpans(bytes, idBytes)
  return {
    entries: spans.map(({ mode, name, sha }) => ({ mode, name: name.toString('utf8'), sha })),
    fault: faultOf(spans)
  }
}

type Span = ReturnType<typeof treeSpans>[number]

function faultOf(spans: readonly Span[]): string | null {
  const seen = new Set<string>()
  let before: Buffer | null = null
  for (const { mode, name, sha } of spans) {
    const word = name.toString('latin1')
    const shown = JSON.stringify(name.toString('utf8'))
    if (seen.has(word)) return `holds ${shown} twice`
    seen.add(word)
    if (word === '') return 'holds an entry without a name'
    if (word.includes('/')) return `holds ${shown}, which is a path, not a name`
    if (word === '.' || word === '..' || isDotGit(name.toString('utf8')))
      return `holds ${shown}, which git does not check out`
    if (!modes.has(mode)) return `holds ${shown} with the mode ${JSON.stringify(mode)}`
    if (/^0+$/.test(sha)) return `holds ${shown}, with an object id of zeros`
    const key = sortKey(name, mode === '40000')
    if (before !== null && Buffer.compare(before, key) >= 0) return `is not sorted: ${shown} is out of order`
    before = key
  }
  return null
}

/** git sorts a folder as if its name ended in a slash. */
export function sortKey(name: Buffer, folder: boolean): Buffer {
  return folder ? Buffer.concat([name, Buffer.from('/')]) : name
}

/** Entries with their raw names, and where each stands: `<mode> <name>\0<raw id>`, again and again. */
export function treeSpans(bytes: Buffer, idBytes: number) {
  const entries: {
    readonly mode: string
    readonly name: Buffer
    readonly sha: string
    readonly from: number
    readonly to: number
  }[] = []
  let at = 0
  while (at < bytes.length) {
    const space = bytes.indexOf(32, at)
    const end = bytes.indexOf(0, space)
    const to = end + 1 + idBytes
    if (space < 0 || end < 0 || to > bytes.length) {
      throw new AdversaryError('repository', 'a tree of the repository is malformed')
    }
    entries.push({
      // With leading zeros, as other tools wrote it, a mode means the same to git.
      mode: bytes.toString('latin1', at, space).replace(/^0+(?=\d)/, ''),
      name: bytes.subarray(space + 1, end),
      sha: bytes.toString('hex', end + 1, to),
      from: at,
      to
    })
    at = to
  }
  return entries
}
