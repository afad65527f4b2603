import type { Veil } from '../lib/secrets/veil.ts'
import type { Evidence, ReadResult } from './fact.ts'
import type { Answer } from './session.ts'

/** A read, before it is known how many stand before it. */
export type Entry = Omit<Evidence, 'n'>

/** Nothing is judged that cannot be shown: whoever reads the review could not follow it. */
export const uncleanable = 'its output could not be redacted, so it is neither shown nor judged'

export function entryOfAnswer(on: string, command: string, answer: Answer): Entry {
  if (!answer.answered) return blind(on, command, answer.ms, answer.why)
  return {
    on,
    command,
    exit: answer.exit,
    ms: Math.round(answer.ms),
    stdout: answer.stdout,
    stderr: answer.stderr,
    cut: answer.cut
  }
}

export function entryOf(on: string, command: string, ms: number, result: ReadResult): Entry {
  return { on, command, ...result, ms: Math.round(ms), cut: false }
}

export function blind(on: string, command: string, ms: number, why: string): Entry {
  return { on, command, exit: null, ms: Math.round(ms), stdout: '', stderr: '', cut: false, why }
}

export function firstLine(text: string): string {
  return shortened(text.trimStart().split('\n', 1)[0]?.trimEnd() ?? '')
}

export function shortened(text: string): string {
  return text.length > 160 ? `${text.slice(0, 157)}...` : text
}

export function shownEntry({ stdout, stderr, command, ...rest }: Entry, veil: Veil): Entry {
  const { why } = rest
  return {
    ...rest,
    command: veil.shown(command),
    stdout: veil.shown(stdout),
    stderr: veil.shown(stderr),
    ...(why === undefined ? {} : { why: veil.sentence(why) })
  }
}
