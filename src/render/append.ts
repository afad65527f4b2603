import { AdversaryError } from '../lib/errors.ts'
import { lineEnd, openBlock } from './locate.ts'

/**
 * The bytes that put a section at the end of a review file: first what ends the blocks that the file leaves
 * open, then a rule, then the section, in the file's own line ends. A new or empty file gets the header.
 *
 * @throws AdversaryError `repository` for a file in UTF-16, to which no text can be added.
 */
export async function appended(
  existing: Uint8Array | null,
  header: string,
  section: string
): Promise<Uint8Array> {
  const bytes = existing ?? new Uint8Array()
  if (isUtf16(bytes)) {
    throw new AdversaryError('repository', 'the review file is in UTF-16', {
      hint: 'convert it to UTF-8, and sign for that with `adversary accept`'
    })
  }
  const text = `${isBlank(bytes) ? `${ending(header)}\n` : ''}---\n\n${ending(section)}`
  const eol = lineEnd(bytes)
  const added = Buffer.from(eol === '\n' ? text : text.replaceAll('\n', eol))
  return Buffer.concat([await openBlock(bytes), added])
}

/** Nothing but spaces and line ends, behind a byte order mark perhaps. */
function isBlank(bytes: Uint8Array): boolean {
  const marked = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf
  return bytes
    .subarray(marked ? 3 : 0)
    .every(byte => byte === 0x20 || byte === 9 || byte === 10 || byte === 13)
}

/** By its byte order mark. */
export function isUtf16([first, second]: Uint8Array): boolean {
  return (first === 0xff && second === 0xfe) || (first === 0xfe && second === 0xff)
}

function ending(text: string): string {
  return `${text.trimEnd()}\n`
}
