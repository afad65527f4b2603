import {
  environmentFiles,
  environmentOf,
  type ExecCommand,
  settingsOf,
  startCommands,
  withSpecifiers
} from '../../systems/languages/unit-file.ts'
import type { UnitEnd, UnitState } from '../answer.ts'
import type { RehearsalFacts, UnitFact } from '../rehearsal-facts.ts'
import { Killed, type Process } from '../kernel.ts'
import type { Machine, Systemd } from '../machine.ts'
import { conditionsOf } from './conditions.ts'
import { environmentText } from './environment-text.ts'

export interface SystemdOptions {
  /** Units whose start holds up nobody: the others go on as if it had succeeded at once. */
  readonly isLetGo: (unit: string) => boolean
}

interface Job {
  readonly unit: UnitFact
  /** Of the boot itself, not asked for by a program of it. */
  readonly isOfBoot: boolean
  state: UnitState | 'waiting'
  began: number | null
  ended: number | null
  why: string | null
  timedOut: boolean
  /** Ends with the start. */
  readonly latch: Process
  /** Ends when the service says that it is ready. */
  ready: Process | null
  readonly processes: Set<Process>
  /** When it was started, for its limit of starts. */
  readonly starts: number[]
}

/** How long a command of systemd's own takes. */
const tick = 1

const good: ReadonlySet<string> = new Set(['active', 'done', 'skipped'])

