import { oneLine, skipMarkers } from '../lib/text/clean.ts'

/**
 * The words of a review commit. Forges act on what stands in a commit message: they close issues, notify
 * people, and skip builds. So only these words reach one, and none of them can do any of that.
 */

const maxSubject = 100
const maxLine = 200

/**
 * One line for a commit message, of at most `max` characters: no control or bidirectional characters, no skip
 * marker, no mention, no reference to an issue, no URL, no trailer.
 */
export function messageLine(text: string, max = maxLine): string {
  const line = oneLine(text, 10 * max)
    .replace(/[a-z0-9+.-]{0,20}:\/\/(?:[^\s/@]{1,200}@)?/giu, '')
    .replace(/:\/\//gu, ' ')
    .replace(/@/gu, ' at ')
    .replace(/[#!](?=\d)/gu, 'no. ')
    .replace(/\b([A-Za-z]{1,20})-(?=\d+\b)/gu, '$1 ')
    .replace(/[`<>]/gu, "'")
  const tame = skipMarkers(line.trim().replace(/^\/+/u, ''))
    // `Key: value` at the start of a line could be taken for a trailer.
    .replace(/^([A-Za-z][\w-]*)\s*:/u, '$1 –')
  return oneLine(tame, max)
}

/**
 * What stands behind `review(…): ` in the subject: the verdict, then as many findings as fit in a hundred
 * characters of subject, then how many more there are.
 *
 * @param scope what stands between the brackets, for its length.
 */
export function messageTitle(scope: string, verdict: string, findings: readonly string[]): string {
  const room = maxSubject - `review(${scope}): `.length
  const parts = [verdict, ...findings].filter(part => part !== '').map(part => keepingBrackets(part, room))
  for (let kept = parts.length; kept > 1; kept -= 1) {
    const more = parts.length - kept
    const title = parts.slice(0, kept).join(' + ') + (more > 0 ? ` + ${more} more` : '')
    if (title.length <= room) return title
  }
  const [only = '', ...others] = parts
  const rest = others.length > 0 ? ` + ${others.length} more` : ''
  return oneLine(only, room - rest.length) + rest
}

/** `[adversary] A1` is ours; everything behind it is guarded. */
function keepingBrackets(part: string, room: number): string {
  const [ours = ''] = /^\[adversary\] /u.exec(part) ?? []
  return ours + messageLine(part.slice(ours.length), room - ours.length)
}

/** Lines of the body: one line each, never taken for trailers, at most twenty. */
export function messageBody(lines: readonly string[]): string {
  const kept = lines.map(line => messageLine(line)).filter(line => line !== '')
  return [...kept.slice(0, 20), ...(kept.length > 20 ? [`… and ${kept.length - 20} more`] : [])].join('\n')
}
