import { isoMicros } from '../base/instant.ts'
import type { SwarmService } from './sources/docker-services.ts'
import type { SwarmTask } from './sources/docker-tasks.ts'

/** Plain arithmetic over services and tasks that several probes need. */

/** How a service is staffed. `docker service ls` counts running tasks of any spec; this does not. */
export interface Staffing {
  /** Tasks of the present spec that run and should; for a job, those of its present run that completed. */
  readonly have: number
  readonly want: number
  /** Tasks that run although they were made from another spec. */
  readonly outdated: readonly SwarmTask[]
  /** Tasks of the present spec that should run and do not yet. */
  readonly coming: readonly SwarmTask[]
  /** As docker writes it: `1/1`, `2/2 (max 1 per node)`, `3/3 completed`. */
  readonly said: string
}

const ended = new Set(['complete', 'shutdown', 'failed', 'rejected', 'remove', 'orphaned'])

/** @param tasks those of this service. */
export function staffing(service: SwarmService, tasks: readonly SwarmTask[]): Staffing {
  const { mode, maxPerNode } = service
  const present = tasks.filter(task => ofPresentSpec(service, task))
  if (mode.kind === 'replicated job' || mode.kind === 'global job') {
    const run = tasks.filter(task => task.iteration === mode.iteration)
    const have = run.filter(({ state }) => state === 'complete').length
    const want = mode.kind === 'replicated job' ? mode.completions : new Set(run.map(({ node }) => node)).size
    const coming = run.filter(task => !isOver(task))
    return { have, want, outdated: [], coming, said: `${have}/${want} completed` }
  }
  const wanted = tasks.filter(({ desired }) => desired === 'running' || desired === 'ready')
  const want = mode.kind === 'replicated' ? mode.replicas : new Set(wanted.map(({ node }) => node)).size
  const have = present.filter(({ state, desired }) => state === 'running' && desired === 'running').length
  return {
    have,
    want,
    outdated: tasks.filter(task => task.state === 'running' && !ofPresentSpec(service, task)),
    coming: wanted.filter(task => ofPresentSpec(service, task) && task.state !== 'running' && !isOver(task)),
    said: `${have}/${want}${maxPerNode > 0 ? ` (max ${maxPerNode} per node)` : ''}`
  }
}

/** Whether a task has ended, whatever the reason. It may keep its addresses in the record, but not in use. */
export function isOver({ state }: SwarmTask): boolean {
  return ended.has(state)
}

export function ofPresentSpec(service: SwarmService, task: SwarmTask): boolean {
  return task.template.digest === service.template.digest
}

/** The tasks of one service, newest last. */
export function tasksOf(service: SwarmService, tasks: readonly SwarmTask[]): readonly SwarmTask[] {
  return tasks
    .filter(task => task.service === service.id)
    .sort((a, b) => (a.createdMicros ?? 0) - (b.createdMicros ?? 0))
}

export interface RestartLoop {
  /** False after two short runs only: it may loop, so look again. */
  readonly certain: boolean
  /** The ends that make the loop, oldest first. */
  readonly ends: readonly SwarmTask[]
  /** `task 1 ended 3 times, the last 3 within 40 s; longest run 12 s, present run 5 s`. */
  readonly said: string
}

const second = 1_000_000
const hour = 3_600 * second

/**
 * A slot loops when its three newest ends lie within an hour, and the task that runs now has not yet lasted
 * twice as long as the longest of these runs, and two minutes. After two ends of runs of up to a minute it
 * may loop, until the present run has lasted twice as long, and half a minute.
 *
 * Only tasks count that ended by themselves, were made from the present spec, and were made since the engine
 * began to start: what an update, a drain or a restart of the engine ends is no loop. A slot for which no
 * task is wanted any more does not loop either.
 *
 * @param tasks those of this service.
 * @param since when the engine began to start, in microseconds; null counts everything docker remembers.
 * @param now the engine's clock, in microseconds.
 */
export function loopsOf(
  service: SwarmService,
  tasks: readonly SwarmTask[],
  since: number | null,
  now: number
): readonly RestartLoop[] {
  if (service.mode.kind.endsWith('job')) return []
  const slots = new Map<string, SwarmTask[]>()
  for (const task of tasks) {
    if (!ofPresentSpec(service, task) || (task.createdMicros ?? 0) < (since ?? 0)) continue
    const place = task.slot > 0 ? `task ${task.slot}` : `the task on node ${task.node}`
    slots.set(place, [...(slots.get(place) ?? []), task])
  }
  return [...slots].flatMap(([place, all]) => {
    if (!all.some(({ desired }) => desired === 'running' || desired === 'ready')) return []
    const ends = all
      .filter(({ state }) => state === 'failed' || state === 'rejected' || state === 'complete')
      .sort((a, b) => (a.stateMicros ?? 0) - (b.stateMicros ?? 0))
    const newest = ends.slice(-3)
    const within = (newest.at(-1)?.stateMicros ?? 0) - (newest[0]?.stateMicros ?? 0)
    const longest = Math.max(...newest.map(end => (end.stateMicros ?? 0) - (end.createdMicros ?? 0)))
    const certain = newest.length === 3
    if (newest.length < 2 || within > hour || (!certain && longest > 60 * second)) return []
    const running = all.find(({ state, desired }) => state === 'running' && desired === 'running')
    const lasted = running === undefined ? null : now - (running.stateMicros ?? now)
    if (lasted !== null && lasted >= Math.max(2 * longest, (certain ? 120 : 30) * second)) return []
    const present = lasted === null ? 'none runs now' : `present run ${seconds(lasted)}`
    const said = `${place} ended ${ends.length} times, the last ${newest.length} within ${seconds(within)}; longest run ${seconds(longest)}, ${present}`
    return [{ certain, ends: newest, said }]
  })
}

