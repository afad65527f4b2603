import * as z from 'zod'
import { analysisBounds } from '../../lib/bounds.ts'
import { parseSystemdTime } from '../../lib/instant.ts'
import { type FactSource, type FactContext, Unseen } from '../../facts/fact.ts'
import { type Pattern } from '../../facts/read-command.ts'
import { systemdPattern, systemdRead } from './reads.ts'

/** A unit's name as a plan writes it; `.service` may be left out. systemctl would take `*` and `[` for a glob. */
export const unitParam = z
  .string()
  .regex(/^[A-Za-z0-9][\w.:@\\-]{0,254}$/, "expected a systemd unit's name")
  .transform(unitName)

/** The full name of a unit that may lack `.service`. */
export function unitName(name: string): string {
  return /\.(?:service|socket|target|timer|path|mount|automount|swap|slice|scope|device)$/.test(name)
    ? name
    : `${name}.service`
}

/** What systemd says of a unit. Times are microseconds since 1970 on the host's clock; null is never. */
export interface UnitState {
  readonly name: string
  /** Other names of the same unit (aliases). */
  readonly names: readonly string[]
  /** `loaded`, `not-found`, `masked`, `bad-setting`, `error`, … */
  readonly load: string
  readonly active: string
  readonly sub: string
  readonly result: string
  readonly type: string
  readonly remainAfterExit: boolean
  /** The files on disk are newer than what systemd runs. */
  readonly needsReload: boolean
  /** As systemd writes it: `15min`, `infinity`. Empty for units that have none. */
  readonly startTimeout: string
  readonly files: readonly string[]
  /** When its last start began and ended, and when its main program began. */
  readonly startedMicros: number | null
  readonly activeMicros: number | null
  /** When it last became inactive or failed. */
  readonly inactiveMicros: number | null
  readonly mainStartedMicros: number | null
  /** How often `Restart=` started it again since its last other start; null for what is no service. */
  readonly restarts: number | null
  readonly after: readonly string[]
  readonly before: readonly string[]
  /** Units that it pulls in: Requires, Wants, BindsTo, Requisite. */
  readonly pulls: readonly string[]
}

/** No property whose value may hold a line break: `ExecStart` could say anything of the lines after it. */
const properties = [
  'Id',
  'Names',
  'LoadState',
  'ActiveState',
  'SubState',
  'Result',
  'Type',
  'RemainAfterExit',
  'NeedDaemonReload',
  'TimeoutStartUSec',
  'FragmentPath',
  'DropInPaths',
  'InactiveExitTimestamp',
  'ActiveEnterTimestamp',
  'InactiveEnterTimestamp',
  'ExecMainStartTimestamp',
  'NRestarts',
  'After',
  'Before',
  'Requires',
  'Wants',
  'BindsTo',
  'Requisite'
] as const

/** One unit. A unit that does not exist is a fact too: its `load` is `not-found`. */
export function unitState(unit: string): FactSource<UnitState> {
  const name = unitName(unit)
  return {
    key: `unit ${name}`,
    place: 'host',
    reads: [stateReads([name])],
    async take(look) {
      return readState(look, name)
    }
  }
}

/** Every unit that systemd has loaded: what a boot is made of. */
export const allUnits: FactSource<readonly UnitState[]> = {
  key: 'units',
  place: 'host',
  reads: [stateReads(['*'])],
  async take(look) {
    const states = await readStates(look, ['*'])
    if (states.length === 0) throw new Unseen('systemctl listed no units')
    return [...states].sort((a, b) => (a.name < b.name ? -1 : 1))
  }
}

/** What `readStates` asks. */
export function stateReads(patterns: readonly string[]): Pattern {
  return systemdPattern.unitStates(patterns, properties)
}

/** Also used by sources that need the units before they can ask further. */
export async function readStates(
  look: FactContext,
  patterns: readonly string[]
): Promise<readonly UnitState[]> {
  return parseStates((await look.read(systemdRead.unitStates(patterns, properties))).stdout)
}

/** When a unit was last activated, and the word for it. */
export interface Activation {
  readonly micros: number
  /** `started`: it never becomes active, or has not yet. */
  readonly word: 'activated' | 'started'
}

