import { matches, type Route, routesOf } from '../../systems/traefik/rule.ts'
import type { Target } from '../answer.ts'
import type { RehearsalFacts } from '../rehearsal-facts.ts'
import type { Docker } from './docker-model.ts'

/** What answers a URL, now. */
export interface Routes {
  /** `null`: it cannot be told, with the name of what would have to be known. */
  readonly ask: (url: UrlTarget) => RouteAnswer
}

export type UrlTarget = Extract<Target, { readonly kind: 'url' }>

export type RouteAnswer =
  | { readonly kind: 'refused' }
  | { readonly kind: 'status'; readonly status: number }
  /** Of another host, or by a rule that cannot be judged. */
  | { readonly kind: 'unknown'; readonly why: string }

export function createRoutes({ fault, host }: RehearsalFacts, docker: Docker): Routes {
  return {
    ask: url => {
      if (fault?.down?.includes(url.key) === true) return { kind: 'refused' }
      const proxy = docker.services().find(({ image }) => /(?:^|\/)traefik(?:[:@]|$)/.test(image))
      const own = host.addresses.includes(url.host) || url.host === 'localhost'
      const served = docker
        .everWanted()
        .some(({ labels, name }) => answers(routesOf(name, labels), url) === true)
      if (!own && !served) return { kind: 'unknown', why: `${url.host} is not served by this host` }
      if (proxy === undefined) return { kind: 'refused' }
      const now = docker.services().map(({ labels, name }) => answers(routesOf(name, labels), url))
      if (now.includes(true)) return { kind: 'status', status: 200 }
      if (now.includes(null))
        return { kind: 'unknown', why: `a router's rule for ${url.host} was not understood` }
      return { kind: 'status', status: 404 }
    }
  }
}

function answers(routes: readonly Route[], { host, path }: UrlTarget): boolean | null {
  const each = routes.map(({ rule }) => matches(rule, host, path))
  return each.includes(true) ? true : each.includes(null) ? null : false
}

/** A URL as a program names it; null where it is none. */
export function urlTarget(text: string): UrlTarget | null {
  const whole = /^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `http://${text}`
  if (!URL.canParse(whole)) return null
  const url = new URL(whole)
  const tls = url.protocol === 'https:'
  if (!tls && url.protocol !== 'http:') return null
  const path = url.pathname + url.search
  return {
    kind: 'url',
    key: `${url.protocol}//${url.host}${path}`,
    host: url.hostname,
    port: url.port === '' ? (tls ? 443 : 80) : Number(url.port),
    path,
    tls
  }
}
