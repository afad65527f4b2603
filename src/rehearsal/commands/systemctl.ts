import { type Answered, done, failed, type Invocation, stateIn } from '../invocation.ts'
import type { Command, Machine } from '../machine.ts'
import { askPort } from './http.ts'

const withValue =
  /^(?:-[pPnotHM]|--(?:property|type|state|lines|output|host|machine|job-mode|signal|kill-who|root|timestamp|when))$/

interface Words {
  readonly flags: ReadonlySet<string>
  readonly values: ReadonlyMap<string, string>
  readonly plain: readonly string[]
}

function parsed(words: readonly string[]): Words {
  const flags = new Set<string>()
  const values = new Map<string, string>()
  const plain: string[] = []
  for (let at = 0; at < words.length; at++) {
    const word = words[at] ?? ''
    const [, name = '', joined] = /^(--[\w-]+)(?:=(.*))?$/s.exec(word) ?? []
    if (name !== '' && joined !== undefined) values.set(name, joined)
    else if (withValue.test(word)) values.set(word, words[++at] ?? '')
    else if (/^-[pP]./.test(word)) values.set(word.slice(0, 2), word.slice(2))
    else if (name !== '') flags.add(name)
    else if (/^-[a-zA-Z]+$/.test(word)) for (const letter of word.slice(1)) flags.add(`-${letter}`)
    else if (word !== '--') plain.push(word)
  }
  return { flags, values, plain }
}

const startVerbs: Readonly<Record<string, 'start' | 'restart' | 'stop' | 'try-restart'>> = {
  start: 'start',
  restart: 'restart',
  'reload-or-restart': 'restart',
  'force-reload': 'restart',
  'try-restart': 'try-restart',
  condrestart: 'try-restart',
  'reload-or-try-restart': 'try-restart',
  'try-reload-or-restart': 'try-restart',
  isolate: 'start',
  stop: 'stop'
}

export const systemctl: Command = async (call, machine) => {
  const words = parsed(call.argv.slice(1))
  const { flags, values, plain } = words
  const [verb = 'list-units', ...names] = plain
  if (flags.has('--user')) return unknown(call, machine, `systemctl --user ${verb}`)
  const request = Object.hasOwn(startVerbs, verb) ? startVerbs[verb] : undefined
  if (request !== undefined) return jobs(call, machine, request, names, words)
  if ((verb === 'enable' || verb === 'reenable') && flags.has('--now'))
    return jobs(call, machine, 'start', names, words)
  switch (verb) {
    case 'is-active':
      return states(call, machine, names, flags, new Set(['active']))
    case 'is-failed':
      return states(call, machine, names, flags, new Set(['failed']))
    case 'is-enabled':
      return names.every(name => machine.systemd.isKnown(full(name)))
        ? done(flags.has('--quiet') ? '' : 'enabled\n')
        : failed(1, '', 'not-found\n')
    case 'show':
      return show(call, machine, names, values, flags)
    case 'status': {
      const answer = await states(call, machine, names, flags, new Set(['active']))
      return { ...answer, code: answer.code === 0 ? 0 : 3, stdout: `   Active: ${answer.stdout}` }
    }
    case 'is-system-running':
      return running(call, machine, flags.has('--wait'))
    case 'reload': {
      const inactive = names.some(name => state(machine, name) !== 'active')
      return inactive ? failed(1, 'Unit cannot be reloaded because it is inactive.\n') : done()
    }
    case 'list-jobs': {
      const open = machine.systemd.ends().filter(({ ended }) => ended === null)
      return done(
        open.length === 0
          ? 'No jobs running.\n'
          : `${open.map(({ unit }) => `1 ${unit} start waiting`).join('\n')}\n`
      )
    }
    case 'list-units':
    case 'list-unit-files':
    case 'cat':
    case 'daemon-reload':
    case 'daemon-reexec':
    case 'enable':
    case 'disable':
    case 'mask':
    case 'unmask':
    case 'preset':
    case 'reset-failed':
    case 'set-property':
    case 'set-environment':
    case 'unset-environment':
    case 'import-environment':
    case 'show-environment':
    case 'kill':
    case 'link':
    case 'revert':
    case 'get-default':
    case 'set-default':
    case 'list-timers':
    case 'list-sockets':
    case 'list-dependencies':
      return done()
    default:
      return unknown(call, machine, `systemctl ${verb}`)
  }
}

function unknown({ unit, place }: Invocation, { notes, choices }: Machine, name: string): Answered {
  notes.unknown({ name, kind: 'program', unit, place, why: 'it is not rehearsed' })
  return choices.choose(`${name} succeeds`, 2, [unit]) === 0 ? done() : failed(1)
}

const full = (name: string) => (/\.[a-z]+$/.test(name) ? name : `${name}.service`)

/** As `systemctl is-active` says it. */
function state({ systemd }: Machine, name: string): string {
  switch (systemd.state(full(name))?.state) {
    case 'active':
      return 'active'
    case 'starting':
      return 'activating'
    case 'failed':
      return 'failed'
    default:
      return 'inactive'
  }
}

