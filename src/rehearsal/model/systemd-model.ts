import { settingsOf, startCommands } from '../../systems/languages/unit-file.ts'
import type { UnitEnd, UnitState } from '../answer.ts'
import type { RehearsalFacts, UnitFact } from '../rehearsal-facts.ts'
import type { Process } from '../kernel.ts'
import type { Invocation } from '../invocation.ts'
import type { Machine, Systemd } from '../machine.ts'

export interface SystemdOptions {
  /** Units whose start holds up nobody: the others go on as if it had succeeded at once. */
  readonly letGo: ReadonlySet<string>
}

interface Job {
  readonly unit: UnitFact
  state: UnitState | 'waiting'
  began: number | null
  ended: number | null
  why: string | null
}

/** How long a command of systemd's own takes. */
const tick = 1

export function createSystemd(
  facts: RehearsalFacts,
  options: SystemdOptions,
  machine: () => Machine
): Systemd {
  const byName = new Map(facts.units.flatMap(unit => unit.names.map(name => [name, unit] as const)))
  const jobs = new Map<string, Job>()
  const id = (name: string) => byName.get(name)?.id ?? name
  const left = new Set((facts.fault?.without ?? []).map(id))

  /** The transaction: what is wanted and required from the default target on, whether or not it runs now. */
  function add(name: string): void {
    const unit = byName.get(name)
    if (unit === undefined || unit.load !== 'loaded' || jobs.has(unit.id) || left.has(unit.id)) return
    jobs.set(unit.id, { unit, state: 'waiting', began: null, ended: null, why: null })
    const { requires, wants, bindsTo } = unit.relations
    for (const other of [...requires, ...wants, ...bindsTo].sort()) add(other)
  }

  const earlier = (job: Job) => job.unit.relations.after.map(id).filter(name => jobs.has(name))

  const isThrough = ({ state, unit }: Job) =>
    state !== 'waiting' && (state !== 'starting' || options.letGo.has(unit.id))

  function startWhatMay(): void {
    for (const job of jobs.values()) {
      if (job.state !== 'waiting') continue
      const before = earlier(job).flatMap(name => jobs.get(name) ?? [])
      if (!before.every(isThrough)) continue
      const missed = [...job.unit.relations.requires, ...job.unit.relations.bindsTo]
        .map(name => jobs.get(id(name)))
        .find(other => other !== undefined && (other.state === 'failed' || other.state === 'dependency'))
      if (missed !== undefined) end(job, 'dependency', `${missed.unit.id} did not start`)
      else begin(job)
    }
  }

  function begin(job: Job): void {
    const { kernel, notes } = machine()
    job.state = 'starting'
    job.began = kernel.now()
    notes.unit(job.unit.id, 'starting')
    kernel.spawn(job.unit.id, self => start(job, self))
    if (options.letGo.has(job.unit.id)) kernel.at(kernel.now(), startWhatMay)
  }

  function end(job: Job, state: UnitState, why: string | null): void {
    const { kernel, notes } = machine()
    job.state = state
    job.ended = kernel.now()
    job.why = why
    notes.unit(job.unit.id, state, ...(why === null ? [] : [why]))
    kernel.at(kernel.now(), startWhatMay)
  }

  async function start(job: Job, self: Process): Promise<void> {
    const { unit } = job
    await self.sleep(tick)
    if (!unit.id.endsWith('.service')) {
      end(job, 'active', null)
      return
    }
    const setting = (key: string) =>
      settingsOf(unit.files).findLast(each => each.section === 'Service' && each.key === key)?.value ?? ''
    const oneshot = setting('Type') === 'oneshot'
    for (const { key, argv, ignoresFailure, path, line } of startCommands(unit.files, unit.id)) {
      const call = { argv, env: {}, cwd: '/', stdin: '', unit: unit.id, place: { path, line }, state: null }
      if (!oneshot && key === 'ExecStart') {
        const background = machine().kernel.spawn(unit.id, async own => {
          await machine().run({ ...call, self: own })
        })
        await self.join(background, tick)
        continue
      }
      const { code } = await machine().run({ ...call, self } satisfies Invocation)
      if (code === 0 || ignoresFailure) continue
      end(job, 'failed', `${argv[0] ?? key} ended with ${code}`)
      return
    }
    end(job, oneshot && !/^(?:yes|true|on|1)$/i.test(setting('RemainAfterExit')) ? 'done' : 'active', null)
  }

  return {
    boot: () => {
      add('default.target')
      machine().kernel.at(0, startWhatMay)
    },
    state: name => told(jobs.get(id(name))),
    ends: () => [...jobs.values()].flatMap(job => told(job) ?? []),
    isAfter: (later, first) => {
      const seen = new Set<string>()
      const queue = [id(later)]
      for (let name = queue.pop(); name !== undefined; name = queue.pop()) {
        const job = jobs.get(name)
        if (job === undefined || seen.has(name)) continue
        seen.add(name)
        if (name !== id(later) && name === id(first)) return true
        queue.push(...earlier(job))
      }
      return false
    }
  }
}

function told(job: Job | undefined): UnitEnd | null {
  if (job === undefined) return null
  const { unit, state, began, ended, why } = job
  return { unit: unit.id, state, began, ended, why }
}
