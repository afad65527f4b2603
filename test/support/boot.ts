import type { Rehearsal } from '../../src/rehearsal/answer.ts'
import type { BootRehearsal } from '../../src/rehearsal/host/boot-rehearsal.ts'
import type { SwarmService } from '../../src/systems/swarm/services.ts'
import { type BootPrograms, gone } from '../../src/systems/systemd/unit-programs.ts'
import type { UnitState } from '../../src/systems/systemd/units.ts'

/** A unit as a test writes it: the rest is a oneshot that stays active, started at boot. */
export interface UnitSketch {
  readonly after?: readonly string[]
  readonly pulls?: readonly string[]
  /** Its ExecStart script. */
  readonly script?: string
  /** Lines of `[Service]` instead of an ExecStart of the script. */
  readonly service?: string
  readonly state?: Partial<UnitState>
  /** Wanted by the default target; true unless said otherwise. */
  readonly boots?: boolean
}

export interface BootSketch {
  readonly units: Readonly<Record<string, UnitSketch>>
  /** Other files, by path; null for one that cannot be read, undefined for one that is not there. */
  readonly files?: Readonly<Record<string, string | null | undefined>>
  /** Traefik rules by `stack_service`. */
  readonly rules?: Readonly<Record<string, string | Readonly<Record<string, string>>>>
  /** The TCP port that a service of `rules` publishes. */
  readonly ports?: Readonly<Record<string, number>>
}

/** The facts that the deadlock probe judges, made of a sketch. */
export function bootOf({ units, files = {}, rules = {}, ports = {} }: BootSketch) {
  const sketches = Object.entries(units).map(([name, sketch]) => ({ name: full(name), sketch }))
  const states = sketches.map(({ name, sketch }) =>
    unitState(name, {
      after: (sketch.after ?? []).map(full),
      pulls: (sketch.pulls ?? []).map(full),
      ...sketch.state
    })
  )
  const wanted = sketches.filter(({ sketch }) => sketch.boots !== false).map(({ name }) => name)
  const target = unitState('multi-user.target', {
    names: ['multi-user.target', 'default.target'],
    type: '',
    pulls: wanted,
    after: wanted
  })
  const services = sketches.map(({ name, sketch }) => ({
    name,
    files: [{ path: `/etc/systemd/system/${name}`, text: unitText(name, sketch) }]
  }))
  const scripts = sketches.flatMap(({ name, sketch }) =>
    sketch.script === undefined ? [] : [{ path: scriptPath(name), text: script(sketch.script), why: '' }]
  )
  const others = Object.entries(files).map(([path, text]) => ({
    path,
    text: text ?? null,
    why: text === undefined ? gone : text === null ? 'Permission denied' : ''
  }))
  const programs: BootPrograms = { services, programs: [...scripts, ...others], untold: [] }
  return {
    units: [...states, target],
    programs,
    rehearsal: notRehearsed,
    services: Object.entries(rules).map(([name, rule]) => swarmService(name, rule, ports[name]))
  }
}

/** As if no unit had a program of its own: what the texts of programs show is judged by itself. */
export const notRehearsed: BootRehearsal = { answer: null, files: [], unseen: [] }

function full(name: string): string {
  return name.includes('.') ? name : `${name}.service`
}

/** Where the script of a unit's sketch is. */
export function scriptPath(name: string): string {
  const unit = name.replace(/\.service$/, '')
  return `/nix/store/0000000000-unit-script-${unit}-start/bin/${unit}-start`
}

function script(text: string): string {
  return text.startsWith('#!') ? text : `#!/bin/bash\nset -e\n\n${text}\n`
}

function unitText(name: string, { after = [], pulls = [], script, service }: UnitSketch): string {
  const order = [
    ...after.map(other => `After=${full(other)}`),
    ...pulls.map(other => `Requires=${full(other)}`)
  ]
  const exec = service ?? (script === undefined ? 'ExecStart=/bin/true' : `ExecStart=${scriptPath(name)}`)
  return ['[Unit]', ...order, '', '[Service]', 'Type=oneshot', exec, ''].join('\n')
}

export function unitState(name: string, rest: Partial<UnitState> = {}): UnitState {
  return {
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
    files: [`/etc/systemd/system/${name}`],
    startedMicros: null,
    activeMicros: null,
    inactiveMicros: null,
    mainStartedMicros: null,
    restarts: name.endsWith('.service') ? 0 : null,
    after: [],
    before: [],
    pulls: [],
    ...rest
  }
}

function swarmService(
  name: string,
  rule: string | Readonly<Record<string, string>>,
  port?: number
): SwarmService {
  const stack = name.slice(0, name.lastIndexOf('_'))
  return {
    id: name,
    name,
    stack,
    mode: { kind: 'replicated', replicas: 1 },
    maxPerNode: 0,
    template: { image: 'app:local', forced: 0, digest: '' },
    labels: typeof rule === 'string' ? { [`traefik.http.routers.${stack}.rule`]: rule } : rule,
    containerLabels: {},
    networks: [],
    virtualIps: [],
    ports: port === undefined ? [] : [{ protocol: 'tcp', port, mode: 'ingress' }],
    update: null,
    previousImage: null,
    createdMicros: null,
    updatedMicros: null
  }
}

/** A rehearsal in which nothing happened but what a test says. */
export function rehearsalOf(part: Partial<Rehearsal> = {}): BootRehearsal {
  return {
    answer: {
      schema: 1,
      boot: {
        ended: 'settled',
        lasted: 0,
        timeline: [],
        units: [],
        up: [],
        docker: { networks: [], stacks: [], services: [], containers: [] }
      },
      through: null,
      waits: [],
      orderingCycles: [],
      executed: [],
      reached: [],
      asked: [],
      unknowns: [],
      ...part
    },
    files: [],
    unseen: []
  }
}
