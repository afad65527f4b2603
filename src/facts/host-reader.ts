import { answerBounds } from '../lib/bounds.ts'
import { messageOf } from '../lib/errors.ts'
import type { Veil } from '../lib/secrets/veil.ts'
import type { Adapters } from './adapter.ts'
import { type Entry, entryOfAnswer, firstLine, shortened, uncleanable } from './evidence.ts'
import { type ReadResult, Unseen } from './fact.ts'
import { readKey } from './received.ts'
import { type ReadCommand, typed } from './read-command.ts'
import type { Answer, HostSession } from './session.ts'

const tooManyLines = `it printed more than ${answerBounds.lines} lines, which is more than are looked at`

function hasManyLines(text: string): boolean {
  let lines = 0
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) {
    lines += 1
    if (lines > answerBounds.lines) return true
  }
  return false
}

/** What is shown of an answer that was cut: whole lines, for half a secret looks like none. */
function beginningOf(text: string): string {
  if (text.length <= answerBounds.shownOfCut) return text
  return text.slice(0, text.lastIndexOf('\n', answerBounds.shownOfCut - 1) + 1)
}

export interface HostReader {
  session(): Promise<HostSession>
  read(command: ReadCommand): { readonly entry: Promise<Entry>; readonly result: Promise<ReadResult> }
}

/** Collects the reads that are asked for in one turn of the event loop and sends them as one round. */
export function hostReader(host: string, adapters: Adapters): HostReader {
  const { veil } = adapters
  interface Waiting {
    readonly command: ReadCommand
    readonly settle: (answer: Answer) => void
  }
  const asked = new Map<string, { entry: Promise<Entry>; result: Promise<ReadResult> }>()
  let waiting: Waiting[] = []
  let session: Promise<HostSession> | undefined

  const open = () => {
    session ??= adapters.open(host)
    return session
  }

  const flush = async () => {
    const round = waiting.toSorted((one, other) => other.command.priority - one.command.priority)
    waiting = []
    const started = adapters.tick()
    try {
      const answers = (await open()).ask(round.map(({ command }) => command))
      round.forEach(({ settle }, index) => {
        const answer = answers[index]
        if (answer === undefined) settle({ answered: false, why: 'the reader lost this read', ms: 0 })
        else void answer.then(settle)
      })
    } catch (error) {
      for (const { settle } of round) {
        settle({
          answered: false,
          why: `could not see ${host}: ${messageOf(error)}`,
          ms: adapters.tick() - started
        })
      }
    }
  }

  return {
    session: open,
    read(command) {
      const key = readKey(command)
      const before = asked.get(key)
      if (before !== undefined) return before
      const answer = new Promise<Answer>(settle => {
        if (waiting.push({ command, settle }) === 1) setImmediate(() => void flush())
      }).then((got): Answer => {
        if (got.answered && hasManyLines(got.stdout))
          return { answered: false, why: tooManyLines, ms: got.ms }
        const kept = got.answered && got.cut ? { ...got, stdout: beginningOf(got.stdout) } : got
        const texts = kept.answered ? [kept.stdout, kept.stderr] : [kept.why]
        // All of them: each may tell of a secret that stands elsewhere.
        const cleaned = texts.map(text => veil.read(text))
        return cleaned.includes(false) ? { answered: false, why: uncleanable, ms: got.ms } : kept
      })
      const text = typed(command)
      const now = {
        entry: answer.then(got => entryOfAnswer(host, text, got)),
        result: answer.then(got => understood(command, got, veil))
      }
      // Whoever asked sees the rejection; this keeps a source that never awaits it from ending the process.
      now.result.catch(() => undefined)
      asked.set(key, now)
      return now
    }
  }
}

/**
 * An answer is an exit code that answers, with output that is whole. Everything else was not seen. What it quotes of an
 * answer is hidden before it is shortened: half a secret looks like none.
 */
function understood(command: ReadCommand, answer: Answer, veil: Veil): ReadResult {
  if (!answer.answered) throw new Unseen(veil.line(answer.why))
  const name = command.argv[0] ?? ''
  const text = () => shortened(veil.line(typed(command)))
  // Before its exit code, which is that of a command whose reader went away.
  if (answer.cut) throw new Unseen(`the output of \`${text()}\` was cut at ${command.capBytes} bytes`)
  if (!command.answers.includes(answer.exit)) {
    const output = firstLine(veil.line(answer.stderr)) || firstLine(veil.line(answer.stdout))
    if (answer.exit === 127)
      throw new Unseen(`${name}: no such command on the host${output ? ` (${output})` : ''}`)
    throw new Unseen(`\`${text()}\` ended with ${answer.exit}${output ? `: ${output}` : ''}`)
  }
  return { exit: answer.exit, stdout: answer.stdout, stderr: answer.stderr }
}
