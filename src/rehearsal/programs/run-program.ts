import { commands } from '../commands/commands.ts'
import { type Machine } from '../machine.ts'
import { type Answered, failed, type Invocation } from '../invocation.ts'
import { runShell } from './run-shell.ts'

/** Runs what a path or name stands for: a command of the model, a script by its interpreter, or nothing we can look into. */
export async function runProgram(program: Invocation, machine: Machine): Promise<Answered> {
  const [path = ''] = program.argv
  const name = path.slice(path.lastIndexOf('/') + 1)
  machine.notes.execute(program)
  const text = path.includes('/') ? machine.files.text(path) : null
  if (text !== null) {
    const [, interpreter = 'sh'] = /^#!\s*(?:\S*\/env\s+(?:-S\s+)?)?(?:\S*\/)?(\S+)/.exec(text) ?? []
    if (shells.has(interpreter)) return runShell(text, path, program, machine)
    return opaque(program, machine, `it is run by ${interpreter}`)
  }
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined
  if (command !== undefined) return command(program, machine)
  if (shells.has(name)) return runShell(null, path, program, machine)
  return opaque(program, machine, 'it was not read, and the rehearsal has no entry for it')
}

const shells = new Set(['sh', 'bash', 'dash', 'ash'])

function opaque({ argv, unit, place }: Invocation, { notes, choices }: Machine, why: string): Answered {
  const name = argv[0] ?? ''
  notes.unknown({ name, kind: 'program', unit, place, why })
  return choices.choose(`${name} succeeds`, 2) === 0 ? { stdout: '', stderr: '', code: 0 } : failed(1)
}
