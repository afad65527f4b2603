import { isoMicros } from '../../lib/instant.ts'
import { isEligible, isUp, type SwarmNodes } from './placement.ts'
import { defaultTimes, type SwarmService } from './services.ts'
import type { SwarmTask } from './tasks.ts'

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
  /** Names of the nodes on which a service that wants a task on each has none. */
  readonly missing: readonly string[]
  /** What is not known of it, a clause each: a node that does not answer, a label that could not be seen. */
  readonly unsure: readonly string[]
}

const ended = new Set(['complete', 'shutdown', 'failed', 'rejected', 'remove', 'orphaned'])

/**
 * @param tasks those of this service.
 * @param swarm its nodes; null where they are not known: then what docker made tasks for is what it wants.
 */
export function staffing(
  service: SwarmService,
  tasks: readonly SwarmTask[],
  swarm: SwarmNodes | null = null
): Staffing {
  const { mode, maxPerNode } = service
  const up = (task: SwarmTask) => swarm === null || task.node === '' || isUp(task.node, swarm) !== false
  const present = tasks.filter(task => ofPresentSpec(service, task))
  if (mode.kind === 'replicated job' || mode.kind === 'global job') {
    const run = tasks.filter(task => task.iteration === mode.iteration)
    const done = run.filter(({ state }) => state === 'complete')
    const coming = run.filter(task => !isOver(task) && up(task))
    const all = { outdated: [], coming }
    if (mode.kind === 'replicated job') {
      const [have, want] = [done.length, mode.completions]
      return { ...all, have, want, said: `${have}/${want} completed`, missing: [], unsure: [] }
    }
    const spread = spreadOf(service, done, run, swarm)
    return { ...all, ...spread, said: `${spread.have}/${spread.want} completed` }
  }
  const wanted = tasks.filter(task => (task.desired === 'running' || task.desired === 'ready') && up(task))
  const running = present.filter(task => task.state === 'running' && task.desired === 'running' && up(task))
  const spread =
    mode.kind === 'replicated'
      ? { have: running.length, want: mode.replicas, missing: [], unsure: [] }
      : spreadOf(service, running, wanted, swarm)
  const silent = swarm === null ? [] : running.filter(task => isUp(task.node, swarm) === null)
  return {
    ...spread,
    unsure: [
      ...spread.unsure,
      ...new Set(silent.map(task => `${nameOf(task.node, swarm)} does not respond`))
    ],
    outdated: tasks.filter(task => task.state === 'running' && up(task) && !ofPresentSpec(service, task)),
    coming: wanted.filter(task => ofPresentSpec(service, task) && task.state !== 'running' && !isOver(task)),
    said: `${spread.have}/${spread.want}${maxPerNode > 0 ? ` (max ${maxPerNode} per node)` : ''}`
  }
}

type Spread = Pick<Staffing, 'have' | 'want' | 'missing' | 'unsure'>

/**
 * On how many nodes a service that wants a task on each has one.
 *
 * @param good tasks that count.
 * @param wanted tasks that docker wants at present; for a job, those of its present run.
 */
function spreadOf(
  service: SwarmService,
  good: readonly SwarmTask[],
  wanted: readonly SwarmTask[],
  swarm: SwarmNodes | null
): Spread {
  const on = (tasks: readonly SwarmTask[], node: string) => tasks.some(task => task.node === node)
  if (swarm === null) {
    const places = new Set(wanted.map(({ node }) => node))
    const have = new Set(good.map(({ node }) => node)).size
    return { have, want: places.size, missing: [], unsure: [] }
  }
  const job = service.mode.kind === 'global job'
  let have = 0
  const missing: string[] = []
  const unsure: string[] = []
  for (const node of swarm.nodes) {
    const eligible = isEligible(service, node, on(wanted, node.id), swarm)
    // What a job completed on a node stays completed, whatever became of the node.
    if (on(good, node.id) && (job || eligible.is !== false)) have += 1
    else if (eligible.is === null) unsure.push(`whether ${node.hostname} should run it: ${eligible.why}`)
    else if (eligible.is && job && !on(wanted, node.id))
      unsure.push(`${node.hostname} has no task of this run; it may have joined later`)
    else if (eligible.is) missing.push(node.hostname)
  }
  return { have, want: have + missing.length, missing, unsure }
}