async function states(
  call: Invocation,
  machine: Machine,
  names: readonly string[],
  flags: ReadonlySet<string>,
  wanted: ReadonlySet<string>
): Promise<Answered> {
  await call.self.sleep(5, stateIn(call, 'ask'))
  const found = names.map(name => {
    const now = state(machine, name)
    const id = machine.systemd.idOf(full(name))
    machine.notes.ask(call, {
      target: { kind: 'unit', key: id },
      answer: now,
      by: now === 'active' ? id : null
    })
    return now
  })
  const quiet = flags.has('-q') || flags.has('--quiet')
  const stdout = quiet ? '' : `${found.join('\n')}\n`
  return found.some(now => wanted.has(now)) ? done(stdout) : failed(3, '', stdout)
}

async function show(
  call: Invocation,
  machine: Machine,
  names: readonly string[],
  values: ReadonlyMap<string, string>,
  flags: ReadonlySet<string>
): Promise<Answered> {
  const wanted = (values.get('-P') ?? values.get('-p') ?? values.get('--property') ?? '').split(',')
  const bare = values.has('-P') || flags.has('--value')
  const { stdout } = await states(call, machine, names, new Set(), new Set())
  const now = stdout.trim().split('\n')[0] ?? ''
  const end = machine.systemd.state(full(names[0] ?? ''))
  const known: Readonly<Record<string, string>> = {
    ActiveState: now,
    SubState:
      now === 'active' ? 'running' : now === 'activating' ? 'start' : now === 'failed' ? 'failed' : 'dead',
    LoadState: machine.systemd.isKnown(full(names[0] ?? '')) ? 'loaded' : 'not-found',
    Result: end?.state === 'failed' ? 'exit-code' : 'success',
    UnitFileState: 'enabled',
    MainPID: now === 'active' ? '200' : '0',
    ExecMainStatus: end?.state === 'failed' ? '1' : '0',
    NRestarts: '0'
  }
  const lines = wanted
    .filter(Boolean)
    .map(name => (bare ? (known[name] ?? '') : `${name}=${Object.hasOwn(known, name) ? known[name] : ''}`))
  return done(
    `${(wanted.join('') === '' ? Object.entries(known).map(([name, value]) => `${name}=${value}`) : lines).join('\n')}\n`
  )
}

async function jobs(
  call: Invocation,
  machine: Machine,
  verb: 'start' | 'restart' | 'stop' | 'try-restart',
  names: readonly string[],
  { flags, values }: Words
): Promise<Answered> {
  let code = 0
  const block = !flags.has('--no-block')
  const ignoreOrder = /^ignore-(?:dependencies|requirements)$/.test(values.get('--job-mode') ?? '')
  for (const name of names) {
    const id = machine.systemd.idOf(full(name))
    const target = { kind: 'unit', key: id } as const
    const before = state(machine, name)
    if (block && verb !== 'stop')
      machine.notes.ask(call, { target, answer: before, by: before === 'active' ? id : null })
    const answer = await machine.systemd.request(call.self, full(name), verb, {
      block,
      ignoreOrder,
      state: stateIn(call, id)
    })
    if (block && verb !== 'stop') {
      const after = state(machine, name)
      machine.notes.ask(call, { target, answer: answer === 'done' ? 'started' : after, by: id })
    }
    if (answer === 'missing') code = 5
    else if (answer === 'failed') code = 1
  }
  return failed(code)
}

/** `service NAME start`, as the scripts of SysV call it. */
export const service: Command = (call, machine) => {
  const [, ...words] = call.argv
  const [name = '', verb = 'status'] = words.filter(word => !word.startsWith('-'))
  return systemctl({ ...call, argv: ['systemctl', verb, name] }, machine)
}

async function running(call: Invocation, machine: Machine, waits: boolean): Promise<Answered> {
  const target = { kind: 'boot', key: 'boot' } as const
  // The jobs of the boot are those of all units, the caller's own among them.
  while (!machine.systemd.settled()) {
    machine.notes.ask(call, { target, answer: 'starting', by: null })
    if (!waits) return failed(1, '', 'starting\n')
    await call.self.sleep(1_000, stateIn(call, 'boot'))
  }
  const bad = machine.systemd.ends().some(({ state: now }) => now === 'failed')
  machine.notes.ask(call, { target, answer: bad ? 'degraded' : 'running', by: 'default.target' })
  return bad ? failed(1, '', 'degraded\n') : done('running\n')
}

export const systemdNotify: Command = async (call, machine) => {
  if (call.argv.some(word => /^(?:--ready|READY=1)$/.test(word))) machine.systemd.ready(call.unit)
  return done()
}

/** `pg_isready`, `redis-cli ping` and their like: whether their port is open. */
export function portTool(port: number, hostOption: string, portOption: string): Command {
  return async (call, machine) => {
    const value = (option: string) => {
      const at = call.argv.indexOf(option)
      return at < 0 ? null : (call.argv[at + 1] ?? null)
    }
    const host = value(hostOption) ?? 'localhost'
    const number = Number(value(portOption) ?? port)
    const { open } = await askPort(call, machine, host.startsWith('/') ? 'localhost' : host, number)
    return open ? done() : failed(2)
  }
}
