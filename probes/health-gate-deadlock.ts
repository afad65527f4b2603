import { z } from 'zod'
import { type BootJudgement, type Circle, judgeBoot, orderOf } from '../src/base/boot-graph.ts'
import { circleDiagram, circleText, circleTitle, duration, shortName } from '../src/base/boot-story.ts'
import { provisionsOf } from '../src/base/boot-waits.ts'
import { programRuns } from '../src/base/program-runs.ts'
import { environmentOf, settingsOf, startCommands } from '../src/base/unit-text.ts'
import { defineProbe, type Finding } from '../src/judge/probe.ts'
import { type SwarmService, swarmServices } from '../src/observe/sources/docker-services.ts'
import { bootPrograms, type BootPrograms, gone } from '../src/observe/sources/unit-programs.ts'
import { allUnits, type UnitState } from '../src/observe/sources/units.ts'

interface Facts {
  readonly units: readonly UnitState[]
  readonly programs: BootPrograms
  readonly services: readonly Pick<SwarmService, 'name' | 'stack' | 'labels'>[]
}

export const healthGateDeadlock = defineProbe({
  id: 'health-gate-deadlock',
  asserts: 'No unit waits, while it starts, for something that only comes up after a unit ordered after it',
  because:
    'Such a host cannot boot from nothing: the gate waits for what waits for the gate. On the running host everything is up already, so no tool reports it.',
  remedy: 'Let the gate ask something that is up before it, or move it to a unit ordered after what it asks.',
  params: z.strictObject({}),
  hunts: { with: {}, severity: 'high' },
  needs: () => ({ units: allUnits, programs: bootPrograms, services: swarmServices }),
  judge: facts => judged(facts),

  falsify({ units, programs, services }) {
    const state = (name: string, after: readonly string[]): UnitState => ({
      name,
      names: [name],
      load: 'loaded',
      active: 'active',
      sub: 'exited',
      result: 'success',
      type: 'oneshot',
      remainAfterExit: true,
      needsReload: false,
      startTimeout: '15min',
      files: [`/${name}`],
      startedMicros: null,
      activeMicros: null,
      mainStartedMicros: null,
      after,
      before: [],
      pulls: []
    })
    const file = (name: string) => ({
      name,
      files: [{ path: `/${name}`, text: `[Service]\nExecStart=/falsified/${name}\n` }]
    })
    const script = (name: string, text: string) => ({
      path: `/falsified/${name}`,
      text: `#!/bin/sh\n${text}\n`,
      why: ''
    })
    const labels = { 'traefik.http.routers.falsified.rule': 'Host(`falsified.invalid`)' }
    return [
      {
        units: [...units, state('f-gate.service', []), state('f-app.service', ['f-gate.service'])],
        services: [...services, { ...falsifiedService, labels }],
        programs: {
          ...programs,
          services: [...programs.services, file('f-gate.service'), file('f-app.service')],
          programs: [
            ...programs.programs,
            script('f-gate.service', 'until curl -f https://falsified.invalid/; do sleep 1; done'),
            script('f-app.service', 'docker stack deploy -c /falsified/stack.yml falsified')
          ]
        }
      }
    ]
  }
})

const falsifiedService: SwarmService = {
  id: 'falsified',
  name: 'falsified_app',
  stack: 'falsified',
  mode: { kind: 'replicated', replicas: 1 },
  maxPerNode: 0,
  template: { image: '', forced: 0, digest: '' },
  labels: {},
  containerLabels: {},
  networks: [],
  virtualIps: [],
  update: null,
  previousImage: null,
  createdMicros: null,
  updatedMicros: null
}

