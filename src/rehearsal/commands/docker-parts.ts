import type { Target } from '../answer.ts'
import { absolute, type Answered, done, failed, type Invocation } from '../invocation.ts'
import type { Machine } from '../machine.ts'
import type { Running } from '../model/docker-model.ts'
import { stackFile, type StackFile } from '../model/stack-file.ts'

/** What the model does not know: both outcomes are tried. */
export function unknown({ unit, place }: Invocation, { notes, choices }: Machine, name: string): Answered {
  notes.unknown({ name, kind: 'program', unit, place, why: 'it is not rehearsed' })
  return choices.choose(`${name} succeeds`, 2, [unit]) === 0
    ? done()
    : failed(1, `${name} is not rehearsed\n`)
}

/** null: it could not be read, which is noted. */
export async function readStack(
  path: string,
  call: Invocation,
  machine: Machine
): Promise<StackFile | 'missing' | null> {
  const valueOf = (name: string) => call.env[name] ?? null
  if (path === '-') return stackFile(call.stdin, valueOf)
  const full = absolute(path, call.cwd)
  const read = await machine.files.look(full)
  if (read.kind === 'text') {
    const file = stackFile(read.text, valueOf)
    if (!file.unclear) return file
  } else if (read.kind === 'missing') return 'missing'
  machine.notes.unknown({
    name: full,
    kind: 'value',
    unit: call.unit,
    place: call.place,
    why: 'why' in read ? read.why : 'it is no stack file'
  })
  return null
}

/** Notes that a program looked for a service or container. */
export function ask(call: Invocation, machine: Machine, target: Target, one: Running | undefined): void {
  machine.notes.ask(call, {
    target,
    answer: one === undefined ? 'missing' : 'running',
    by: one?.unit ?? null
  })
}
