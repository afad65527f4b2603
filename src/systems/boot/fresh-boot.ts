import { orderOf } from './boot-graph.ts'
import { startsOf } from './starts.ts'
import { provisionsOf } from './waits.ts'
import { dockerWords, type NetworkCreate, networkCreates } from '../programs/docker-commands.ts'
import type { Run } from '../programs/program-runs.ts'
import { kindOf } from '../programs/program-text.ts'
import { unknowable } from '../programs/shell-runs.ts'
import { type BootPrograms, gone } from '../systemd/unit-programs.ts'
import type { UnitState } from '../systemd/units.ts'

/** What the start programs of the units that a boot starts would create. */
export interface FreshBoot {
  readonly networks: readonly Created<NetworkCreate>[]
  /** One for each stack that a program deploys. The name may have gaps that cannot be known. */
  readonly stacks: readonly Created<{ readonly name: string; readonly run: Run }>[]
  /** Creations whose failure is ignored, and which nothing checks afterwards. */
  readonly hidden: readonly { readonly unit: string; readonly what: string; readonly run: Run }[]
  /** Names that a start also removes. */
  readonly removed: readonly string[]
  /** Programs that could not be read or followed, with their units. */
  readonly blind: readonly string[]
  /** Python programs, whose values are not all followed: what is named there may be created there. */
  readonly pythonTexts: readonly string[]
}

export type Created<What> = What & {
  readonly unit: UnitState
  /** It runs whenever the unit starts, and the unit's last start went well. */
  readonly certain: boolean
}

/** Follows what a boot would run, by the parsed programs. */
export function freshBoot(units: readonly UnitState[], programs: BootPrograms): FreshBoot {
  const loaded = units.filter(({ load }) => load === 'loaded')
  const texts = new Map(programs.programs.map(({ path, text }) => [path, text]))
  const absent = new Set(programs.programs.filter(({ why }) => why === gone).map(({ path }) => path))
  const starts = startsOf(programs.services, texts, absent)
  const { boots } = orderOf({ units: loaded, starts: starts.runs })
  const booting = loaded.flatMap(unit => {
    const runs = boots.has(unit.name) ? starts.runs.get(unit.name) : undefined
    return runs === undefined ? [] : [{ unit, runs }]
  })
  const names = new Set(booting.map(({ unit }) => unit.name))
  return {
    networks: booting.flatMap(({ unit, runs }) =>
      runs.flatMap(run =>
        networkCreates(run).map((made, _, all) => ({
          ...made,
          unit,
          // The usual guard asks whether the network is there: where it is not, it is made.
          certain: went(unit) && (always(run, runs) || guarded(made, runs)) && allMeant(run, all)
        }))
      )
    ),
    stacks: booting.flatMap(({ unit, runs }) =>
      runs.flatMap(run =>
        stacksOf(run).map((name, _, all) => ({
          name,
          run,
          unit,
          certain: went(unit) && always(run, runs) && allMeant(run, all)
        }))
      )
    ),
    hidden: booting.flatMap(({ unit, runs }) =>
      runs.flatMap((run, at) => {
        const what = creationOf(run)
        const ignored = run.command.excused || run.exec.ignoresFailure
        if (what === null || !ignored || checked(what, runs.slice(at + 1))) return []
        return [{ unit: unit.name, what, run }]
      })
    ),
    removed: booting.flatMap(({ runs }) => runs.flatMap(removedBy)),
    blind: [
      ...starts.blind.filter(({ unit }) => names.has(unit)).map(({ unit, path }) => `${path} of ${unit}`),
      ...programs.untold.map(unit => `the file of ${unit}`)
    ],
    pythonTexts: programs.programs.flatMap(({ path, text }) =>
      text !== null && kindOf(path, text) === 'python' ? [text] : []
    )
  }
}

/** Its newest start is over and went well: what it creates should be there. */
function went({ active, result, startedMicros }: UnitState): boolean {
  return result === 'success' && (active === 'active' || (active === 'inactive' && startedMicros !== null))
}

/** No condition decides about it, and no earlier way out of the program either. */
function always(run: Run, runs: readonly Run[]): boolean {
  const before = runs.slice(0, runs.indexOf(run))
  const leaves = before.some(
    ({ file, command }) =>
      file === run.file && command.branch && /^(?:exit|return)$/.test(command.words[0]?.[0] ?? '')
  )
  return !run.command.branch && !leaves
}

function guarded({ name, run }: NetworkCreate, runs: readonly Run[]): boolean {
  return runs.slice(0, runs.indexOf(run)).some(other => looksAt(other, name))
}

function looksAt(run: Run, name: string): boolean {
  const [object, verb] = (dockerWords(run) ?? []).map(([word]) => word)
  if (object !== 'network' && object !== 'stack') return false
  return (
    /^(?:inspect|ls|list|ps|services)$/.test(verb ?? '') &&
    [run.command.words, ...run.command.pipe].flat(2).some(word => word.includes(name))
  )
}

/** Names of the stacks that a run deploys, gaps included. */
function stacksOf(run: Run): readonly string[] {
  return provisionsOf(run).flatMap(({ kind, ...made }) =>
    kind === 'stack' && 'name' in made ? [made.name] : []
  )
}

/** Of several values of one word all are meant only where a loop goes through them. */
function allMeant({ command: { loops } }: Run, values: readonly unknown[]): boolean {
  return values.length === 1 || loops.at(-1)?.kind === 'for'
}

function creationOf(run: Run): string | null {
  const [network] = networkCreates(run)
  if (network !== undefined) return `network ${sayName(network.name)}`
  const [stack] = stacksOf(run)
  return stack === undefined ? null : `stack ${sayName(stack)}`
}

/** Something after it looks at what was to be created, and may fail. */
function checked(what: string, after: readonly Run[]): boolean {
  const name = what.slice(what.indexOf(' ') + 1)
  return after.some(run => !run.command.excused && looksAt(run, name))
}

function removedBy(run: Run): readonly string[] {
  const words = dockerWords(run)
  const [object, verb] = (words ?? []).map(([word]) => word)
  if (words === null || (object !== 'stack' && object !== 'network')) return []
  return /^(?:rm|remove|down)$/.test(verb ?? '') ? words.slice(2).flat() : []
}

/** Where a run is written, and how. */
export function written({ file, command }: Run): string {
  return `${file}:${command.line}: ${command.text}`
}

/** A name for a sentence, its gaps as dots. */
export function sayName(name: string): string {
  return name.replaceAll(unknowable, '…')
}