function judged(facts: Facts): readonly [Finding, ...Finding[]] {
  const { programs, services } = facts
  const texts = new Map(programs.programs.map(({ path, text }) => [path, text]))
  const made = programs.services.map(({ name, files }) => {
    const environment = environmentOf(files, name)
    return { name, ...programRuns(startCommands(files, name), texts, { hops: 3, environment }) }
  })
  if (made.length === 0) {
    return [
      { outcome: 'not-applicable', why: "no unit has a start program of its own: all are the distribution's" }
    ]
  }
  const units = facts.units.filter(({ load }) => load === 'loaded')
  const starts = new Map(made.map(({ name, runs }) => [name, runs]))
  const judgement = judgeBoot({ units, starts, services })
  const findings: Finding[] = [
    ...judgement.orderingCycles.map(orderingCycle),
    ...judgement.circles.map(circle => deadlock(circle, facts, judgement))
  ]
  const blind = made.flatMap(({ name, runs, missing, broken }) => {
    const called = programs.programs.filter(({ text, why }) => text === null && why !== gone)
    const unread = [
      ...missing.map(({ path }) => path),
      ...broken,
      ...called
        .filter(({ path }) => runs.some(({ command }) => command.words.some(values => values.includes(path))))
        .map(({ path }) => path)
    ]
    return unread.map(path => ({ name, path }))
  })
  findings.push(
    ...unreadable(
      [...blind, ...programs.untold.map(name => ({ name, path: 'its unit file' }))],
      units,
      starts,
      judgement
    )
  )
  const suspected = judgement.suspected.map(
    circle => `suspected only: ${circleText(circle)} (${circle.doubts.join('; ')})`
  )
  const resolved = judgement.waits.filter(({ providers }) => providers.length > 0)
  const [first, ...rest] = findings
  if (first !== undefined) return [first, ...rest]
  const examined = `${units.length} units, ${made.length} with start programs of their own (${new Set(made.flatMap(({ read }) => [...read.keys()])).size} files read)`
  const saw = `${examined}; ${judgement.waits.length} waits hold up a start, ${resolved.length} of them for what this host's units bring up, none in a circle`
  const shows = [
    ...resolved.map(
      ({ unit, wait, providers }) =>
        `${unit} waits (${wait.run.file}:${wait.run.command.line}) for ${providers.join(', ')}`
    ),
    ...suspected
  ]
  return [
    {
      outcome: 'pass',
      saw: suspected.length === 0 ? saw : `${saw}; ${suspected.length} suspected`,
      shows: shows.slice(0, 12)
    }
  ]
}

function orderingCycle(names: readonly string[]): Finding {
  const [first = ''] = names
  const circle = [...names, first].join(' after ')
  return {
    outcome: 'fail',
    saw: `an ordering cycle: ${circle}`,
    expected: 'an order in which every unit can start',
    at: first,
    filing: {
      subject: first,
      severity: 'high',
      title: `${names.map(shortName).join(', ')} are each ordered after the other`,
      story: [
        `${circle}. At boot systemd breaks the cycle by not starting one of them, and it chooses which.`
      ],
      mend: 'Take one of the After= or Before= lines away.',
      diagram: circleDiagram({
        unit: first,
        doubts: [],
        steps: names.map((from, at) => ({
          from,
          to: names[(at + 1) % names.length] ?? first,
          how: 'ordered',
          what: '',
          proof: []
        }))
      })
    }
  }
}

function deadlock(circle: Circle, facts: Facts, judgement: BootJudgement): Finding {
  const state = facts.units.find(({ name }) => name === circle.unit)
  const [wait] = circle.steps.flatMap(({ wait }) => wait ?? [])
  const at = wait === undefined ? circle.unit : `${wait.run.file}:${wait.run.command.line}`
  const evidence = circle.steps.flatMap(step =>
    step.how === 'ordered' ? [ordering(step.from, step.to, facts)] : step.proof
  )
  const history = past(circle, facts.units)
  const others = judgement.circles.filter(({ unit }) => unit !== circle.unit).map(({ unit }) => unit)
  const hangs = hang(wait?.bound ?? null, state)
  return {
    outcome: 'fail',
    saw: `${circleText(circle)}; ${hangs}`,
    expected: 'a start that waits for nothing that starts after it',
    at,
    shows: [...evidence, ...history],
    filing: {
      subject: circle.unit,
      severity: 'high',
      title: circleTitle(circle),
      story: [
        `${circleText(circle)}. None of them can come first.`,
        `On a boot from nothing ${hangs}.`,
        hidden(state),
        ...history,
        ...(others.length > 0 ? [`Other circles: ${others.join(', ')}.`] : [])
      ],
      mend: mending(circle),
      diagram: circleDiagram(circle)
    }
  }
}

function hang(bound: number | null, state: UnitState | undefined): string {
  const name = state?.name ?? 'the unit'
  const limit = state?.startTimeout ?? ''
  const systemd =
    limit === 'infinity' || limit === ''
      ? 'systemd sets no end to it (TimeoutStartSec=infinity)'
      : `systemd ends it after TimeoutStartSec=${limit}`
  const own = bound === null ? '' : `, its own loop gives up after about ${bound} s`
  return `the start of ${name} hangs: ${systemd}${own}`
}

