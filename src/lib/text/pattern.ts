import { RE2JS } from 're2js'
import * as z from 'zod'

/** A regular expression that takes time linear in the text, whatever a plan or a host makes of it. */
export interface Pattern {
  /** Whether the expression matches anywhere in the text. */
  test(text: string): boolean
}

/** A longer expression is refused: compiling is linear too, but not free. */
const maxLength = 2_000

/** An expression compiles to more steps than this only by nested repetition; each step is paid for every character. */
const maxSteps = 5_000

/**
 * Compiles an expression in RE2's syntax: no back-references, no look-around, so no backtracking.
 *
 * @throws RangeError with one line that says what is wrong with it.
 */
export function pattern(expression: string): Pattern {
  if (expression.length > maxLength) throw new RangeError(`longer than ${maxLength} characters`)
  const compiled = compile(expression)
  if (compiled.programSize() > maxSteps) throw new RangeError('repeats too much')
  return { test: text => compiled.test(text) }
}

function compile(expression: string): RE2JS {
  try {
    return RE2JS.compile(expression)
  } catch (error) {
    const reason =
      error instanceof Error ? error.message.replace(/^error parsing regexp: /, '') : String(error)
    throw new RangeError(`not a linear-time regular expression (RE2 syntax): ${reason}`, { cause: error })
  }
}

/**
 * The schema of a `matches` parameter: the expression's text, refused with the reason if it does not compile. A line break
 * in it (YAML's `|` ends with one) is refused: in what is searched line by line it would match nothing, ever, and a probe
 * that asks for silence would always pass.
 */
export const patternText = z
  .string()
  .min(1)
  .regex(/^[^\r\n]*$/, 'expected an expression without line breaks; `\\n` stands for one')
  .superRefine((text, context) => {
    try {
      pattern(text)
    } catch (error) {
      if (!(error instanceof RangeError)) throw error
      context.addIssue({ code: 'custom', message: error.message })
    }
  })
