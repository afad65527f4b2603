import { treeBounds } from '../../lib/bounds.ts'
import { pattern } from '../../lib/text/pattern.ts'
import { fixedFolder, pathGlobMatches } from '../../lib/text/path-glob.ts'
import {
  type FactSource,
  type Listed,
  type TreeFound,
  type TreeHolders,
  type TreeQuery,
  Unseen
} from '../../facts/fact.ts'
import { type FileText, textOf, withheld } from '../languages/file-text.ts'

/** A search over the files of a commit: where texts stand, and what could not be searched. Nothing is judged. */

/** What of a long list is kept; of a file that holds what was asked for, at most so many characters. */
const kept = { paths: 20, hits: 20, holders: 5, holderCharacters: 512 * 1024, shown: 300 } as const

interface Searched {
  readonly path: string
  readonly kind: 'file' | 'symlink' | 'submodule'
}

/**
 * @param read the bytes of a file (of a symlink: where it leads), or why there are none.
 * @throws Unseen for more files or bytes than are searched: nothing would be known by a part of them.
 */
export async function searchTree<File extends Searched>(
  files: readonly File[],
  query: TreeQuery,
  read: (file: File) => Promise<Uint8Array | { readonly why: string }>
): Promise<TreeFound> {
  const among = (globs: readonly string[], path: string) => globs.some(glob => pathGlobMatches(glob, path))
  const matched = files
    .filter(({ path }) => among(query.paths, path) && !among(query.except, path))
    .toSorted((one, other) => (one.path < other.path ? -1 : 1))
  if (matched.length > treeBounds.files)
    throw new Unseen(`the globs match ${matched.length} files, more than the ${treeBounds.files} searched`)

  const binary = list()
  const generated = list()
  const unread = list()
  const lacks = query.lacks.map(text => ({ text, bytes: Buffer.from(text), ...list<Hit>(kept.hits) }))
  const contains = query.contains.map(text => holders(text, file => file.includes(text)))
  const matches = query.matches.map(text => {
    const expression = pattern(text)
    return holders(text, file => file.split('\n').some(line => expression.test(line)))
  })
  let bytes = 0
  for (const file of matched) {
    const { path } = file
    const named = lacks.filter(({ text }) => path.includes(text))
    for (const { add } of named) add({ path, line: null, shows: path })
    if (path.includes('\uFFFD')) {
      unread.add(`${path}: its name is not UTF-8`)
      continue
    }
    const content = file.kind === 'submodule' ? { why: 'it is a submodule' } : await read(file)
    if ('why' in content) {
      unread.add(`${path}: ${content.why}`)
      continue
    }
    bytes += content.length
    if (bytes > treeBounds.bytes)
      throw new Unseen(`the globs match files of more than the ${treeBounds.bytes} bytes searched`)
    const buffer = Buffer.from(content.buffer, content.byteOffset, content.length)
    const text = readable(buffer)
    // What is encrypted or packed may hold anything, and what it shows is still looked through.
    if (text.kind === 'other' && text.packed) unread.add(`${path}: ${text.why}`)
    if (text.kind === 'other' && !text.packed) binary.add(path)
    if (isGenerated(path, buffer)) generated.add(path)
    for (const each of lacks) {
      if (named.includes(each)) continue
      const at = buffer.indexOf(each.bytes)
      if (at >= 0) each.add({ path, ...placeOf(buffer, at, text.kind === 'text') })
    }
    if (text.kind === 'text' && file.kind === 'file')
      for (const each of [...contains, ...matches]) each.offer(path, text.text.replaceAll('\r\n', '\n'))
  }
  return {
    files: matched.length,
    bytes,
    prose: matched.filter(({ path }) => isProse(path)).length,
    binary: cut(binary),
    generated: cut(generated),
    unread: cut(unread),
    lacks: lacks.map(({ text, found, first }) => ({ text, count: found(), first })),
    contains: contains.map(each => each.result()),
    matches: matches.map(each => each.result())
  }
}

