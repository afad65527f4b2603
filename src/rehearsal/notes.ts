import type {
  Asked,
  BroughtUp,
  Executed,
  Happening,
  Place,
  Reached,
  Target,
  UnitState,
  UnknownThing
} from './answer.ts'
import type { Kernel } from './kernel.ts'
import type { Invocation, Seen } from './invocation.ts'

/** What is written down during a run. */
export interface Notes {
  readonly timeline: readonly Happening[]
  readonly executed: readonly Executed[]
  readonly reached: readonly Reached[]
  readonly up: readonly BroughtUp[]
  readonly asked: ReadonlySet<string>
  readonly unknowns: readonly UnknownThing[]
  readonly unit: (unit: string, state: UnitState, why?: string) => void
  readonly ask: (call: Where, seen: Seen) => void
  /** The last thing a unit asked for. */
  readonly lastAsked: (unit: string) => Asked | null
  /** For each thing that a unit asked for, the last answer. */
  readonly answers: (unit: string) => ReadonlyMap<string, Asked>
  /** A command begins; what is returned takes down with what it ended. */
  readonly execute: (call: Where, kind: Executed['kind']) => (code: number) => void
  readonly reach: (unit: string, place: Place) => void
  readonly bringUp: (call: Where, target: Target) => void
  readonly askFile: (path: string) => void
  readonly unknown: (thing: UnknownThing) => void
  /** A program that cannot be looked into holds up the start of its unit, for as long as it likes. */
  readonly opaqueStart: (thing: UnknownThing) => void
  readonly opaqueStarts: readonly UnknownThing[]
}

/** Who does something, and where in its programs. */
export type Where = Pick<Invocation, 'unit' | 'place' | 'argv'>

/** What is written down of one run at most: a program that does something for ever is cut in what is shown of it. */
const most = { happenings: 5_000, executed: 5_000, up: 5_000, unknowns: 200, asked: 500, words: 100 } as const

export function createNotes(kernel: Kernel): Notes {
  const timeline: Happening[] = []
  const executed = new Map<string, Executed>()
  const reached = new Map<string, { unit: string; path: string; lines: Set<number> }>()
  const up: BroughtUp[] = []
  const asked = new Set<string>()
  const unknowns = new Map<string, UnknownThing>()
  const opaqueStarts: UnknownThing[] = []
  /** By unit: its last question, and where that stands in the timeline. */
  const last = new Map<string, { index: number | null; asked: Asked }>()
  const answers = new Map<string, Map<string, Asked>>()

  function add(happening: Happening): number | null {
    if (timeline.length >= most.happenings) return null
    return timeline.push(happening) - 1
  }

  return {
    timeline,
    get executed() {
      return [...executed.values()]
    },
    get reached() {
      return [...reached.values()].map(({ unit, path, lines }) => ({
        unit,
        path,
        lines: [...lines].sort((one, other) => one - other)
      }))
    },
    up,
    asked,
    get unknowns() {
      return [...unknowns.values()]
    },
    unit: (unit, state, why) => {
      kernel.touch()
      add({ at: kernel.now(), kind: 'unit', unit, state, ...(why === undefined ? {} : { why }) })
    },
    ask: ({ unit, place, argv }, { target, answer, by }) => {
      const at = kernel.now()
      const before = last.get(unit)
      const same =
        before?.asked.target.key === target.key &&
        before.asked.answer === answer &&
        samePlace(before.asked.place, place)
      const one: Asked =
        before !== undefined && same
          ? { ...before.asked, times: before.asked.times + 1, last: at }
          : { at, unit, place, argv: short(argv), target, answer, by, times: 1, last: at }
      const happening: Happening = { kind: 'asked', ...one }
      let index = same ? (before?.index ?? null) : null
      if (index === null) index = add(happening)
      else timeline[index] = happening
      last.set(unit, { index, asked: one })
      const all = answers.get(unit) ?? new Map<string, Asked>()
      answers.set(unit, all.set(target.key, one))
    },
    lastAsked: unit => last.get(unit)?.asked ?? null,
    answers: unit => answers.get(unit) ?? new Map(),
    execute: ({ unit, place, argv }, kind) => {
      const words = short(argv)
      const key = JSON.stringify([unit, place, words])
      if (executed.size < most.executed && !executed.has(key))
        executed.set(key, { unit, place, argv: words, kind, code: kind === 'shell' ? 0 : null })
      return code => {
        const one = executed.get(key)
        if (one?.code === null) executed.set(key, { ...one, code })
      }
    },
    reach: (unit, { path, line }) => {
      const key = JSON.stringify([unit, path])
      const one = reached.get(key) ?? { unit, path, lines: new Set() }
      one.lines.add(line)
      reached.set(key, one)
    },
    bringUp: ({ unit, place, argv }, target) => {
      const one = { at: kernel.now(), unit, target, place, argv: short(argv) }
      kernel.touch()
      if (up.length >= most.up) return
      up.push(one)
      add({ kind: 'up', ...one })
    },
    opaqueStarts,
    opaqueStart: thing => {
      if (opaqueStarts.length < most.unknowns) opaqueStarts.push(thing)
    },
    askFile: path => {
      if (asked.size < most.asked) asked.add(path)
    },
    unknown: thing => {
      const key = JSON.stringify([thing.name, thing.unit])
      if (unknowns.size < most.unknowns && !unknowns.has(key)) unknowns.set(key, thing)
    }
  }
}

function samePlace(one: Place | null, other: Place | null): boolean {
  return (
    one === other || (one !== null && other !== null && one.path === other.path && one.line === other.line)
  )
}

/** A command as it is shown: a program that hands on megabytes is cut. */
function short(argv: readonly string[]): readonly string[] {
  return argv.slice(0, most.words).map(word => (word.length > 2_000 ? `${word.slice(0, 2_000)}…` : word))
}
