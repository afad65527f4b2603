import type { TreeHolders } from '../../facts/fact.ts'
import { isProse } from './tree-search.ts'
import { search, searched, wantedPattern, wantedText } from './text-search.ts'

/** Whether one of the files that hold a text holds it where it counts. Pure. */
export type Held =
  | { readonly kind: 'does'; readonly at: string; readonly how: string; readonly shows: readonly string[] }
  /** Only in comments, messages, or in the prose of a repo that also has programs. */
  | { readonly kind: 'said'; readonly at: string; readonly shows: readonly string[] }
  | { readonly kind: 'nowhere' }
  | { readonly kind: 'unclear'; readonly why: string }

/**
 * @param programs whether programs are among the files that were searched: then a document that only speaks of it
 *   does not count.
 */
export function holderOf(
  { text, count, first }: TreeHolders,
  kind: 'contains' | 'matches',
  programs: boolean
): Held {
  const how = kind === 'contains' ? wantedText(text) : wantedPattern(text)
  let said: Held | null = null
  let unclear: Held | null = null
  for (const file of first) {
    const read = searched(file.path, file.text)
    if ('why' in read) {
      unclear ??= { kind: 'unclear', why: `may be in ${file.path}: ${read.why}` }
      continue
    }
    const found = search(read, how)
    if (found.does !== null && programs && isProse(file.path)) {
      const why = `is only in a document, ${file.path}:${found.does.line}; name the documents alone in \`paths\` if that counts`
      unclear ??= { kind: 'unclear', why }
    } else if (found.does !== null) {
      const { line, shows } = found.does
      const { language } = read.code
      const asText = language === null || language === 'text' ? ' (judged as text)' : ''
      return { kind: 'does', at: `${file.path}:${line}`, how: asText, shows }
    }
    if (found.may !== null)
      unclear ??= {
        kind: 'unclear',
        why: `is in ${file.path}:${found.may.line}, which may be a comment or a message`
      }
    if (found.said !== null)
      said ??= { kind: 'said', at: `${file.path}:${found.said.line}`, shows: found.said.shows }
  }
  if (unclear !== null) return unclear
  if (count > first.length)
    return { kind: 'unclear', why: `is in ${count} files, of which ${first.length} were looked at closely` }
  return said ?? { kind: 'nowhere' }
}
