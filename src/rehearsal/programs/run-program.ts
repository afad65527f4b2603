import { commandOf, inert } from '../commands/commands.ts'
import type { Machine } from '../machine.ts'
import { absolute, type Answered, baseName, done, failed, type Invocation, stateIn } from '../invocation.ts'
import { isTool, runShell, runTool } from './run-shell.ts'

/** Runs what a path or name stands for: a command of the model, a script by its interpreter, or nothing we can look into. */
export async function runProgram(program: Invocation, machine: Machine): Promise<Answered> {
  const ended = machine.notes.execute(program, 'program')
  const answer = await found(program, machine)
  ended(answer.code)
  return answer
}

/** What a command takes at least: so that one that is asked for again and again takes its time. */
const tick = 1

async function found(program: Invocation, machine: Machine): Promise<Answered> {
  const [word = ''] = program.argv
  const name = baseName(word)
  const path = word.includes('/') ? absolute(word, program.cwd) : null
  await program.self.sleep(tick, stateIn(program, `run ${JSON.stringify(program.argv)}`))
  const script = path === null ? null : await scriptAt(path, program, machine)
  if (script !== null) return script
  const command = commandOf(name)
  if (command !== undefined) return command(program, machine)
  if (shells.has(name)) return runShell(null, word, program, machine)
  if (isTool(name)) return runTool(name, program, machine)
  if (path !== null) {
    const { kind } = await machine.files.look(path)
    // A path of the host's own folders of programs is there as long as nobody has seen that it is not.
    if (kind === 'missing') return failed(127, `${word}: No such file or directory\n`)
    return inert.has(name) || isOfSystem(path) ? done() : opaque(program, machine, 'it cannot be looked into')
  }
  return fromPath(program, machine)
}

/** A program of the system's own: it neither waits for what is on this host nor brings anything up. */
function isOfSystem(path: string): boolean {
  if (/^(?:\/usr)?\/lib\/systemd\//.test(path)) return true
  const [, , store = '', pack = ''] = path.split('/', 4)
  return (
    path.startsWith('/nix/store/') && store === 'store' && pack.includes('systemd') && !path.endsWith(pack)
  )
}

/** By the folders of `PATH`: a helper of the host's own, or a program that nobody knows. */
async function fromPath(program: Invocation, machine: Machine): Promise<Answered> {
  const [name = ''] = program.argv
  if (!/^[\w.+-]+$/.test(name)) return failed(127, `${name}: command not found\n`)
  let unread = false
  for (const folder of (program.env['PATH'] ?? '/usr/local/bin:/usr/bin:/bin').split(':')) {
    if (!folder.startsWith('/')) continue
    const path = `${folder.replace(/\/$/, '')}/${name}`
    const script = await scriptAt(path, program, machine)
    if (script !== null) return script
    const { kind } = await machine.files.look(path)
    if (kind === 'opaque')
      return inert.has(name) ? done() : opaque(program, machine, 'it cannot be looked into')
    unread ||= kind === 'unknown'
  }
  if (inert.has(name)) return done()
  return unread
    ? opaque(program, machine, 'it was not read')
    : opaque(program, machine, 'it was not found in PATH')
}

async function scriptAt(path: string, program: Invocation, machine: Machine): Promise<Answered | null> {
  const read = await machine.files.look(path)
  if (read.kind !== 'text') return null
  const [, interpreter = '', argument = ''] =
    /^#!\s*(?:\S*\/env\s+(?:-S\s+)?)?(?:\S*\/)?(\S+)[ \t]*([^\n]*)/.exec(read.text) ?? []
  // A file without a `#!` is run by the shell that wants to run it; systemd has none.
  if (interpreter === '' && machine.desk.who() !== null && !read.text.includes('\0'))
    return runShell(read.text, path, program, machine)
  if (shells.has(interpreter)) {
    const options = argument.trim().split(/\s+/).filter(Boolean)
    if (options.length === 0) return runShell(read.text, path, program, machine)
    return runShell(
      null,
      path,
      { ...program, argv: [interpreter, ...options, path, ...program.argv.slice(1)] },
      machine
    )
  }
  const command = commandOf(interpreter)
  if (command !== undefined)
    return command({ ...program, argv: [interpreter, path, ...program.argv.slice(1)] }, machine)
  return opaque(program, machine, interpreter === '' ? 'it is no script' : `it is run by ${interpreter}`)
}

export const shells: ReadonlySet<string> = new Set(['sh', 'bash', 'dash', 'ash', 'ksh', 'rbash'])

/** What cannot be looked into: both outcomes are tried, and what it does beside is not known. */
export function opaque(call: Invocation, { notes, choices, desk, systemd }: Machine, why: string): Answered {
  const { argv, unit, place, self } = call
  const name = argv[0] ?? ''
  const thing = { name, kind: 'program', unit, place, why } as const
  notes.unknown(thing)
  if (self.name === unit && !systemd.isOfDistribution(unit)) notes.opaqueStart(thing)
  systemd.ready(unit)
  // What a unit itself runs is taken to go well, as it does in an ordinary boot.
  if (desk.who() === null) return done()
  return choices.choose(`${name} succeeds`, 2, [unit]) === 0 ? done() : failed(1)
}
