import { sayDuration } from '../../lib/duration.ts'
import { counted } from '../../lib/text/counted.ts'
import { shellQuoted } from '../../lib/text/shell-quote.ts'
import type { Happening, Place, Run, Target, UnitEnd, Wait } from '../answer.ts'

/** A rehearsal in words: what ran when, what it asked, what it was answered, where it stood still. */

const longest = { command: 160, lines: 400 } as const

/** One line for each happening: the time, then what happened. */
export function timelineLines(
  { timeline }: Pick<Run, 'timeline'>,
  wanted: (unit: string) => boolean = () => true
): readonly string[] {
  const told = timeline.filter(({ unit }) => wanted(unit))
  const width = Math.max(0, ...told.map(({ at }) => clock(at).length))
  const lines = told
    .slice(0, longest.lines)
    .map(each => `${clock(each.at).padStart(width)}  ${happened(each)}`)
  const left = told.length - lines.length
  return left > 0 ? [...lines, `… ${counted(left, 'more line')}`] : lines
}

/** Virtual time since the boot began. */
export function clock(ms: number): string {
  return ms < 120_000 ? `${(ms / 1000).toFixed(1)} s` : sayDuration(ms)
}

function happened(happening: Happening): string {
  switch (happening.kind) {
    case 'unit':
      return `${happening.unit} ${states[happening.state]}${happening.why === undefined ? '' : `: ${happening.why}`}`
    case 'asked': {
      const { unit, argv, place, answer, times, last, by } = happening
      const often = times > 1 ? `, ${times} times until ${clock(last)}` : ''
      const who = by === null || by === unit ? '' : ` (by ${by})`
      return `${unit} runs ${commandText(argv)}${at(place)}: ${answer}${who}${often}`
    }
    case 'up':
      return `${happening.unit} brings up ${targetText(happening.target)}${at(happening.place)}`
  }
}

const states = {
  starting: 'starts',
  active: 'is active',
  done: 'is done',
  failed: 'failed',
  skipped: 'is skipped',
  dependency: 'does not start'
} as const

function at(place: Place | null): string {
  return place === null ? '' : ` (${placeText(place)})`
}

export function placeText({ path, line }: Place): string {
  return `${path}:${line}`
}

/** A command as a person would type it, shortened. */
export function commandText(argv: readonly string[]): string {
  const text = argv
    .map(word => (/^[\w@%+=:,./-]+$/.test(word) ? word : shellQuoted(word)))
    .join(' ')
    .replaceAll(/\s+/g, ' ')
  return text.length > longest.command ? `${text.slice(0, longest.command - 1)}…` : text
}

/** What is waited for or brought up, as a person would name it. */
export function targetText({ kind, key }: Target): string {
  switch (kind) {
    case 'url':
    case 'port':
    case 'file':
      return key
    case 'unit':
      return key
    case 'engine':
      return 'the docker engine'
    case 'boot':
      return 'the end of the boot'
    default:
      return `${kind} ${key}`
  }
}

/** What never came up, and who waits for what. */
export function endLines(
  { units }: Pick<Run, 'units'>,
  waits: readonly Wait[],
  wanted: (unit: string) => boolean = () => true
): readonly string[] {
  return [
    ...waits.filter(({ unit }) => wanted(unit)).map(waitText),
    ...units.filter(({ unit }) => wanted(unit)).flatMap(endText)
  ]
}

function waitText(wait: Wait): string {
  const { unit, target, verdict, stood, broughtUpBy, holds, dependsOn } = wait
  const held = holds.length === 0 ? '' : `; it holds up ${holds.join(', ')}`
  const long = stood === null ? 'for ever' : `for ${clock(stood)}`
  const what = `${unit} waits ${long} for ${targetText(target)}`
  switch (verdict) {
    case 'circle':
    case 'outlasts':
      return `${what}, which ${broughtUpBy === null ? 'nothing brings up before it' : `${broughtUpBy.unit} brings up only after it`}${held}`
    case 'delays':
      return `${what}, then continues${held}`
    case 'never':
      return `${what}, which nothing of this boot brings up${held}`
    case 'unknown':
      return `${what}; how that ends depends on ${dependsOn.join(', ')}${held}`
  }
}

function endText({ unit, state, why }: UnitEnd): readonly string[] {
  if (state === 'failed' || state === 'dependency')
    return [`${unit} ${states[state]}${why === null ? '' : `: ${why}`}`]
  if (state === 'waiting') return [`${unit} never starts`]
  return []
}