function seconds(micros: number): string {
  const whole = Math.max(0, Math.round(micros / 1e6))
  return whole < 600 ? `${whole} s` : `${Math.round(whole / 60)} min`
}

export type Health =
  | { readonly healthy: true }
  /** Something is on its way: look again. */
  | { readonly healthy: null; readonly why: string }
  | { readonly healthy: false; readonly saw: string; readonly expected: string }

/**
 * Whether a task that does not run yet is on its way: a minute from when it was made, and a third of that
 * while no node has taken it.
 */
function onItsWay({ state, createdMicros }: SwarmTask, now: number): boolean {
  const unplaced = state === 'new' || state === 'allocated' || state === 'pending'
  return now - (createdMicros ?? 0) < (unplaced ? 20 : 60) * second
}

/**
 * Whether a service runs what it wants, of the spec that it has now.
 *
 * @param tasks those of this service.
 * @param expected such as `2/2`; without it any number but none.
 * @param since when the engine began to start, in microseconds; null where nobody knows.
 * @param now the engine's clock, in microseconds.
 */
export function health(
  service: SwarmService,
  tasks: readonly SwarmTask[],
  expected: string | undefined,
  since: number | null,
  now: number
): Health {
  const { update, template, mode } = service
  const { have, want, said, outdated, coming } = staffing(service, tasks)
  const wish = expected ?? `${want}/${want}`
  const ill = (saw: string, expected: string): Health => ({ healthy: false, saw, expected })

  if (update !== null && update.state !== 'completed') {
    const news = `${update.state}${update.message === '' ? '' : `: ${update.message}`}`
    if (update.state === 'updating' || update.state === 'rollback_started') {
      const stuck = coming.find(
        task => task.state === 'pending' && now - (task.createdMicros ?? now) >= 60 * second
      )
      if (stuck !== undefined) {
        return ill(
          `${said}: the update waits for a node to take its task (${stuck.error || 'it does not say why'})`,
          wish
        )
      }
      return { healthy: null, why: `update in progress (${news})` }
    }
    return ill(
      `${said}, but its newest update is ${news}; the spec is now ${template.image}`,
      'a completed update'
    )
  }
  const loops = loopsOf(service, tasks, since, now)
  const loop = loops.find(({ certain }) => certain)
  if (loop !== undefined)
    return ill(`${said}, but it restarts again and again: ${loop.said}`, 'tasks that stay')
  if (outdated.length > 0) {
    const images = [...new Set(outdated.map(task => task.template.image))].join(', ')
    return ill(
      `${said} of the present spec (${template.image}), ${outdated.length} of another (${images})`,
      `${wish} of the present spec`
    )
  }
  if (expected === undefined && want === 0)
    return ill(`${said}: nothing is wanted of it`, 'at least one task')
  if (have === want) {
    if (expected !== undefined && expected !== `${have}/${want}`) return ill(said, wish)
    const [doubt] = loops
    return doubt === undefined
      ? { healthy: true }
      : { healthy: null, why: `${said}, but it may restart again and again: ${doubt.said}` }
  }

  const failed = tasks.some(
    task =>
      ofPresentSpec(service, task) &&
      (task.createdMicros ?? 0) >= (since ?? 0) &&
      (task.state === 'failed' || task.state === 'rejected') &&
      now - (task.stateMicros ?? now) < hour
  )
  const young = coming.some(task => onItsWay(task, now))
  const working = mode.kind.endsWith('job') && coming.some(({ state }) => state === 'running')
  if (!failed && (young || working)) {
    return {
      healthy: null,
      why: `${said}, ${working ? 'the job still runs' : `${coming.length} being started`}`
    }
  }
  const newest = tasks.at(-1)
  if (newest === undefined) return ill(`${said}: it has no task`, wish)
  const error = newest.error === '' ? '' : ` (${newest.error})`
  return ill(`${said}: its newest task is ${newest.state}${error}`, wish)
}

/** How long a task may wait for an address, in microseconds. */
const patience = 60 * second

/** Whether a task has waited for longer than a minute to be allocated, and its service is on the network. */
export function waitsForAddress(
  { state, service, createdMicros }: SwarmTask,
  network: { readonly id: string },
  services: readonly SwarmService[],
  now: number
): boolean {
  return (
    state === 'new' &&
    now - (createdMicros ?? now) > patience &&
    services.some(({ id, networks }) => id === service && networks.includes(network.id))
  )
}

/** A task on one line, as far as a reader needs it. */
export function taskLine(service: SwarmService, task: SwarmTask): string {
  const since =
    task.stateMicros === null ? '' : ` since ${isoMicros(Math.floor(task.stateMicros / 1e6) * 1e6)}`
  const spec = ofPresentSpec(service, task) ? '' : ' (another spec)'
  const error = task.error === '' ? '' : `: ${task.error}`
  return `task ${task.slot || task.node} ${task.template.image}${spec} ${task.state}${since}${error}`
}
