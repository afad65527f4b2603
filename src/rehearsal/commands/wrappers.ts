import { type Answered, baseName, done, failed, type Invocation, stateIn } from '../invocation.ts'
import type { Command, Machine } from '../machine.ts'
import { secondsOf } from './time.ts'

/** A program that runs another one: which of its options take a value, and how many words come before the other. */
interface Wrapper {
  /** Short options with a value, as letters. */
  readonly short: string
  /** Long options whose value is a word of its own. */
  readonly long: readonly string[]
  /** Words before the command that are none of its options. */
  readonly skip?: number
}

const wrappersByName: Readonly<Record<string, Wrapper>> = {
  nice: { short: 'n', long: ['--adjustment'] },
  ionice: { short: 'cnpPu', long: ['--class', '--classdata'] },
  chrt: { short: 'TPDp', long: [], skip: 1 },
  taskset: { short: 'p', long: [], skip: 1 },
  nohup: { short: '', long: [] },
  setsid: { short: '', long: [] },
  stdbuf: { short: 'ioe', long: ['--input', '--output', '--error'] },
  setpriv: {
    short: '',
    long: ['--reuid', '--regid', '--groups', '--inh-caps', '--bounding-set', '--ambient-caps', '--securebits']
  },
  nsenter: { short: 'tSGrw', long: ['--target', '--setuid', '--setgid'] },
  unshare: { short: 'SG', long: ['--setuid', '--setgid'] },
  sudo: { short: 'ugpCrthDTU', long: ['--user', '--group', '--prompt', '--chdir', '--host'] },
  doas: { short: 'uC', long: [] },
  'systemd-cat': { short: 'tp', long: ['--identifier', '--priority', '--stderr-priority'] },
  'systemd-inhibit': { short: '', long: ['--what', '--who', '--why', '--mode'] },
  chpst: { short: 'uUbepnmdofcrt', long: [] },
  setuidgid: { short: '', long: [], skip: 1 },
  gosu: { short: '', long: [], skip: 1 },
  'su-exec': { short: '', long: [], skip: 1 },
  tini: { short: 'pe', long: [] },
  'dumb-init': { short: 'r', long: [] },
  catatonit: { short: 'P', long: [] },
  busybox: { short: '', long: [] },
  time: { short: 'fo', long: ['--format', '--output'] },
  prlimit: { short: 'p', long: ['--pid'] },
  cgexec: { short: 'g', long: [] },
  'ip-netns': { short: '', long: [] }
}

/** The words of the command that it runs. */
function rest(words: readonly string[], { short, long, skip = 0 }: Wrapper): readonly string[] {
  let at = 0
  for (; at < words.length; at++) {
    const word = words[at] ?? ''
    if (word === '--') {
      at += 1
      break
    }
    if (!word.startsWith('-') || word === '-') break
    if (long.includes(word)) at += 1
    else if (/^-[A-Za-z]+$/.test(word) && short.includes(word.at(-1) ?? '')) at += 1
  }
  return words.slice(at + skip)
}

function run(call: Invocation, machine: Machine, argv: readonly string[]): Promise<Answered> {
  return argv.length === 0 ? Promise.resolve(done()) : machine.run({ ...call, argv })
}

function wrapper(options: Wrapper): Command {
  return (call, machine) => {
    const words = rest(call.argv.slice(1), options)
    const env = { ...call.env }
    let at = 0
    for (; /^[A-Za-z_]\w*=/.test(words[at] ?? ''); at++) assign(env, words[at] ?? '')
    return run({ ...call, env }, machine, words.slice(at))
  }
}

function assign(env: Record<string, string>, word: string): void {
  const equals = word.indexOf('=')
  env[word.slice(0, equals)] = word.slice(equals + 1)
}