export function createSystemd(
  facts: RehearsalFacts,
  options: SystemdOptions,
  machine: () => Machine
): Systemd {
  const byName = new Map(facts.units.flatMap(unit => unit.names.map(name => [name, unit] as const)))
  const jobs = new Map<string, Job>()
  const id = (name: string) => byName.get(name)?.id ?? byName.get(`${name}.service`)?.id ?? name
  const left = new Set((facts.fault?.without ?? []).map(id))
  const orders = ordersOf(facts.units, id)
  const cycles: (readonly string[])[] = []
  let changed = 0

  function createJob(unit: UnitFact, isOfBoot: boolean): Job {
    const latch = machine().kernel.spawn(unit.id, self => self.sleep(Number.POSITIVE_INFINITY))
    return {
      unit,
      isOfBoot,
      state: 'waiting',
      began: null,
      ended: null,
      why: null,
      timedOut: false,
      latch,
      ready: null,
      processes: new Set(),
      starts: []
    }
  }

  /** The transaction: what is wanted and required from a unit on, whether or not it runs now. */
  function add(name: string, isOfBoot: boolean): void {
    const queue = [name]
    for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
      const unit = byName.get(id(next))
      if (unit === undefined || unit.load !== 'loaded' || left.has(unit.id)) continue
      const before = jobs.get(unit.id)
      if (before !== undefined && (isOfBoot || !/^(?:failed|dependency|done|skipped)$/.test(before.state)))
        continue
      jobs.set(unit.id, createJob(unit, isOfBoot))
      const { requires, wants, bindsTo } = unit.relations
      queue.push(...[...requires, ...wants, ...bindsTo].sort().reverse())
    }
  }

  const earlier = (unit: string) => (orders.get(unit) ?? []).filter(name => jobs.has(name))

  const isThrough = ({ state, ended, unit }: Job) =>
    state !== 'waiting' && (state !== 'starting' || ended !== null || options.isLetGo(unit.id))

  /** Why it cannot start, because of what it requires; null where it can. */
  function missed({ unit }: Job): string | null {
    const { requires, bindsTo, requisite } = unit.relations
    for (const name of [...requires, ...bindsTo, ...requisite]) {
      const other = byName.get(id(name))
      if (left.has(id(name))) continue
      if (other !== undefined && other.load !== 'loaded') return `${name} is ${other.load}`
      const job = jobs.get(id(name))
      if (job === undefined || options.isLetGo(job.unit.id)) continue
      if (job.state === 'failed' || job.state === 'dependency') return `${job.unit.id} did not start`
    }
    for (const name of [...requisite, ...bindsTo]) {
      const job = jobs.get(id(name))
      if (!earlier(unit.id).includes(id(name)) || (job !== undefined && options.isLetGo(job.unit.id)))
        continue
      if (job !== undefined && /^(?:done|skipped)$/.test(job.state)) return `${job.unit.id} is not active`
    }
    return null
  }

  function startWhatMay(): void {
    for (const job of jobs.values()) {
      if (job.state !== 'waiting') continue
      const why = missed(job)
      if (why !== null) end(job, 'dependency', why)
      else if (earlier(job.unit.id).every(name => isDoneFor(name))) begin(job)
    }
  }

  function isDoneFor(name: string): boolean {
    const job = jobs.get(name)
    return job === undefined || isThrough(job)
  }

  function begin(job: Job): void {
    const { kernel, notes } = machine()
    job.state = 'starting'
    job.began ??= kernel.now()
    changed = kernel.now()
    notes.unit(job.unit.id, 'starting')
    spawn(job, self => attempt(job, self))
    if (options.isLetGo(job.unit.id)) kernel.at(kernel.now(), startWhatMay)
  }

  /** `beside`: the start does not wait for it; see `opaque`. */
  function spawn(job: Job, body: (self: Process) => Promise<void>, beside = false): Process {
    const started = machine().kernel.spawn(beside ? `${job.unit.id} &` : job.unit.id, body)
    job.processes.add(started)
    return started
  }

  function end(job: Job, state: UnitState, why: string | null): void {
    const { kernel, notes, docker } = machine()
    if (job.state === state && job.ended !== null) return
    job.state = state
    job.ended ??= kernel.now()
    job.why = why
    changed = kernel.now()
    notes.unit(job.unit.id, state, ...(why === null ? [] : [why]))
    job.latch.kill()
    if (good.has(state)) docker.opaqueEnded(job.unit.id)
    kernel.at(kernel.now(), startWhatMay)
  }

  /** One start of a unit, from its conditions to its end. */
  async function attempt(job: Job, self: Process): Promise<void> {
    const { unit } = job
    const { kernel, files, notes } = machine()
    job.starts.push(kernel.now())
    await self.sleep(tick)
    const conditions = await conditionsOf(unit, files, value => withSpecifiers(unit.files, unit.id, value))
    if (!conditions.met) {
      end(job, conditions.isAssert ? 'failed' : 'skipped', conditions.failed)
      return
    }
    if (conditions.unknown !== null) {
      const name = conditions.unknown
      notes.unknown({
        name,
        kind: 'value',
        unit: unit.id,
        place: null,
        why: 'it is a condition of the start'
      })
      if (machine().choices.choose(`${name} of ${unit.id} holds`, 2, [unit.id]) === 1) {
        end(job, 'skipped', name)
        return
      }
    }
    if (!unit.id.endsWith('.service')) {
      end(job, 'active', null)
      return
    }
    const limit = setting(unit, 'JobRunningTimeoutSec', 'Unit') ?? setting(unit, 'JobTimeoutSec', 'Unit')
    const jobMs = limit === null ? null : milliseconds(limit)
    if (jobMs !== null)
      kernel.at(kernel.now() + jobMs, () => {
        if (job.state === 'starting') {
          job.timedOut = true
          end(job, 'failed', `its job timed out after ${jobMs / 1000} s`)
        }
      })
    const failure = await service(job, self)
    if (failure === null) return
    if (failure.skipped) {
      end(job, 'skipped', failure.why)
      return
    }
    job.timedOut ||= failure.timedOut
    end(job, 'failed', failure.why)
    again(job, failure)
  }

  /** Restarts what failed, as far as `Restart=` and the limit of starts let it. */
  function again(job: Job, failure: Failure): void {
    const { kernel } = machine()
    const restart = setting(job.unit, 'Restart') ?? 'no'
    const may = /^(?:always|on-failure)$/.test(restart) || (restart === 'on-abnormal' && failure.timedOut)
    if (!may) return
    const burst = Number(setting(job.unit, 'StartLimitBurst', 'Unit') ?? 5)
    const interval = milliseconds(setting(job.unit, 'StartLimitIntervalSec', 'Unit') ?? '10') ?? 0
    const recent = job.starts.filter(at => kernel.now() - at < interval).length
    if (interval > 0 && burst > 0 && recent >= burst) return
    const pause = milliseconds(setting(job.unit, 'RestartSec') ?? '100ms') ?? 100
    kernel.at(kernel.now() + Math.max(1, pause), () => {
      job.state = 'starting'
      spawn(job, self => attempt(job, self))
    })
  }

  interface Failure {
    readonly why: string
    readonly timedOut: boolean
    readonly skipped: boolean
  }

  async function service(job: Job, self: Process): Promise<Failure | null> {
    const { unit } = job
    const { notes } = machine()
    const environment = await environmentOfUnit(unit)
    const type = setting(unit, 'Type') ?? (setting(unit, 'BusName') === null ? 'simple' : 'dbus')
    const oneshot = type === 'oneshot'
    const limit = setting(unit, 'TimeoutStartSec') ?? setting(unit, 'TimeoutSec')
    const ms = limit === null ? (oneshot ? null : 90_000) : milliseconds(limit)
    const stays = isYes(setting(unit, 'RemainAfterExit'))
    const commands = startCommands(unit.files, unit.id, environment.read ?? undefined)
    for (const command of commands) {
      if (command.unsure !== undefined && environment.read !== null)
        notes.unknown({
          name: command.unsure.join(' '),
          kind: 'value',
          unit: unit.id,
          place: { path: command.path, line: command.line },
          why: 'the host alone knows what it stands for'
        })
      const isMain = command.key === 'ExecStart' && !oneshot && type !== 'forking'
      const failure = isMain
        ? await mainProcess(job, self, command, environment.variables, type, ms)
        : await control(job, self, command, environment.variables, ms)
      if (failure !== null) return failure
    }
    const ends = commands.some(({ key }) => key === 'ExecStart') && oneshot && !stays
    end(job, ends ? 'done' : 'active', null)
    return null
  }

  /** A command that the start waits for. */
  async function control(
    job: Job,
    self: Process,
    command: ExecCommand,
    variables: Readonly<Record<string, string>>,
    ms: number | null
  ): Promise<Failure | null> {
    let code = 0
    const child = spawn(job, async own => {
      code = await run(job, own, command, variables)
    })
    if ((await self.join(child, ms ?? undefined)) === 'timeout') {
      child.kill()
      return { why: `${command.key} timed out after ${(ms ?? 0) / 1000} s`, timedOut: true, skipped: false }
    }
    if (command.key === 'ExecCondition' && code > 0 && code < 255)
      return { why: `ExecCondition ended with ${code}`, timedOut: false, skipped: true }
    if (code === 0 || command.ignoresFailure || successes(job.unit).has(code)) return null
    return { why: `${command.argv[0] ?? command.key} ended with ${code}`, timedOut: false, skipped: false }
  }

  /** The program that is the service: its start does not wait for its end. */
  async function mainProcess(
    job: Job,
    self: Process,
    command: ExecCommand,
    variables: Readonly<Record<string, string>>,
    type: string,
    ms: number | null
  ): Promise<Failure | null> {
    const { kernel } = machine()
    const waits = /^(?:notify|notify-reload|dbus)$/.test(type)
    const ready = kernel.spawn(job.unit.id, own => own.sleep(Number.POSITIVE_INFINITY))
    job.ready = ready
    let code: number | null = null
    let isReady = false
    const script = await machine().files.look(command.argv[0] ?? '')
    const body = async (own: Process) => {
      code = await run(job, own, command, variables)
      isReady = job.ready === null
      ready.kill()
      if (job.state === 'active' && code !== 0 && !command.ignoresFailure) {
        job.state = 'failed'
        job.why = `${command.argv[0] ?? ''} ended with ${code}`
        kernel.touch()
        again(job, { why: job.why, timedOut: false, skipped: false })
      }
    }
    // A daemon that cannot be looked into is taken to be ready at once.
    const main = spawn(job, body, !waits || script.kind !== 'text')
    if (!waits) {
      await self.join(main, tick)
      return null
    }
    if ((await self.join(ready, ms ?? undefined)) === 'timeout') {
      main.kill()
      return { why: `it was not ready after ${(ms ?? 0) / 1000} s`, timedOut: true, skipped: false }
    }
    if (code !== null && !isReady && job.ready !== null)
      return { why: `${command.argv[0] ?? ''} ended before it was ready`, timedOut: false, skipped: false }
    return null
  }

  async function run(
    { unit }: Job,
    self: Process,
    { argv, path, line }: ExecCommand,
    variables: Readonly<Record<string, string>>
  ): Promise<number> {
    const folder = withSpecifiers(
      unit.files,
      unit.id,
      (setting(unit, 'WorkingDirectory') ?? '/').replace(/^-/, '')
    )
    const { code } = await machine().run({
      argv,
      env: variables,
      cwd: folder === '~' ? '/root' : folder,
      stdin: '',
      self,
      unit: unit.id,
      place: { path, line },
      state: ''
    })
    if (self.signal.aborted) throw new Killed(unit.id)
    return code
  }

  interface UnitEnvironment {
    readonly variables: Readonly<Record<string, string>>
    /** null: not all of its files were read. */
    readonly read: ReadonlyMap<string, string> | null
  }

  async function environmentOfUnit(unit: UnitFact): Promise<UnitEnvironment> {
    const { files, notes } = machine()
    const read = new Map<string, string>()
    let complete = true
    for (const { path } of environmentFiles(unit.files, unit.id)) {
      const found = await files.look(path)
      if (found.kind === 'text')
        for (const [name, value] of environmentText(found.text)) read.set(name, value)
      else if (found.kind !== 'missing') {
        complete = false
        const why = 'why' in found ? found.why : 'it is no file'
        notes.unknown({ name: path, kind: 'value', unit: unit.id, place: null, why })
      }
    }
    const user = setting(unit, 'User') ?? 'root'
    const own = environmentOf(unit.files, unit.id, read)
    return {
      read: complete ? read : null,
      variables: {
        LANG: 'C.UTF-8',
        PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
        HOME: user === 'root' ? '/root' : `/home/${user}`,
        USER: user,
        LOGNAME: user,
        SHELL: '/bin/sh',
        INVOCATION_ID: '0'.repeat(32),
        SYSTEMD_EXEC_PID: '100',
        ...Object.fromEntries(own)
      }
    }
  }

  async function request(
    self: Process,
    name: string,
    verb: 'start' | 'restart' | 'stop' | 'try-restart',
    { block, ignoreOrder, state }: Parameters<Systemd['request']>[3]
  ): Promise<'done' | 'failed' | 'missing'> {
    const unit = byName.get(id(name))
    if (unit === undefined || unit.load === 'not-found') return 'missing'
    if (unit.load !== 'loaded') return 'failed'
    await self.sleep(tick, state)
    const before = jobs.get(unit.id)
    const runs = before !== undefined && before.state === 'active'
    if (verb === 'stop') {
      if (before !== undefined) {
        for (const one of before.processes) one.kill()
        end(before, 'done', 'it was stopped')
      }
      return 'done'
    }
    if (verb === 'try-restart' && !runs) return 'done'
    if (verb === 'start' && runs) return 'done'
    if (runs || before === undefined || before.ended !== null) {
      if (runs && before !== undefined) {
        for (const one of before.processes) one.kill()
        jobs.delete(unit.id)
      }
      add(unit.id, false)
      const job = jobs.get(unit.id)
      if (job !== undefined && ignoreOrder && job.state === 'waiting') begin(job)
      machine().kernel.at(machine().kernel.now(), startWhatMay)
    } else if (ignoreOrder && before.state === 'waiting') begin(before)
    const job = jobs.get(unit.id)
    if (job === undefined || !block) return 'done'
    if (job.ended === null) await self.join(job.latch)
    return good.has(job.state) ? 'done' : 'failed'
  }

  /** systemd drops a job of each cycle of orderings, so that the others can start. */
  function breakCycles(): void {
    for (let rounds = 0; rounds < 100; rounds++) {
      const cycle = cycleOf([...jobs.keys()], earlier)
      if (cycle === null) return
      cycles.push([...cycle, cycle[0] ?? ''])
      const dropped = cycle.find(name => name.endsWith('.service')) ?? cycle[0]
      const job = dropped === undefined ? undefined : jobs.get(dropped)
      if (job === undefined || dropped === undefined) return
      job.latch.kill()
      jobs.delete(dropped)
    }
  }

  return {
    boot: () => {
      add('default.target', true)
      breakCycles()
      machine().kernel.at(0, startWhatMay)
    },
    settled: () => [...jobs.values()].every(({ ended }) => ended !== null),
    lastChange: () => changed,
    state: name => shown(jobs.get(id(name))),
    idOf: id,
    isKnown: name => byName.has(id(name)),
    hasJob: name => jobs.has(id(name)),
    isOfDistribution: name => {
      const [file] = byName.get(name)?.files ?? []
      return file === undefined || /^(?:\/usr)?\/lib\/systemd\//.test(file.path)
    },
    ends: () => [...jobs.values()].flatMap(job => shown(job) ?? []),
    timedOut: unit => jobs.get(unit)?.timedOut === true,
    orderingCycles: () => cycles,
    orderedAfter: unit => earlier(unit),
    request,
    ready: unit => {
      const job = jobs.get(unit)
      if (job === undefined || job.ready === null) return
      const { ready } = job
      job.ready = null
      ready.kill()
    },
    isAfter: (later, first) => {
      const seen = new Set<string>()
      const queue = [id(later)]
      for (let name = queue.pop(); name !== undefined; name = queue.pop()) {
        if (seen.has(name) || !jobs.has(name)) continue
        seen.add(name)
        if (name !== id(later) && name === id(first)) return true
        queue.push(...earlier(name))
      }
      return false
    }
  }
}