/**
 * The last activation of a unit; null if systemd remembers none.
 *
 * A oneshot without RemainAfterExit goes from activating straight to inactive, and what is activating now is not
 * active yet: for both, the time of becoming active is missing or that of an earlier run, and the start counts.
 */
export function lastActivation(unit: UnitState): Activation | null {
  const { type, remainAfterExit, active, startedMicros, activeMicros } = unit
  const isStart = active === 'activating' || (type === 'oneshot' && !remainAfterExit && active !== 'active')
  const micros = isStart ? startedMicros : activeMicros
  return micros === null ? null : { micros, word: isStart ? 'started' : 'activated' }
}

/** One unit; unseen if systemctl answered for none, or for several. */
export async function readState(look: FactContext, name: string): Promise<UnitState> {
  const [state, second] = await readStates(look, [name])
  if (state === undefined || second !== undefined) {
    throw new Unseen(`systemctl did not answer for exactly ${name}`)
  }
  return state
}

/** What a unit pulls in, by how: all names as systemd writes them. */
export interface UnitPulls {
  readonly name: string
  readonly requires: readonly string[]
  readonly requisite: readonly string[]
  readonly wants: readonly string[]
  readonly bindsTo: readonly string[]
}

/** The same answer as `readStates`, each kind of what is pulled in by itself. */
export async function readPulls(look: FactContext): Promise<readonly UnitPulls[]> {
  const { stdout } = await look.read(systemdRead.unitStates(['*'], properties))
  return blocksOf(stdout).map(values => {
    const words = (key: string) => wordsOf(values.get(key) ?? '')
    return {
      name: values.get('Id') ?? '',
      requires: words('Requires'),
      requisite: words('Requisite'),
      wants: words('Wants'),
      bindsTo: words('BindsTo')
    }
  })
}

/**
 * `systemctl show`: `Property=value` lines, units apart by an empty line.
 *
 * @throws Unseen for more of them than are judged.
 */
export function parseStates(stdout: string): readonly UnitState[] {
  return blocksOf(stdout).map(stateOf)
}

function blocksOf(stdout: string): readonly ReadonlyMap<string, string>[] {
  const blocks = stdout.split(/\n\n+/).filter(block => block.trim() !== '')
  if (blocks.length > analysisBounds.units)
    throw new Unseen(
      `systemctl listed ${blocks.length} units, more than the limit of ${analysisBounds.units}`
    )
  return blocks.map(block => {
    const values = new Map<string, string>()
    for (const line of block.split('\n')) {
      const equals = line.indexOf('=')
      if (equals > 0) values.set(line.slice(0, equals), line.slice(equals + 1))
    }
    return values
  })
}

function wordsOf(text: string): readonly string[] {
  return text.split(/\s+/).filter(Boolean).sort()
}

function stateOf(values: ReadonlyMap<string, string>): UnitState {
  const required = (key: string) => {
    const value = values.get(key)
    if (value === undefined || value === '') throw new RangeError(`systemctl did not print ${key}`)
    return value
  }
  const word = (key: string) => values.get(key) ?? ''
  const words = (key: string) => wordsOf(word(key))
  const time = (key: string) => (word(key) === '' ? null : parseSystemdTime(word(key)))
  return {
    name: required('Id'),
    names: words('Names'),
    load: required('LoadState'),
    active: required('ActiveState'),
    sub: word('SubState'),
    result: word('Result'),
    type: word('Type'),
    remainAfterExit: word('RemainAfterExit') === 'yes',
    needsReload: word('NeedDaemonReload') === 'yes',
    startTimeout: word('TimeoutStartUSec'),
    files: [word('FragmentPath'), ...word('DropInPaths').split(/\s+/)].filter(path => path !== ''),
    startedMicros: time('InactiveExitTimestamp'),
    activeMicros: time('ActiveEnterTimestamp'),
    inactiveMicros: time('InactiveEnterTimestamp'),
    mainStartedMicros: time('ExecMainStartTimestamp'),
    restarts: /^\d{1,10}$/.test(word('NRestarts')) ? Number(word('NRestarts')) : null,
    after: words('After'),
    before: words('Before'),
    pulls: [...new Set(['Requires', 'Wants', 'BindsTo', 'Requisite'].flatMap(words))]
  }
}
