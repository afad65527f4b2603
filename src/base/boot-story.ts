import type { Circle, Step } from './boot-graph.ts'

/** The circle in one line: `a → waits for X → b → is ordered after → a`. */
export function circleText({ unit, steps }: Circle): string {
  return [unit, ...steps.flatMap(step => [edge(step), step.to])].join(' → ')
}

function edge({ how, what }: Step): string {
  if (how === 'ordered') return 'starts only after'
  return how === 'starts' ? 'starts, and waits for it,' : `waits for ${what}, of`
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

/** The title of a finding: `a waits for X, which only b serves, ordered after it`. */
export function circleTitle({ unit, steps }: Circle): string {
  const [first, ...rest] = steps
  if (first === undefined) return `${shortName(unit)} waits for itself`
  const what = first.wait?.target.kind === 'url' ? first.wait.target.host : first.what
  if (first.to === unit) return `${shortName(unit)} waits for ${what}, which it brings up only later itself`
  const between = rest.slice(0, -1).map(({ to }) => shortName(to))
  const way =
    between.length === 0 ? 'ordered after it' : `which starts only after ${between.join(' and ')}, after it`
  return first.how === 'starts'
    ? `${shortName(unit)} starts ${shortName(first.to)} and waits for it, ${way}`
    : `${shortName(unit)} waits for ${what}, which only ${shortName(first.to)} serves, ${way}`
}

/** A length of time for people, from microseconds. */
export function duration(micros: number): string {
  const seconds = micros / 1_000_000
  if (seconds < 120) return `${Number(seconds.toFixed(1))} s`
  return `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`
}
