import type { Pattern, Place } from '../facts/read-command.ts'
import { typed } from '../facts/read-command.ts'
import type { AnyProbe } from './probe.ts'

/** What a probe looks at, and what it needs for that. */
export interface Explained {
  /** On the host, as a person would type them; `<…>` is what the host's own answers fill in. */
  readonly commands: readonly string[]
  /** What it looks at beside the host. */
  readonly elsewhere: readonly string[]
  /** What the account, the repo or the history must have for it. */
  readonly needs: readonly string[]
}

/** Of the probe with its example, or with what it hunts with; null where it needs parameters and has no example. */
export function explained(probe: AnyProbe): Explained | null {
  const given = probe.example ?? probe.hunts?.with ?? {}
  if (!probe.params.safeParse(given).success) return null
  const sources = Object.values(probe.bind(given).needs)
  const commands = sources.flatMap(({ reads = [] }) => reads)
  const has = (program: string) => commands.some(([word]) => word === program)
  const at = (place: string) => sources.some(source => source.place === place)
  const elsewhere = [
    ...(at('web') ? ['GET of the URLs in the plan, from the machine of the reviewer'] : []),
    ...(at('repo') ? ["the watched repo at the claim's commit"] : []),
    ...(at('record') ? ["the signed reviews of the phase, and the orientation's evidence"] : []),
    ...(sources.some(({ key }) => key === 'host-clock')
      ? ["the host's clock, as the connection shows it"]
      : [])
  ]
  const needs = [
    ...(at('host') ? ['an SSH login with a known host key'] : []),
    ...(has('docker')
      ? ['an account with access to docker (group docker); for services: a swarm manager']
      : []),
    ...(has('journalctl') ? ["an account that may read the system's journal (systemd-journal or adm)"] : []),
    ...(has('systemctl') ? ['a systemd that supports --timestamp=us+utc'] : [])
  ]
  return { commands: [...new Set(commands.map(commandText))], elsewhere, needs }
}

function commandText(pattern: Pattern): string {
  return pattern.map(word).join(' ')
}

function word(place: Place): string {
  if (typeof place === 'string') return typed({ argv: [place] })
  const names = {
    ids: '<ids>',
    program: '<path>',
    path: '<path>',
    paths: '<paths>',
    pids: '<pids>',
    seconds: '<seconds>'
  } as const
  return place.placeholder === 'seconds' ? `${place.after}${names.seconds}` : names[place.placeholder]
}