/** For each unit, those after which it starts; systemd mirrors `Before=` only where it has loaded both. */
function ordersOf(
  units: readonly UnitFact[],
  id: (name: string) => string
): ReadonlyMap<string, readonly string[]> {
  const orders = new Map<string, Set<string>>(units.map(unit => [unit.id, new Set()]))
  for (const unit of units) {
    for (const name of unit.relations.after) orders.get(unit.id)?.add(id(name))
    for (const name of unit.relations.before) orders.get(id(name))?.add(unit.id)
  }
  return new Map(
    [...orders].map(([name, others]) => [name, [...others].filter(other => other !== name).sort()])
  )
}

/** A way from a name back to itself; null where there is none. */
function cycleOf(
  names: readonly string[],
  next: (name: string) => readonly string[]
): readonly string[] | null {
  const done = new Set<string>()
  for (const first of names) {
    const path: string[] = []
    const on = new Set<string>()
    const stack: { readonly name: string; readonly rest: string[] }[] = []
    const enter = (name: string) => {
      path.push(name)
      on.add(name)
      stack.push({ name, rest: [...next(name)] })
    }
    if (!done.has(first)) enter(first)
    for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
      const other = top.rest.pop()
      if (other === undefined) {
        done.add(top.name)
        on.delete(top.name)
        path.pop()
        stack.pop()
      } else if (on.has(other)) return path.slice(path.indexOf(other))
      else if (!done.has(other)) enter(other)
    }
  }
  return null
}

