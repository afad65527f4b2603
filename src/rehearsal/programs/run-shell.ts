import { shellQuoted } from '../../lib/text/shell-quote.ts'
import {
  Bash,
  type CommandContext,
  type CustomCommand,
  decodeBytesToUtf8,
  defineCommand,
  getCommandNames
} from 'just-bash'
import { bodyMark } from '../commands/http.ts'
import { isModelled } from '../commands/commands.ts'
import type { Machine } from '../machine.ts'
import { type Answered, failed, type Invocation } from '../invocation.ts'
import { Killed, type Process } from '../kernel.ts'
import { isShellWord } from './desk.ts'
import {
  backgroundWord,
  evalWord,
  ownFolder,
  programWord,
  sourceWord,
  waitWord,
  wordsWord
} from './instrument.ts'

const limits = {
  maxLoopIterations: 10_000,
  maxCommandCount: 60_000,
  maxCallDepth: 100,
  maxStringLength: 1_000_000,
  maxOutputSize: 10_000_000,
  maxHeredocSize: 1_000_000,
  maxArrayElements: 100_000
} as const

/** Of all units together. */
const mostProcesses = 300

/** Text tools of the interpreter itself. */
const tools: ReadonlySet<string> = new Set(getCommandNames())

/** Whether the interpreter has it itself: text tools, and what is a part of every shell. */
export function isTool(name: string): boolean {
  return tools.has(name) || /^(?:\[|test|kill|pwd)$/.test(name)
}

export function runTool(name: string, program: Invocation, machine: Machine): Promise<Answered> {
  const [, ...words] = program.argv
  const script = { text: `${name} "$@"`, path: name, isFile: false, words, options: [] }
  return execute(script, program, machine)
}

/** Runs a shell script; `text` null: what the words after `sh` say (`-c`, a path, standard input). */
export async function runShell(
  text: string | null,
  path: string,
  program: Invocation,
  machine: Machine
): Promise<Answered> {
  const [, ...words] = program.argv
  if (text !== null) return execute({ text, path, isFile: true, words, options: [] }, program, machine)
  const options: string[] = []
  let at = 0
  for (; at < words.length; at++) {
    const word = words[at] ?? ''
    if (/^[-+][oO]$/.test(word)) options.push(word, words[++at] ?? '')
    else if (/^[-+][A-Za-z]+$/.test(word)) options.push(word)
    else if (word === '--rcfile' || word === '--init-file') at += 1
    else if (!word.startsWith('--') || word === '--') break
  }
  if (words[at] === '--') at += 1
  const rest = words.slice(at)
  const flags = options.filter(option => /^-[A-Za-z]+$/.test(option)).join('')
  const kept = options.flatMap(option => {
    const bare = option.replaceAll(/[csil]/g, '')
    return bare.length > 1 || /^\w+$/.test(option) ? [bare.length > 1 ? bare : option] : []
  })
  if (flags.includes('c')) {
    const [inline = '', name = path, ...others] = rest
    return execute(
      { text: inline, path: name, isFile: false, words: others, options: kept },
      program,
      machine
    )
  }
  const [script, ...others] = rest
  if (script === undefined || flags.includes('s'))
    return execute({ text: program.stdin, path, isFile: false, words: rest, options: kept }, program, machine)
  const full = script.startsWith('/') ? script : `${program.cwd}/${script}`.replace(/^\/+/, '/')
  const read = await machine.files.look(full)
  if (read.kind === 'text')
    return execute(
      { text: read.text, path: full, isFile: true, words: others, options: kept },
      program,
      machine
    )
  if (read.kind === 'missing') return failed(127, `${script}: No such file or directory\n`)
  machine.notes.unknown({
    name: full,
    kind: 'program',
    unit: program.unit,
    place: program.place,
    why: 'why' in read ? read.why : 'it is no file'
  })
  return machine.choices.choose(`${full} succeeds`, 2, [program.unit]) === 0 ? failed(0) : failed(1)
}

interface Script {
  readonly text: string
  readonly path: string
  /** Its lines are those of a file. */
  readonly isFile: boolean
  readonly words: readonly string[]
  readonly options: readonly string[]
}

interface Job {
  readonly runner: Process
  code: number
}

async function execute(script: Script, program: Invocation, machine: Machine): Promise<Answered> {
  const { self, unit } = program
  const { desk, kernel, notes, files } = machine
  const read = desk.read(script.text, script.isFile ? script.path : null)
  for (const name of read.reads)
    if (missesEnvironment(name, program, machine)) noteVariable(name, program, machine)
  const jobs = new Map<number, Job>()
  let lastHandler: string | null = null
  let sources = 0
  let looksAtClock = read.looksAtClock

  const stateOf = (argv: readonly string[], { env, cwd }: CommandContext) =>
    looksAtClock || program.state === null ? null : JSON.stringify([program.state, argv, cwd, ...env])
  const own = (name: string, answer: (args: string[], context: CommandContext) => Promise<Answered>) =>
    defineCommand(name, async (args, context) => {
      const { stdout, stderr, code } = await answer(args, context)
      return { stdout, stderr, exitCode: code }
    })
  const ask = (name: string, words: (args: string[]) => readonly string[]) =>
    own(name, (args, context) => {
      const argv = words(args)
      const here = desk.who()
      return machine.run({
        argv,
        env: context.exportedEnv ?? {},
        cwd: context.cwd,
        stdin: decodeBytesToUtf8(context.stdin),
        self,
        unit,
        place: here?.place ?? program.place,
        state: stateOf(argv, context)
      })
    })
  const modelled = new Map<string, CustomCommand>()
  const knows = (name: string) =>
    modelled.has(name) || tools.has(name) || isShellWord(name) || name.includes('/') || name === ''
  const learn = (names: ReadonlySet<string>, bash: Bash | null) => {
    for (const name of names) {
      if (knows(name) && !isModelled(name)) continue
      if (modelled.has(name) || isShellWord(name)) continue
      const command = ask(name, args => [name, ...args])
      modelled.set(name, command)
      bash?.registerCommand(command)
    }
  }

  const noted = (name: string) =>
    defineCommand(name, async (args, context) => {
      const here = desk.who()
      const done = notes.execute(
        { unit, place: here?.place ?? program.place, argv: [name, ...args] },
        isShellWord(name) ? 'shell' : 'program'
      )
      const result = await (context.origCommand?.(args) ??
        Promise.resolve({ stdout: '', stderr: '', exitCode: 127 }))
      done(result.exitCode)
      // What a page of the host says is not known; who looks for something in it will find it once it is there.
      if (result.exitCode === 1 && /^(?:[ef]?grep|rg)$/.test(name) && seeksBody(args, context)) {
        noteBody(name, args)
        return { ...result, exitCode: 0 }
      }
      return result
    })

  const seeksBody = (args: readonly string[], context: CommandContext) =>
    !args.some(arg => /^-[a-zA-Z]*v|^--invert/.test(arg)) &&
    decodeBytesToUtf8(context.stdin).includes(bodyMark)
  const noteBody = (name: string, args: readonly string[]) =>
    notes.unknown({
      name: [name, ...args].join(' ').slice(0, 200),
      kind: 'answer',
      unit,
      place: desk.who()?.place ?? program.place,
      why: 'what is looked for in a page is not known'
    })

  const words = own(wordsWord, async args => {
    const [first = ''] = args
    learn(new Set([first]), bash)
    const quoted = args.map(shellQuoted).join(' ')
    return { stdout: first.includes('/') ? `${programWord} ${quoted}` : quoted, stderr: '', code: 0 }
  })
  const evaluated = own(evalWord, async args => {
    const found = desk.read(args.join(' '), null)
    learn(found.names, bash)
    looksAtClock ||= found.looksAtClock
    return { stdout: found.text, stderr: '', code: 0 }
  })
  const sourced = own(sourceWord, async ([name = ''], context) => {
    const path = name.startsWith('/') ? name : `${context.cwd}/${name}`.replace(/^\/+/, '/')
    const found = await files.look(path)
    if (found.kind !== 'text') {
      if (found.kind === 'opaque' || found.kind === 'unknown')
        notes.unknown({
          name: path,
          kind: 'program',
          unit,
          place: desk.who()?.place ?? program.place,
          why: found.why
        })
      return { stdout: path, stderr: '', code: 0 }
    }
    const rewritten = desk.read(found.text, path)
    learn(rewritten.names, bash)
    looksAtClock ||= rewritten.looksAtClock
    const copy = `/__source/${++sources}`
    files.fs.writeFileSync(copy, rewritten.text)
    return { stdout: copy, stderr: '', code: 0 }
  })
  const background = own(backgroundWord, async ([number = '0'], context) => {
    if (kernel.spawned() > mostProcesses) {
      const why = 'it starts too many processes'
      notes.unknown({ name: script.path, kind: 'limits', unit, place: program.place, why })
      return failed(1)
    }
    const job = 1_000 + jobs.size
    const variables = Object.fromEntries(context.env)
    const text = desk.piece(Number(number))
    const seat = desk.who()
    const runner = kernel.spawn(`${unit} &`, async other => {
      const leave = desk.enter(other, { unit, place: seat?.place ?? program.place, argv: seat?.argv ?? [] })
      try {
        const shell = inner(other, variables, context.cwd)
        const result = await shell.exec(text, { rawScript: true, signal: other.signal })
        const one = jobs.get(job)
        if (one !== undefined) one.code = result.exitCode
      } finally {
        leave()
      }
    })
    jobs.set(job, { runner, code: 0 })
    return { stdout: String(job), stderr: '', code: 0 }
  })
  const wait = own(waitWord, async args => {
    let code = 0
    const wanted = args.filter(arg => /^\d+$/.test(arg)).map(Number)
    for (const number of wanted.length > 0 ? wanted : jobs.keys()) {
      const job = jobs.get(number)
      if (job === undefined) {
        code = 127
        continue
      }
      await self.join(job.runner)
      code = wanted.length > 0 ? job.code : 0
    }
    return failed(code)
  })
  const kill = own('kill', async args => {
    const number = Number(args.findLast(arg => /^\d+$/.test(arg)))
    const job = jobs.get(number)
    if (job === undefined) return failed(1, 'kill: no such process\n')
    const ended = job.runner.ended()
    if (!args.includes('-0')) job.runner.kill()
    return failed(ended ? 1 : 0)
  })
  const trap = own('trap', async args => {
    const [text = '', ...signals] = args.filter(arg => arg !== '--')
    if (signals.some(signal => /^(?:EXIT|0)$/i.test(signal))) lastHandler = text === '-' ? null : text
    return failed(0)
  })

  /** What the interpreter lacks of a shell's own, and what has no effect on a rehearsal. */
  const silent = [
    'ulimit',
    'umask',
    'disown',
    'bg',
    'fg',
    'jobs',
    'times',
    'caller',
    'suspend',
    'enable'
  ].map(name => own(name, async () => failed(0, '', name === 'umask' ? '0022\n' : '')))
  const builtIn = [words, evaluated, sourced, background, wait, kill, trap, ...silent]

  function inner(runner: Process, env: Record<string, string>, cwd: string): Bash {
    return runner === self ? create(env, cwd) : otherShell(runner, env, cwd)
  }

  /** A shell that runs on another process, with the same words. */
  function otherShell(runner: Process, env: Record<string, string>, cwd: string): Bash {
    const moved = [...modelled.keys()].map(name =>
      own(name, (args, context) => {
        const here = desk.who()
        const argv = [name, ...args]
        return machine.run({
          argv,
          env: context.exportedEnv ?? {},
          cwd: context.cwd,
          stdin: decodeBytesToUtf8(context.stdin),
          self: runner,
          unit,
          place: here?.place ?? program.place,
          state: stateOf(argv, context)
        })
      })
    )
    const movedProgram = own(programWord, (args, context) =>
      machine.run({
        argv: args,
        env: context.exportedEnv ?? {},
        cwd: context.cwd,
        stdin: decodeBytesToUtf8(context.stdin),
        self: runner,
        unit,
        place: desk.who()?.place ?? program.place,
        state: stateOf(args, context)
      })
    )
    return create(env, cwd, [...moved, movedProgram])
  }

  function create(env: Record<string, string>, cwd: string, more: readonly CustomCommand[] = []): Bash {
    return new Bash({
      fs: files.fs,
      // What it finds elsewhere it would run by itself: so it finds first what is handed to it here.
      env: { ...env, PATH: withOwn(env['PATH'] ?? '') },
      cwd,
      executionLimits: limits,
      // The process around it is the wall, see `src/os/sandbox.ts`; patched globals would only slow it down.
      defenseInDepth: false,
      processInfo: { pid: 100, ppid: 1, uid: 0, gid: 0 },
      customCommands: [
        ...[...tools].filter(name => !isModelled(name)).map(noted),
        ...modelled.values(),
        ask(programWord, args => args),
        ...builtIn,
        ...more
      ]
    })
  }

  learn(read.names, null)
  const bash = create({ ...program.env, __path: script.path }, program.cwd)
  const leave = desk.enter(self, { unit, place: program.place, argv: program.argv })
  try {
    const head = [
      `set -- ${script.words.map(shellQuoted).join(' ')}`,
      ...(script.options.length > 0 ? [`set ${script.options.map(shellQuoted).join(' ')}`] : [])
    ].join('\n')
    const result = await bash.exec(`${head}\n${read.text}`, {
      rawScript: true,
      signal: self.signal,
      stdin: program.stdin
    })
    if (self.signal.aborted) throw new Killed(unit)
    if (lastHandler !== null) {
      const handler = desk.read(lastHandler, null)
      learn(handler.names, bash)
      await bash.exec(handler.text, { rawScript: true, signal: self.signal, env: result.env })
      if (self.signal.aborted) throw new Killed(unit)
    }
    if (result.exitCode === 126 && /exceeded|too (?:many|large)/i.test(result.stderr))
      notes.unknown({
        name: script.path,
        kind: 'limits',
        unit,
        place: program.place,
        why: `it ran out of its limits: ${result.stderr.trim().slice(0, 200)}`
      })
    return { stdout: result.stdout, stderr: result.stderr, code: result.exitCode }
  } finally {
    leave()
  }
}

function withOwn(path: string): string {
  return path.startsWith(ownFolder) ? path : `${ownFolder}${path}`
}

/** A variable that it reads and never sets, of a unit one of whose environment files was not read. */
function missesEnvironment(name: string, { env, unit }: Invocation, { notes }: Machine): boolean {
  if (Object.hasOwn(env, name) || name.startsWith('__')) return false
  if (
    /^(?:PATH|HOME|PWD|OLDPWD|IFS|OPTARG|OPTIND|REPLY|HOSTNAME|UID|EUID|PPID|SHLVL|LINENO|FUNCNAME|PIPESTATUS|BASH\w*)$/.test(
      name
    )
  )
    return false
  return notes.unknowns.some(one => one.unit === unit && one.kind === 'value' && one.name.startsWith('/'))
}

function noteVariable(name: string, { unit, place }: Invocation, { notes, choices }: Machine): void {
  notes.unknown({
    name: `$${name}`,
    kind: 'value',
    unit,
    place,
    why: 'the file that may set it was not read'
  })
  choices.choose(`$${name} of ${unit}`, 1, [unit])
}
