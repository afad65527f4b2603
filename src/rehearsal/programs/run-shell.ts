import { shellQuoted } from '../../lib/text/shell-quote.ts'
import { Bash, type CommandContext, decodeBytesToUtf8, defineCommand } from 'just-bash'
import { commands } from '../commands/commands.ts'
import { type Machine } from '../machine.ts'
import { type Answered, failed, type Invocation } from '../invocation.ts'
import { Killed } from '../kernel.ts'
import { instrument, programWord, wordsWord } from './instrument.ts'

const limits = {
  maxLoopIterations: 20_000,
  maxCommandCount: 200_000,
  maxCallDepth: 100,
  maxStringLength: 1_000_000,
  maxOutputSize: 10_000_000,
  maxHeredocSize: 1_000_000,
  maxArrayElements: 100_000
} as const

/** Runs a shell script; `text` null: what the words after `sh` say (`-c`, a path, standard input). */
export async function runShell(
  text: string | null,
  path: string,
  program: Invocation,
  machine: Machine
): Promise<Answered> {
  const [, ...words] = program.argv
  if (text === null) {
    const at = words.findIndex(word => /^-[a-z]*c$/.test(word))
    if (at >= 0) return execute(words[at + 1] ?? '', path, words.slice(at + 3), program, machine)
    const [script, ...rest] = words.filter(word => !word.startsWith('-'))
    if (script === undefined) return execute(program.stdin, path, [], program, machine)
    const read = machine.files.text(script)
    return read === null
      ? failed(127, `${script}: No such file or directory\n`)
      : execute(read, script, rest, program, machine)
  }
  return execute(text, path, words, program, machine)
}

async function execute(
  text: string,
  path: string,
  words: readonly string[],
  program: Invocation,
  machine: Machine
): Promise<Answered> {
  const { self, unit } = program
  // What such a program does next depends on the time.
  const looksAtClock =
    /\b(?:SECONDS|EPOCH(?:REAL)?SECONDS|RANDOM|SRANDOM|date|TMOUT|BASHPID)\b|%\(|\bread\b/.test(text)
  const ask = (name: string, answer: (call: Invocation) => Promise<Answered>) =>
    defineCommand(name, async (args, context) => {
      const words = [name, ...args]
      const state = looksAtClock ? null : stateOf(words, context)
      const { stdout, stderr, code } = await answer(callOf(words, context, program, state))
      return { stdout, stderr, exitCode: code }
    })
  const bash = new Bash({
    fs: machine.files.fs,
    env: { ...program.env },
    cwd: program.cwd,
    executionLimits: limits,
    // The process around it is the wall, see `src/os/sandbox.ts`; patched globals would only slow it down.
    defenseInDepth: false,
    customCommands: [
      ...Object.keys(commands).map(name => ask(name, call => machine.run(call))),
      ask(programWord, call => machine.run({ ...call, argv: call.argv.slice(1) })),
      defineCommand(wordsWord, args =>
        Promise.resolve({
          stdout: [...((args[0] ?? '').includes('/') ? [programWord] : []), ...args.map(shellQuoted)].join(
            ' '
          ),
          stderr: '',
          exitCode: 0
        })
      )
    ]
  })
  const instrumented = instrument(text)
  const result = await bash.exec(`set -- ${words.map(shellQuoted).join(' ')}\n${instrumented}`, {
    rawScript: true,
    signal: self.signal,
    stdin: program.stdin
  })
  if (self.signal.aborted) throw new Killed(unit)
  if (result.exitCode === 126 && /exceeded/.test(result.stderr))
    machine.notes.unknown({
      name: path,
      kind: 'limits',
      unit,
      place: program.place,
      why: `it ran out of its limits: ${result.stderr.trim()}`
    })
  return { stdout: result.stdout, stderr: result.stderr, code: result.exitCode }
}

/** All variables of the shell: a loop that changes none of them, and nothing of the host, has no end. */
function stateOf(argv: readonly string[], { env, cwd }: CommandContext): string {
  return JSON.stringify([argv, cwd, ...env])
}

function callOf(
  argv: readonly string[],
  context: CommandContext,
  program: Invocation,
  state: string | null
): Invocation {
  return {
    argv,
    env: context.exportedEnv ?? {},
    cwd: context.cwd,
    stdin: decodeBytesToUtf8(context.stdin),
    self: program.self,
    unit: program.unit,
    place: program.place,
    state
  }
}