function shown(job: Job | undefined): UnitEnd | null {
  if (job === undefined) return null
  const { unit, state, began, ended, why } = job
  return { unit: unit.id, state, began, ended, why }
}

function setting(unit: UnitFact, key: string, section = 'Service'): string | null {
  const value = settingsOf(unit.files).findLast(each => each.section === section && each.key === key)?.value
  return value === undefined || value === '' ? null : value
}

function successes(unit: UnitFact): ReadonlySet<number> {
  return new Set((setting(unit, 'SuccessExitStatus') ?? '').split(/\s+/).filter(Boolean).map(Number))
}

function isYes(value: string | null): boolean {
  return value !== null && /^(?:yes|true|on|1|y|t)$/i.test(value)
}

const units: Readonly<Record<string, number>> = {
  us: 0.001,
  usec: 0.001,
  ms: 1,
  msec: 1,
  '': 1_000,
  s: 1_000,
  sec: 1_000,
  second: 1_000,
  seconds: 1_000,
  m: 60_000,
  min: 60_000,
  minute: 60_000,
  minutes: 60_000,
  h: 3_600_000,
  hr: 3_600_000,
  hour: 3_600_000,
  hours: 3_600_000,
  d: 86_400_000,
  day: 86_400_000,
  days: 86_400_000,
  w: 604_800_000,
  week: 604_800_000,
  weeks: 604_800_000
}

/** A span of time as systemd writes it; null: without an end. */
export function milliseconds(text: string): number | null {
  if (/^(?:0|infinity)$/.test(text.trim())) return null
  let sum = 0
  for (const [, number = '', unit = ''] of text.matchAll(/(\d+(?:\.\d+)?)\s*([a-z]*)/g))
    sum += Number(number) * (units[unit] ?? Number.NaN)
  return Number.isFinite(sum) && sum > 0 ? sum : null
}
