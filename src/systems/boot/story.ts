import type { BootJudgement, BootUnit, Circle, Step } from './boot-graph.ts'
import { counted } from '../../lib/text/counted.ts'
import { isoMicros } from '../../lib/instant.ts'
import { settingsOf, type UnitFile } from '../languages/unit-file.ts'

/** A unit with what its history and its limits tell. Times are microseconds since 1970; null is never. */
export interface ToldUnit extends BootUnit {
  readonly sub: string
  /** As systemd writes it: `15min`, `infinity`. */
  readonly startTimeout: string
  readonly startedMicros: number | null
  readonly activeMicros: number | null
  /** When it last became inactive or failed. */
  readonly inactiveMicros: number | null
  /** As systemd writes it: `success`, `timeout`, `exit-code`. */
  readonly result: string
}

/** The circle in one line: `a → waits for X → b → is ordered after → a`. */
export function circleText({ unit, steps }: Circle): string {
  return [unit, ...steps.flatMap(step => [edge(step), step.to])].join(' → ')
}

function edge({ how, what, wait, to }: Step): string {
  if (how === 'ordered') return 'starts only after'
  if (how === 'starts') return 'starts, and waits for'
  if (what === to) return 'waits for'
  return `waits for ${what}, ${wait?.target.kind === 'file' ? 'made' : 'served'} by`
}

/** The circle as Mermaid source. What a host says is reduced to characters that end no string of it. */
export function circleDiagram({ unit, steps }: Circle): string {
  const names = [...new Set([unit, ...steps.map(({ to }) => to)])]
  const id = (name: string) => `u${names.indexOf(name)}`
  const lines = steps.map(step => {
    const label =
      step.how === 'ordered'
        ? 'starts only after'
        : step.how === 'starts'
          ? 'systemctl start'
          : `waits for ${step.what}`
    return `  ${id(step.from)} -->|"${harmless(label)}"| ${id(step.to)}`
  })
  return ['flowchart LR', ...names.map(name => `  ${id(name)}["${harmless(name)}"]`), ...lines].join('\n')
}

function harmless(text: string): string {
  return text.replaceAll(/[^\w .:/@=?&%…-]/g, '_').slice(0, 120)
}

/** `deploy-proxy` for `deploy-proxy.service`. */
export function shortName(unit: string): string {
  return unit.replace(/\.service$/, '')
}

/** The title of a finding: `a waits for X, served only by b, which starts after it`. */
export function circleTitle({ unit, steps }: Circle): string {
  const [first, ...rest] = steps
  if (first === undefined) return `${shortName(unit)} waits for itself`
  const what = first.wait?.target.kind === 'url' ? first.wait.target.host : first.what
  if (first.to === unit) return `${shortName(unit)} waits for ${what}, which it starts itself only later`
  const between = rest.slice(0, -1).map(({ to }) => shortName(to))
  const way =
    between.length === 0 ? 'starts after it' : `starts after ${between.join(' and ')}, and so after it`
  return first.how === 'starts'
    ? `${shortName(unit)} starts ${shortName(first.to)} and waits for it, but ${shortName(first.to)} ${way}`
    : `${shortName(unit)} waits for ${what}, ${first.wait?.target.kind === 'file' ? 'made' : 'served'} only by ${shortName(first.to)}, which ${way}`
}

/** A length of time for people, from microseconds. */
export function duration(micros: number): string {
  const seconds = micros / 1_000_000
  if (seconds < 120) return `${Number(seconds.toFixed(1))} s`
  return `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`
}

/** How long the start hangs, by systemd's limit and by the script's own. */
export function hangText({ unit, steps }: Circle, units: readonly ToldUnit[]): string {
  const limit = units.find(({ name }) => name === unit)?.startTimeout ?? ''
  const systemd =
    limit === 'infinity' || limit === ''
      ? 'systemd sets no time limit (TimeoutStartSec=infinity)'
      : `systemd stops it after TimeoutStartSec=${limit}`
  const bound = steps[0]?.wait?.bound ?? null
  const own = bound === null ? '' : `, its own loop gives up after about ${bound} s`
  return `the start of ${unit} hangs: ${systemd}${own}`
}

/** Why a running host does not show it; or that it is happening now. */
export function hiddenText({ unit }: Circle, units: readonly ToldUnit[]): string {
  const state = units.find(({ name }) => name === unit)
  if (state?.active === 'activating') {
    const since = state.startedMicros === null ? '' : `, since ${isoMicros(state.startedMicros)}`
    return `It is happening now: ${unit} is activating (${state.sub})${since}.`
  }
  const shown = state === undefined ? 'active' : `${state.active} (${state.sub})`
  return (
    'The running host does not show it: the target of the wait is already up, so each later start ends ' +
    `at once, and systemctl shows ${shown}. A plain reboot may succeed too, because a swarm restores its services ` +
    'by itself; on a new host, or after a stack was removed or a network recreated, the boot hangs.'
  )
}

