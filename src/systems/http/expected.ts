import { globMatches } from '../../lib/text/glob.ts'
import type { RouteAnswer } from '../../facts/fact.ts'

/** What a plan expects of a route; what is left out may be anything. */
export interface Promised {
  readonly status?: number | undefined
  readonly version?: string | number | undefined
  readonly location?: string | undefined
  readonly contains?: string | readonly string[] | undefined
}

/** The same place, however it is written: `/login` and `https://ci.example.test/login`. Only `*` stands for anything. */
export function leadsTo(location: string | null, wanted: string, url: string): boolean {
  if (location === null) return false
  const forms = [location, ...(URL.canParse(location, url) ? [new URL(location, url).href] : [])]
  if (wanted.includes('*')) {
    return forms.some(form => globMatches(wanted.replaceAll(/[?[\\]/g, String.raw`\$&`), form))
  }
  return forms.includes(wanted) || (URL.canParse(wanted, url) && forms.includes(new URL(wanted, url).href))
}

/** What a route did, in a few words. */
export function answerText(answer: RouteAnswer): string {
  if (answer.kind !== 'answered') return `${kinds[answer.kind]} (${answer.detail})`
  return `HTTP/${answer.version} ${answer.status}${answer.location === null ? '' : `, Location ${answer.location}`}`
}

const kinds = {
  refused: 'connection refused',
  reset: 'connection reset',
  'tls-failure': 'a TLS failure',
  'not-http': 'an answer that is not HTTP',
  handshake: 'a TLS handshake'
} as const

/** The same of what it should do. */
export function promiseText(want: Promised): string {
  const version = want.version === undefined ? 'HTTP' : `HTTP/${want.version}`
  const status = want.status === undefined ? 'an answer' : String(want.status)
  return `${version} ${status}${want.location === undefined ? '' : `, Location ${want.location}`}${withTexts(want)}`
}

export function withTexts(want: Promised): string {
  return textsOf(want).length === 0 ? '' : ` with ${quoted(textsOf(want))} in its body`
}

export function textsOf({ contains }: Promised): readonly string[] {
  return typeof contains === 'string' ? [contains] : (contains ?? [])
}

export function quoted(list: readonly string[]): string {
  return list.map(text => `\`${text}\``).join(', ')
}
