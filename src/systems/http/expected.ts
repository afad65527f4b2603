import { globMatches } from '../../lib/text/glob.ts'
import type { RouteAnswer } from '../../facts/fact.ts'

/** What a plan promises of a route; what is left out may be anything. */
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
  refused: 'the connection refused',
  reset: 'the connection reset',
  'tls-failure': 'a TLS failure',
  'not-http': 'something that is not HTTP',
  handshake: 'a TLS handshake'
} as const

/** The same of what it should do. */
export function promiseText(wish: Promised): string {
  const version = wish.version === undefined ? 'HTTP' : `HTTP/${wish.version}`
  const status = wish.status === undefined ? 'an answer' : String(wish.status)
  return `${version} ${status}${wish.location === undefined ? '' : `, Location ${wish.location}`}${withTexts(wish)}`
}

export function withTexts(wish: Promised): string {
  return textsOf(wish).length === 0 ? '' : ` with ${quoted(textsOf(wish))} in its body`
}

export function textsOf({ contains }: Promised): readonly string[] {
  return typeof contains === 'string' ? [contains] : (contains ?? [])
}

export function quoted(list: readonly string[]): string {
  return list.map(text => `\`${text}\``).join(', ')
}