/** Where the last start itself shows it: it took long, and what it waited for began right after it had ended. */
export function historyText({ unit, steps }: Circle, units: readonly ToldUnit[]): readonly string[] {
  const state = units.find(({ name }) => name === unit)
  const started = state?.startedMicros ?? null
  const ends = [state?.activeMicros, state?.active === 'failed' ? state.inactiveMicros : null]
  const ended = ends.find(micros => typeof micros === 'number' && started !== null && micros >= started)
  if (state === undefined || started === null || typeof ended !== 'number') return []
  const took = ended - started
  const bound = steps[0]?.wait?.bound ?? null
  const ownEnd = bound !== null && bound >= 5 && took >= bound * 900_000
  // A start that takes long for its work takes a minute at most; what ends at a limit has waited for nothing.
  if (took < 60_000_000 && !ownEnd && state.result !== 'timeout') return []
  const began = units.filter(
    ({ name, startedMicros: start }) =>
      name !== unit &&
      steps.some(({ to }) => to === name) &&
      start !== null &&
      start >= ended &&
      start - ended < 5_000_000
  )
  if (began.length === 0) return []
  const names = began.map(({ name }) => name).join(', ')
  const why =
    state.result === 'timeout'
      ? ', until systemd stopped it (Result=timeout)'
      : ownEnd
        ? ', the time limit of its own loop'
        : ''
  return [
    `The host's history confirms it: the last start of ${unit} took ${duration(took)}${why}, and ${names} started right after it ended.`
  ]
}

/** How to break the circle. */
export function mendText({ unit, steps }: Circle): string {
  const [first] = steps
  if (first?.how === 'starts') {
    return `Start ${first.to} with \`systemctl start --no-block\`, or leave its start to the boot: it is already ordered after ${unit}.`
  }
  const gate =
    first?.wait?.target.kind === 'url'
      ? `check an endpoint that ${unit} starts itself (for a proxy: its own /ping)`
      : `wait only for what is up before ${unit}`
  return `Make ${unit} ${gate}, or move this wait to a separate unit, ordered after ${first?.to ?? 'what it checks'}.`
}

/** The lines that prove each edge, in the circle's order. */
export function proofOf(
  { steps }: Circle,
  units: readonly BootUnit[],
  files: ReadonlyMap<string, readonly UnitFile[]>
): readonly string[] {
  return steps.flatMap(({ how, from, to, proof }) => (how === 'ordered' ? [ordering(from, to)] : proof))

  function ordering(later: string, earlier: string) {
    const seen = line(later, 'After', earlier) ?? line(earlier, 'Before', later)
    return seen ?? `systemctl show ${later}: After=… ${earlier} …`
  }

  function line(unit: string, key: string, other: string) {
    const names = units.find(({ name }) => name === other)?.names ?? [other]
    const found = settingsOf(files.get(unit) ?? []).find(
      setting => setting.key === key && setting.value.split(/\s+/).some(word => names.includes(word))
    )
    return found === undefined ? undefined : `${found.path}:${found.line}: ${found.key}=${found.value}`
  }
}

/** Units that are ordered after each other in a circle, as one of edges. */
export function orderingCircle(names: readonly string[]): Circle {
  const [first = ''] = names
  const steps = names.map((from, at) => ({
    from,
    to: names[(at + 1) % names.length] ?? first,
    how: 'ordered' as const,
    what: '',
    proof: []
  }))
  return { unit: first, doubts: [], steps }
}

/** What is seen where nothing waits in a circle, and the lines that show it. */
export function quietText(
  { waits, suspected }: Pick<BootJudgement, 'waits' | 'suspected'>,
  seen: {
    /** Units of which more than the texts shows that they wait. */
    readonly waiting: readonly { readonly unit: string; readonly here: boolean }[]
    readonly delays: readonly string[]
    readonly units: number
    readonly own: number
    readonly files: number
  }
): { readonly saw: string; readonly shows: readonly string[] } {
  const resolved = waits.filter(({ providers }) => providers.length > 0)
  const doubtful = suspected.length === 0 ? '' : `; ${counted(suspected.length, 'suspected cycle')}`
  const size = (...units: readonly string[]) => new Set(units).size
  const waiting = size(...waits.map(({ unit }) => unit), ...seen.waiting.map(({ unit }) => unit))
  const here = size(
    ...resolved.map(({ unit }) => unit),
    ...seen.waiting.flatMap(({ unit, here }) => (here ? [unit] : []))
  )
  const own = `${seen.own} with ${seen.own === 1 ? 'its own start program' : 'their own start programs'}`
  const saw =
    (waiting === 0
      ? 'no unit waits during its start'
      : `${counted(waiting, 'unit waits during its start', 'units wait during their start')}, ${here === waiting ? '' : here === 0 ? 'none ' : `${here} of them `}for something this host provides`) +
    `; no cycle${doubtful} (${counted(seen.units, 'unit')}, ${own}, ${counted(seen.files, 'file')} read)`
  const shows = [
    ...seen.delays,
    ...resolved.map(
      ({ unit, wait: { run }, providers }) =>
        `${unit} waits (${run.file}:${run.command.line}) for ${providers.join(', ')}`
    ),
    ...suspected.map(circle => `suspected only: ${circleText(circle)} (${circle.doubts.join('; ')})`)
  ]
  return { saw, shows: shows.slice(0, 12) }
}