const envCommand: Command = (call, machine) => {
  const words = call.argv.slice(1)
  let env: Record<string, string> = { ...call.env }
  let cwd = call.cwd
  let at = 0
  for (; at < words.length; at++) {
    const word = words[at] ?? ''
    if (word === '-i' || word === '-' || word === '--ignore-environment') env = {}
    else if (word === '-u' || word === '--unset') delete env[words[++at] ?? '']
    else if (word.startsWith('--unset=')) delete env[word.slice(8)]
    else if (word === '-C' || word === '--chdir') cwd = words[++at] ?? cwd
    else if (word.startsWith('--chdir=')) cwd = word.slice(8)
    else if (word === '-S' || word === '--split-string')
      words.splice(at + 1, 1, ...(words[at + 1] ?? '').split(/\s+/).filter(Boolean))
    else if (word === '--') {
      at += 1
      break
    } else if (!word.startsWith('-')) break
  }
  for (; /^[A-Za-z_][^=]*=/s.test(words[at] ?? ''); at++) assign(env, words[at] ?? '')
  if (at >= words.length)
    return Promise.resolve(
      done(
        Object.entries(env)
          .map(([name, value]) => `${name}=${value}\n`)
          .join('')
      )
    )
  return run({ ...call, env, cwd }, machine, words.slice(at))
}

/** Ends the command when its time is over; by systemd's own rule a time of 0 is none. */
const timeout: Command = async (call, machine) => {
  const words = rest(call.argv.slice(1), { short: 'ks', long: ['--kill-after', '--signal'] })
  const options = call.argv.slice(1, call.argv.length - words.length)
  // busybox and old Alpine write `timeout -t 30 command`.
  const old = options.indexOf('-t')
  const seconds = secondsOf(old >= 0 ? (options[old + 1] ?? '') : (words[0] ?? ''))
  const argv = old >= 0 ? words : words.slice(1)
  if (seconds === null || argv.length === 0) return failed(125)
  const ended: { answer: Answered | null } = { answer: null }
  const child = machine.kernel.spawn(call.self.name, async self => {
    const leave = machine.desk.enter(self, { unit: call.unit, place: call.place, argv })
    try {
      ended.answer = await machine.run({ ...call, argv, self })
    } finally {
      leave()
    }
  })
  const stop = () => child.kill()
  call.self.signal.addEventListener('abort', stop, { once: true })
  const how = await call.self.join(
    child,
    seconds > 0 && Number.isFinite(seconds) ? seconds * 1_000 : undefined
  )
  call.self.signal.removeEventListener('abort', stop)
  if (how === 'ended' && ended.answer !== null) return ended.answer
  child.kill()
  return failed(124)
}

/** `flock [-n] FILE command`, `flock FILE -c text`, `flock -x 9`: the lock is free. */
const flock: Command = (call, machine) => {
  const [file = '', ...words] = rest(call.argv.slice(1), {
    short: 'wE',
    long: ['--wait', '--timeout', '--conflict-exit-code']
  })
  if (/^\d+$/.test(file) || words.length === 0) return Promise.resolve(done())
  if (words[0] === '-c' || words[0] === '--command') return run(call, machine, ['sh', '-c', words[1] ?? ''])
  return run(call, machine, words)
}

/** `su - user -c text`, `runuser -u user -- command`. */
const su: Command = (call, machine) => {
  const words = call.argv.slice(1)
  const command = words.findIndex(word => word === '-c' || word === '--command')
  if (command >= 0)
    return run(call, machine, ['sh', '-c', words[command + 1] ?? '', ...words.slice(command + 2)])
  const joined = words.find(word => word.startsWith('--command='))
  if (joined !== undefined) return run(call, machine, ['sh', '-c', joined.slice('--command='.length)])
  const direct = rest(words, { short: 'ugGsw', long: ['--user', '--group', '--supp-group', '--shell'] })
  return run(call, machine, words.some(word => word === '-u' || word === '--user') ? direct : direct.slice(1))
}

/** Started as a unit of its own: the caller waits for its end only where it says so. */
const systemdRun: Command = async (call, machine) => {
  const words = call.argv.slice(1)
  const argv = rest(words, {
    short: 'puMHEGd',
    long: [
      '--unit',
      '--property',
      '--description',
      '--slice',
      '--setenv',
      '--uid',
      '--gid',
      '--nice',
      '--working-directory',
      '--on-active',
      '--on-boot',
      '--on-calendar',
      '--service-type',
      '--host',
      '--machine'
    ]
  })
  const options = words.slice(0, words.length - argv.length)
  if (options.some(word => /^--on-|^--timer-property/.test(word))) return done()
  if (options.some(word => /^(?:--scope|--wait|--pipe|--pty|-[a-z]*[tP])$/.test(word)))
    return run(call, machine, argv)
  const child = machine.kernel.spawn(`${call.unit} &`, async self => {
    await machine.run({ ...call, argv, self })
  })
  if (options.some(word => /service-type=oneshot|Type=oneshot/.test(word)) && !options.includes('--no-block'))
    await call.self.join(child)
  return done()
}

