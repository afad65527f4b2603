import { mapStrings, type Veil } from '../lib/secrets/veil.ts'
import {
  type ChangedFile,
  type HostClock,
  type ReadResult,
  type RehearsalOutput,
  type RouteAnswer,
  type RouteRequest,
  type TreeFound,
  type TreeQuery,
  Unseen
} from './fact.ts'
import type { ReadCommand } from './read-command.ts'

/** What a source was answered, as it was read, by the question. */
export interface Received {
  readonly reads: Map<string, Promise<ReadResult>>
  readonly routes: Map<string, Promise<RouteAnswer>>
  readonly files: Map<string, Promise<string | null>>
  readonly changes: Map<string, Promise<readonly ChangedFile[]>>
  readonly searches: Map<string, Promise<TreeFound>>
  readonly changedPaths: Map<string, Promise<readonly string[]>>
  readonly homes: Map<string, Promise<string>>
  readonly clocks: Map<string, Promise<HostClock>>
  /** By their order: what they were made of is not the same once secrets are hidden in it. */
  readonly rehearsals: Map<string, Promise<RehearsalOutput>>
}

export function nothingReceived(): Received {
  return {
    reads: new Map(),
    routes: new Map(),
    files: new Map(),
    changes: new Map(),
    searches: new Map(),
    changedPaths: new Map(),
    homes: new Map(),
    clocks: new Map(),
    rehearsals: new Map()
  }
}

export function noted<Answered>(
  answers: Map<string, Promise<Answered>>,
  key: string,
  answer: Promise<Answered>
): Promise<Answered> {
  answers.set(key, answer)
  // Whoever asked sees the rejection; this keeps a source that never awaits it from ending the process.
  answer.catch(() => undefined)
  return answer
}

export async function shownAnswers<Answered>(
  received: ReadonlyMap<string, Promise<Answered>>,
  show: (answer: Answered) => Answered
) {
  const answers = new Map<string, Promise<Answered>>()
  let altered = false
  const outcomes = await Promise.allSettled(received.values())
  for (const [index, [key, asked]] of [...received].entries()) {
    const outcome = outcomes[index]
    // Why there was no answer holds no secret: `understood` and the adapters see to it.
    if (outcome?.status !== 'fulfilled') {
      answers.set(key, asked)
      continue
    }
    const shown = show(outcome.value)
    altered ||= shown !== outcome.value
    answers.set(key, Promise.resolve(shown))
  }
  return { answers, altered }
}

export function repeated<Answered>(
  answers: ReadonlyMap<string, Promise<Answered>>,
  key: string
): Promise<Answered> {
  const answer = answers.get(key)
  return answer ?? Promise.reject(new Unseen('a hidden text names it'))
}

export function readKey({ argv }: ReadCommand): string {
  return JSON.stringify(argv)
}

export function routeKey(request: RouteRequest): string {
  return JSON.stringify(request)
}

export function searchKey(query: TreeQuery): string {
  return JSON.stringify(query)
}

/** The same object where nothing is hidden. */
export function shownRead(answer: ReadResult, veil: Veil): ReadResult {
  const stdout = veil.shown(answer.stdout)
  const stderr = veil.shown(answer.stderr)
  return stdout === answer.stdout && stderr === answer.stderr ? answer : { ...answer, stdout, stderr }
}

/** The same object where nothing is hidden. */
export function shownRehearsal(answer: RehearsalOutput, veil: Veil): RehearsalOutput {
  if (!answer.ok) return answer
  const found: unknown = JSON.parse(answer.stdout)
  const shown = mapStrings(found, veil.shown)
  return shown === found ? answer : { ok: true, stdout: JSON.stringify(shown) }
}

export function shownRoute(answer: RouteAnswer, veil: Veil): RouteAnswer {
  return mapStrings(answer, veil.shown)
}

export function shownChanges(files: readonly ChangedFile[], veil: Veil): readonly ChangedFile[] {
  const shown = files.map(file => shownChange(file, veil))
  return shown.some((file, index) => file !== files[index]) ? shown : files
}

/** Where a secret takes several lines, what is left has other numbers: nobody is said to have brought it. */
function shownChange(file: ChangedFile, veil: Veil): ChangedFile {
  const show = (text: string | null) => (text === null ? null : veil.shown(text))
  const [path, before, after] = [veil.shown(file.path), show(file.before), show(file.after)]
  if (path === file.path && before === file.before && after === file.after) return file
  const moved = after?.split('\n').length !== file.after?.split('\n').length
  return { path, before, after, brought: moved ? new Map() : file.brought }
}