function hidden(state: UnitState | undefined): string {
  const shown = state === undefined ? 'active' : `${state.active} (${state.sub})`
  return `It cannot be seen on the running host: what is waited for is up already, so each start since then has ended at once, and systemctl shows ${shown}. A plain reboot may get through too, because a swarm brings its services back by itself; a new host, a removed stack or a recreated network does not.`
}

/** Where the last start itself shows it: it took long, and what it waited for began right after it had ended. */
function past({ unit, steps }: Circle, units: readonly UnitState[]): readonly string[] {
  const waiter = units.find(({ name }) => name === unit)
  const { startedMicros = null, activeMicros = null } = waiter ?? {}
  if (startedMicros === null || activeMicros === null || activeMicros - startedMicros < 60_000_000) return []
  const began = units.filter(
    ({ name, startedMicros: start }) =>
      name !== unit &&
      steps.some(({ to }) => to === name) &&
      start !== null &&
      start >= activeMicros &&
      start - activeMicros < 5_000_000
  )
  if (began.length === 0) return []
  return [
    `The host's own history shows it: the last start of ${unit} took ${duration(activeMicros - startedMicros)}, and ${began.map(({ name }) => name).join(', ')} began right after it had ended.`
  ]
}

function mending({ unit, steps }: Circle): string {
  const [first] = steps
  if (first?.how === 'starts')
    return `Start ${first.to} with \`systemctl start --no-block\`, or leave its start to the boot: it is ordered after ${unit} anyway.`
  const gate =
    first?.wait?.target.kind === 'url'
      ? `ask an endpoint that ${unit} itself brings up (the proxy's own /ping)`
      : `wait only for what is up before ${unit}`
  return `Let ${unit} ${gate}, or move this wait to a unit of its own, ordered after ${first?.to ?? 'what it asks'}.`
}

/** The line of a unit file that orders the two. */
function ordering(later: string, earlier: string, { programs, units }: Facts): string {
  const line = (unit: string, key: string, other: string) => {
    const names = units.find(({ name }) => name === other)?.names ?? [other]
    const files = programs.services.find(({ name }) => name === unit)?.files ?? []
    const found = settingsOf(files).find(
      setting => setting.key === key && setting.value.split(/\s+/).some(word => names.includes(word))
    )
    return found === undefined ? undefined : `${found.path}:${found.line}: ${found.key}=${found.value}`
  }
  return (
    line(later, 'After', earlier) ??
    line(earlier, 'Before', later) ??
    `systemctl show ${later}: After=… ${earlier} …`
  )
}

/**
 * A program that could not be read matters if a wait in it could close a circle (something that units bring
 * up is ordered after it), or if it could be what brings up the thing that another unit waits for.
 */
function unreadable(
  blind: readonly { readonly name: string; readonly path: string }[],
  units: readonly UnitState[],
  starts: Parameters<typeof judgeBoot>[0]['starts'],
  { waits }: BootJudgement
): readonly Finding[] {
  const { after } = orderOf({ units, starts })
  const providers = [...starts]
    .filter(([, runs]) => runs.some(run => provisionsOf(run).some(({ kind }) => kind !== 'file')))
    .map(([name]) => name)
  const open = waits.filter(({ providers, served }) => providers.length === 0 && served !== '')
  const isAfter = (later: string, earlier: string): boolean => {
    const seen = new Set<string>()
    const queue = [later]
    for (let name = queue.pop(); name !== undefined; name = queue.pop()) {
      if (seen.has(name)) continue
      seen.add(name)
      queue.push(...(after.get(name) ?? []))
    }
    return later !== earlier && seen.has(earlier)
  }
  return blind.flatMap(({ name, path }): readonly Finding[] => {
    const behind = providers.filter(provider => isAfter(provider, name))
    const wanted = open.filter(({ unit }) => isAfter(name, unit))
    if (behind.length === 0 && wanted.length === 0) return []
    const why =
      behind.length > 0
        ? `${behind.join(', ')} start only after it`
        : `it may bring up what ${wanted.map(({ unit }) => unit).join(', ')} wait for`
    return [{ outcome: 'unknown', why: `${path} of ${name} could not be read, and ${why}` }]
  })
}
