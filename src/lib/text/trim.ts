/**
 * Ends of texts, in linear time. A pattern such as `/\/+$/` tries each row of slashes anywhere in the text to its end, which
 * takes the square of its length where somebody writes many of them.
 */

/** Without these characters at its end. */
export function trimmedEnd(text: string, characters: string): string {
  let end = text.length
  while (end > 0 && characters.includes(text.charAt(end - 1))) end -= 1
  return text.slice(0, end)
}

/** Without these characters at its beginning. */
export function trimmedStart(text: string, characters: string): string {
  let start = 0
  while (start < text.length && characters.includes(text.charAt(start))) start += 1
  return text.slice(start)
}

/** Without these characters at both ends. */
export function trimmed(text: string, characters: string): string {
  return trimmedStart(trimmedEnd(text, characters), characters)
}

/** Its lines without the blanks around them, and without those that are blank. */
export function joinedLines(text: string, glue: string): string {
  return text
    .split('\n')
    .map(line => line.trim())
    .filter(line => line !== '')
    .join(glue)
}