const xargs: Command = async (call, machine) => {
  const words = call.argv.slice(1)
  const command = rest(words, {
    short: 'nIPLsdaE',
    long: ['--max-args', '--max-procs', '--max-lines', '--delimiter', '--arg-file']
  })
  const options = words.slice(0, words.length - command.length)
  const value = (...names: readonly string[]) => {
    for (const [index, option] of options.entries()) {
      for (const name of names) {
        if (option === name) return options[index + 1] ?? null
        if (option.startsWith(name) && !name.startsWith('--')) return option.slice(name.length)
        if (option.startsWith(`${name}=`)) return option.slice(name.length + 1)
      }
    }
    return null
  }
  const replace = value('-I', '--replace')
  const zero = options.some(option => /^-[a-z]*0|^--null$/.test(option))
  const items = (zero ? call.stdin.split('\0') : call.stdin.split(replace === null ? /\s+/ : '\n')).filter(
    Boolean
  )
  const size = replace === null ? Number(value('-n', '--max-args') ?? items.length) || 1 : 1
  const argv = command.length === 0 ? ['echo'] : command
  if (items.length === 0 && (options.some(option => /^-[a-z]*r/.test(option)) || replace !== null))
    return done()
  let stdout = ''
  let stderr = ''
  let code = 0
  for (let at = 0; at < Math.max(items.length, 1); at += size) {
    const some = items.slice(at, at + size)
    const one =
      replace === null ? [...argv, ...some] : argv.map(word => word.replaceAll(replace, some[0] ?? ''))
    const state = call.state === null ? null : `${call.state} ${at}`
    // What is no program of the model is a tool of the interpreter.
    const answer = await machine.run({ ...call, state, argv: ['sh', '-c', '"$@"', 'sh', ...one], stdin: '' })
    stdout += answer.stdout
    stderr += answer.stderr
    if (answer.code !== 0) code = answer.code === 255 ? 124 : 123
  }
  return { stdout, stderr, code }
}

/** Runs a command over and over, for ever. */
const watch: Command = async (call, machine) => {
  const argv = rest(call.argv.slice(1), { short: 'n', long: ['--interval'] })
  for (;;) {
    const { code } = await run(call, machine, argv.length === 1 ? ['sh', '-c', argv[0] ?? ''] : argv)
    if (code !== 0 && call.argv.some(word => /^-[a-z]*[eg]/.test(word))) return failed(8)
    await call.self.sleep(2_000, stateIn(call, 'watch'))
  }
}

/** `script -qc text`, `capsh … -- -c text`, `ssh localhost command` are not among them. */
const capsh: Command = (call, machine) => {
  const at = call.argv.indexOf('--')
  return run(call, machine, at < 0 ? [] : ['sh', ...call.argv.slice(at + 1)])
}

/** The first name decides: `busybox wget`. */
export const wrappers: Readonly<Record<string, Command>> = {
  ...Object.fromEntries(Object.entries(wrappersByName).map(([name, options]) => [name, wrapper(options)])),
  env: envCommand,
  timeout,
  flock,
  su,
  runuser: su,
  'systemd-run': systemdRun,
  xargs,
  watch,
  capsh,
  'start-stop-daemon': (call, machine) => {
    const at = call.argv.findIndex(
      word => word === '--exec' || word === '-x' || word === '--startas' || word === '-a'
    )
    const own = call.argv.indexOf('--')
    return run(
      call,
      machine,
      [call.argv[at + 1] ?? baseName(''), ...(own < 0 ? [] : call.argv.slice(own + 1))].filter(Boolean)
    )
  }
}