interface Hit {
  readonly path: string
  readonly line: number | null
  readonly shows: string
}

function list<Item = string>(most: number = kept.paths) {
  const first: Item[] = []
  let count = 0
  return {
    first,
    found: () => count,
    skip() {
      count += 1
    },
    add(item: Item) {
      count += 1
      if (first.length < most) first.push(item)
    }
  }
}

function cut({ first, found }: ReturnType<typeof list<string>>): Listed {
  return { count: found(), first }
}

function holders(wanted: string, holds: (text: string) => boolean) {
  const programs = list<{ readonly path: string; readonly text: string }>(kept.holders)
  const prose = list<{ readonly path: string; readonly text: string }>(kept.holders)
  return {
    offer(path: string, text: string) {
      // Lines that a backslash continues are one where programs are read.
      const pieces = text.split('\\\n')
      const joined = pieces.length > 1 && holds(pieces.map(piece => piece.trim()).join(' '))
      if (!joined && !holds(text)) return
      const group = isProse(path) ? prose : programs
      // Of a part of a file it cannot be told what is a comment in it.
      if (text.length > kept.holderCharacters) group.skip()
      else group.add({ path, text })
    },
    result(): TreeHolders {
      const first = [...programs.first, ...prose.first].slice(0, kept.holders)
      return { text: wanted, count: programs.found() + prose.found(), first }
    }
  }
}

function readable(bytes: Buffer): FileText {
  const content = textOf(bytes)
  const hidden = content.kind === 'text' ? withheld(content.text) : null
  return hidden === null ? content : { kind: 'other', why: hidden.why, packed: true }
}

function placeOf(buffer: Buffer, at: number, isText: boolean): Pick<Hit, 'line' | 'shows'> {
  if (!isText) return { line: null, shows: 'in a file that is no text' }
  let line = 1
  for (let end = buffer.indexOf(10); end >= 0 && end < at; end = buffer.indexOf(10, end + 1)) line += 1
  // `lastIndexOf` takes -1 for the end.
  const start = at === 0 ? 0 : buffer.lastIndexOf(10, at - 1) + 1
  const end = buffer.indexOf(10, at)
  const from = at - start > kept.shown / 2 ? at - kept.shown / 2 : start
  const shows = buffer.subarray(from, Math.min(end < 0 ? buffer.length : end, from + kept.shown)).toString()
  return { line, shows }
}

/** A document for people: what it speaks of need not be there. */
export function isProse(path: string): boolean {
  return /(?:\.(?:md|markdown|mdx|rst|adoc|asciidoc|txt|org)|(?:^|\/)(?:readme|changelog|license|notice|authors|todo))$/i.test(
    path
  )
}

/** What nobody here writes by hand, by the folder or by the words that generators put at the top. */
function isGenerated(path: string, bytes: Buffer): boolean {
  return (
    /(?:^|\/)(?:vendor|third_party|node_modules|dist|\.yarn)\/|(?:^|\/)(?:package-lock\.json|[^/]*\.lock|go\.sum)$/.test(
      path
    ) || /@generated\b|Code generated by /.test(bytes.toString('latin1', 0, 2_000))
  )
}

/** The files of the commit under review in which these texts stand. */
export function treeSearch(query: TreeQuery): FactSource<RepoTree> {
  const { paths, except, lacks, contains, matches } = query
  return {
    key: `repo-tree ${JSON.stringify([paths, except, lacks, contains, matches])}`,
    place: 'repo',
    watches: [...new Set(paths.map(fixedFolder).filter(folder => folder !== ''))],
    async take(context) {
      return { commit: context.repo.commit, ...(await context.repo.search(query)) }
    }
  }
}

/** What a search over the files of a commit found. */
export interface RepoTree extends TreeFound {
  /** Full sha of the commit that was searched. */
  readonly commit: string
}
