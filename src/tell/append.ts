import { AdversaryError } from '../base/errors.ts'
import { lineEnd, openBlock } from './locate.ts'

/**
 * The bytes that put a section at the end of a review file: first what ends the blocks that the file leaves
 * open, then a rule, then the section, in the file's own line ends. A new or empty file gets the header.
 *
 * @throws AdversaryError `repository` for a file in UTF-16, to which no text can be added.
 */
export function appended(existing: Uint8Array | null, header: string, section: string): Uint8Array {
  const bytes = existing ?? new Uint8Array()
  if (isUtf16(bytes)) {
    throw new AdversaryError('repository', 'the review file is in UTF-16', {
      hint: 'convert it to UTF-8, and sign for that with `adversary accept`'
    })
  }
  const isNew = /^(?:\xef\xbb\xbf)?[ \t\r\n]*$/.test(Buffer.from(bytes).toString('latin1'))
  const text = `${isNew ? `${ending(header)}\n` : ''}---\n\n${ending(section)}`
  const eol = lineEnd(bytes)
  const added = Buffer.from(eol === '\n' ? text : text.replaceAll('\n', eol))
  return Buffer.concat([openBlock(bytes), added])
}

/** By its byte order mark. */
export function isUtf16([first, second]: Uint8Array): boolean {
  return (first === 0xff && second === 0xfe) || (first === 0xfe && second === 0xff)
}

function ending(text: string): string {
  return `${text.trimEnd()}\n`
}