function nameOf(node: string, swarm: SwarmNodes | null): string {
  const name = swarm?.nodes.find(({ id }) => id === node)?.hostname ?? ''
  return name === '' ? `node ${node}` : `node ${name}`
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

/** A service that ends by itself, and is started again after a while, does its work in turns, as cron would. */
const turn = 30_000_000

export function isRecurring({ times = defaultTimes }: SwarmService): boolean {
  return times.restartDelay >= turn
}

export interface RestartLoop {
  /** False after two short runs only: it may loop, so look again. */
  readonly certain: boolean
  /** The ends that make the loop, oldest first. */
  readonly ends: readonly SwarmTask[]
  /** `task 1 ended 3 times, the last 3 within 40 s; longest run 12 s, current run 5 s`. */
  readonly said: string
  /** How long until the present run has lasted, if it does, in microseconds. */
  readonly settlesWithin: number
}

const second = 1_000_000
const hour = 3_600 * second

/**
 * A slot loops when its three newest ends lie within an hour, and the task that runs now has not yet lasted
 * twice as long as the longest of these runs, and two minutes. After two ends of runs of up to a minute it
 * may loop, until the present run has lasted twice as long, and half a minute.
 *
 * The hour and the minute are those of runs: docker tells when a task was made and when it ended, and in between it waits
 * for its restart, for a busy host, and for its health check. What the present task takes until it runs is taken for what
 * the others took; whether the present run has lasted is judged with all of it.
 *
 * Only tasks count that ended by themselves, were made from the present spec, and were made since the engine
 * began to start: what an update, a drain or a restart of the engine ends is no loop. A slot for which no
 * task is wanted any more does not loop either, and an end with exit 0 is none where the spec has the next task wait
 * for half a minute or more.
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
  const { restartDelay, healthy } = service.times ?? defaultTimes
  const recurs = isRecurring(service)
  const slots = new Map<string, SwarmTask[]>()
  for (const task of tasks) {
    if (!ofPresentSpec(service, task) || (task.createdMicros ?? 0) < (since ?? 0)) continue
    const place = task.slot > 0 ? `task ${task.slot}` : `the task on node ${task.node}`
    slots.set(place, [...(slots.get(place) ?? []), task])
  }
  return [...slots].flatMap(([place, all]) => {
    const wanted = all.filter(({ desired }) => desired === 'running' || desired === 'ready')
    if (wanted.length === 0) return []
    const ends = all
      .filter(
        task => task.state === 'failed' || task.state === 'rejected' || (task.state === 'complete' && !recurs)
      )
      .sort((a, b) => (a.stateMicros ?? 0) - (b.stateMicros ?? 0))
    const newest = ends.slice(-3)
    const certain = newest.length === 3
    const running = wanted.find(({ state, desired }) => state === 'running' && desired === 'running')
    const starting = Math.max(0, ...wanted.map(task => startOf(task, now)))
    const within = (newest.at(-1)?.stateMicros ?? 0) - (newest[0]?.stateMicros ?? 0)
    const longest = Math.max(...newest.map(end => (end.stateMicros ?? 0) - (end.createdMicros ?? 0)))
    const slow = Math.max(0, starting - restartDelay) * (newest.length - 1)
    // The delay that docker waits by default is in the minute.
    const ran = longest - Math.max(0, Math.max(starting, restartDelay) - defaultTimes.restartDelay)
    if (newest.length < 2 || within - slow > hour) return []
    if (!certain && ran > 60 * second + (healthy ?? 0)) return []
    const lasted = running === undefined ? null : now - (running.stateMicros ?? now)
    const toLast = Math.max(2 * longest, (certain ? 120 : 30) * second)
    if (lasted !== null && lasted >= toLast) return []
    const present = lasted === null ? 'none is running now' : `current run ${seconds(lasted)}`
    const said = `${place} ended ${ends.length} times, the last ${newest.length} within ${seconds(within)}; longest run ${seconds(longest)}, ${present}`
    return [{ certain, ends: newest, said, settlesWithin: toLast - (lasted ?? -starting) }]
  })
}

/** How long a task has taken until it runs, or takes by now. */
function startOf({ state, createdMicros, stateMicros }: SwarmTask, now: number): number {
  return Math.max(0, (state === 'running' ? (stateMicros ?? now) : now) - (createdMicros ?? now))
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

/** A pull has no time of its own, nor has the health check of an image that the spec does not name. */
const unknownStart = 600 * second

/**
 * Whether a task that does not run yet is on its way, by the service's own times: its health check, with the period
 * that it leaves for the start, and the delay before a restart. A third of a minute while no node has taken it.
 */
function onItsWay({ times = defaultTimes }: SwarmService, task: SwarmTask, now: number): boolean {
  const { state, desired } = task
  const created = task.createdMicros ?? 0
  const since = now - Math.max(created, task.stateMicros ?? 0)
  if (state === 'new' || state === 'allocated' || state === 'pending') return now - created < 20 * second
  if (desired === 'ready') return now - created < times.restartDelay + 60 * second
  if (state === 'preparing') return since < unknownStart
  if (state === 'starting') return since < Math.max(60 * second, times.healthy ?? unknownStart)
  return since < 60 * second
}

/**
 * Whether a service runs what it wants, of the spec that it has now.
 *
 * @param tasks those of this service.
 * @param expected such as `2/2`; without it any number but none.
 * @param since when the engine began to start, in microseconds; null where it is unknown.
 * @param now the engine's clock, in microseconds.
 * @param swarm its nodes; null where they are not known.
 */
export function health(
  service: SwarmService,
  tasks: readonly SwarmTask[],
  expected: string | undefined,
  since: number | null,
  now: number,
  swarm: SwarmNodes | null = null
): Health {
  const { update, template, mode } = service
  const { have, want, said, outdated, coming, missing, unsure } = staffing(service, tasks, swarm)
  const params = expected ?? `${want}/${want}`
  const ill = (saw: string, expected: string): Health => ({ healthy: false, saw, expected })

  if (update !== null && update.state !== 'completed') {
    const news = `${update.state}${update.message === '' ? '' : `: ${update.message}`}`
    if (update.state === 'updating' || update.state === 'rollback_started') {
      const stuck = coming.find(
        task => task.state === 'pending' && now - (task.createdMicros ?? now) >= 60 * second
      )
      if (stuck !== undefined) {
        return ill(
          `${said}: the update waits for a node that accepts its task (${stuck.error || 'docker gives no reason'})`,
          params
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
    return ill(`${said}, but it is in a restart loop: ${loop.said}`, 'tasks that keep running')
  if (outdated.length > 0) {
    const images = [...new Set(outdated.map(task => task.template.image))].join(', ')
    return ill(
      `${said} of the current spec (${template.image}), ${outdated.length} of another (${images})`,
      `${params} of the current spec`
    )
  }
  if (expected === undefined && want === 0)
    return ill(`${said}: it is configured for no task`, 'at least one task')
  if (have === want && unsure.length > 0) return { healthy: null, why: `${said}, but ${unsure.join('; ')}` }
  if (have === want) {
    if (expected !== undefined && expected !== `${have}/${want}`) return ill(said, params)
    const [doubt] = loops
    return doubt === undefined
      ? { healthy: true }
      : { healthy: null, why: `${said}, but it may be in a restart loop: ${doubt.said}` }
  }

  const failed = tasks.some(
    task =>
      ofPresentSpec(service, task) &&
      (task.createdMicros ?? 0) >= (since ?? 0) &&
      (task.state === 'failed' || task.state === 'rejected') &&
      now - (task.stateMicros ?? now) < hour
  )
  const young = coming.filter(task => onItsWay(service, task, now))
  const working = mode.kind.endsWith('job') && coming.some(({ state }) => state === 'running')
  if (!failed && (young.length > 0 || working)) {
    const how = young.map(task => `${placeOf(task, swarm)} is ${task.state}`).slice(0, 3)
    return {
      healthy: null,
      why: working ? `${said}, the job is still running` : `${said}, still starting: ${how.join(', ')}`
    }
  }
  const where = missing.length === 0 ? '' : ` on ${missing.join(', ')}`
  const [newest] = tasks
    .filter(task => missing.length === 0 || missing.includes(hostOf(task, swarm)))
    .slice(-1)
  if (newest === undefined) return ill(`${said}: it has no task${where}`, params)
  const error = newest.error === '' ? '' : ` (${newest.error})`
  const down = swarm !== null && newest.node !== '' && isUp(newest.node, swarm) === false && !isOver(newest)
  const state = down ? `on ${nameOf(newest.node, swarm)}, which is down` : newest.state
  return ill(`${said}: its newest task${where} is ${state}${error}`, params)
}

function hostOf({ node }: SwarmTask, swarm: SwarmNodes | null): string {
  return swarm?.nodes.find(({ id }) => id === node)?.hostname ?? node
}

function placeOf(task: SwarmTask, swarm: SwarmNodes | null): string {
  return task.slot > 0 ? `task ${task.slot}` : `the task on ${hostOf(task, swarm)}`
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
