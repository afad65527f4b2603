import { RE2JS } from 're2js'
import { type Match, matches, type Route, routesOf } from '../../systems/traefik/rule.ts'
import type { Target, UnitEnd } from '../answer.ts'
import type { Choices } from '../choices.ts'
import type { RehearsalFacts } from '../rehearsal-facts.ts'
import type { Docker, PortAnswer, Running } from './docker-model.ts'

/** What answers a URL or a port, now. */
export interface Network {
  readonly ask: (url: UrlTarget, request: HttpRequest) => HttpAnswer
  readonly connect: (host: string, port: number) => PortAnswer
  /** Whether a name or address is one of this host. */
  readonly isOwn: (host: string) => boolean
}

export interface HttpRequest {
  /** In lower case. */
  readonly headers: Readonly<Record<string, string>>
  readonly method: string
}

export type UrlTarget = Extract<Target, { readonly kind: 'url' }>

export type HttpAnswer = PortAnswer & {
  /** 0: there was no answer. */
  readonly status: number
}

/** How far the units of the boot are. */
export interface UnitStates {
  readonly state: (name: string) => UnitEnd | null
  readonly isKnown: (name: string) => boolean
}

/** By its image: a proxy that finds its routes by the labels of others. */
const proxyImage = /(?:^|\/)traefik(?:[:@]|$)/

export function createNetwork(
  { docker: live, fault, host }: RehearsalFacts,
  docker: Docker,
  choices: Choices,
  systemd: () => UnitStates
): Network {
  const ownNames = new Set([
    host.hostname,
    ...host.addresses,
    'localhost',
    '0.0.0.0',
    '::',
    'host.docker.internal'
  ])
  const isAddress = (name: string) =>
    host.addresses.includes(name) || /^127\.|^::1$/.test(name) || name === '0.0.0.0' || name === '::'
  const labelled = () => [...docker.everWanted(), ...docker.running()]

  function isOwn(name: string): boolean {
    const bare = name.toLowerCase().replace(/^\[|\]$/g, '')
    return ownNames.has(bare) || isAddress(bare) || bare.endsWith('.localhost')
  }

  function isDown(url: string, port: string): boolean {
    return fault?.down?.some(down => down === url || down === port || url === `${down}/`) === true
  }

  /** Who publishes a port, now. */
  const publisher = (port: number): Running | undefined =>
    docker.running().find(({ ports }) => ports.some(one => one.protocol === 'tcp' && one.port === port))

  const isProxy = (one: { readonly image: string; readonly name: string }) =>
    proxyImage.test(one.image) ||
    live.services.some(({ name, image }) => name === one.name && proxyImage.test(image))

  /** Whose ports are the ones at which routes are asked for. */
  function proxies(): readonly Running[] {
    const front = docker
      .running()
      .filter(one => isProxy(one) || one.ports.some(({ port }) => port === 443 || port === 80))
    const real = front.filter(isProxy)
    return real.length > 0 ? real : front
  }

  function proxyIsKnown(): boolean {
    return [...docker.everWanted(), ...docker.running()].some(
      one => isProxy(one) || one.ports.some(({ port }) => port === 443 || port === 80)
    )
  }

  function connect(name: string, port: number): PortAnswer {
    const key = `${name}:${port}`
    if (isDown('', key)) return { open: false, by: null, unknown: null }
    if (!isOwn(name)) return routedPort(name, port) ?? foreign(name)
    const by = publisher(port)
    if (by !== undefined) return { open: true, by: by.unit, unknown: null }
    const daemon = daemonAt(port)
    if (daemon !== null) return daemon
    if (port === 443 || port === 80) {
      const [proxy] = proxies()
      if (proxy !== undefined && isProxy(proxy)) return { open: true, by: proxy.unit, unknown: null }
      if (proxyIsKnown()) return { open: false, by: null, unknown: null }
    }
    const published = [...docker.everWanted(), ...live.containers].some(({ ports }) =>
      ports.some(one => one.protocol === 'tcp' && one.port === port)
    )
    if (published) return { open: false, by: null, unknown: null }
    return docker.unclear(`port ${port}`, `nothing that was read opens port ${port} of this host`)
  }

  /** A daemon of a unit that listens there now: it will do so again once that unit runs. */
  function daemonAt(port: number): PortAnswer | null {
    const listener = host.listeners.find(one => one.protocol === 'tcp' && one.port === port)
    const unit = listener?.owner?.split('/').findLast(part => part.endsWith('.service'))
    if (unit === undefined || /^(?:docker|containerd|podman)\.service$/.test(unit)) return null
    const state = systemd().state(unit)
    if (state === null) return systemd().isKnown(unit) ? { open: false, by: null, unknown: null } : null
    const open = state.state === 'active' || (state.state === 'starting' && state.began !== null)
    return { open, by: open ? unit : null, unknown: null }
  }

  /** The name of a route, at a port that its proxy has. */
  function routedPort(name: string, port: number): PortAnswer | null {
    if (!isServed(name)) return null
    if (port !== 443 && port !== 80) return connect('127.0.0.1', port)
    const [proxy] = proxies()
    if (proxy !== undefined) return { open: true, by: proxy.unit, unknown: null }
    if (proxyIsKnown()) return { open: false, by: null, unknown: null }
    return docker.unclear(`a proxy at port ${port}`, 'no proxy was found')
  }

  function isServed(name: string): boolean {
    return labelled().some(({ labels, name: service }) =>
      routesOf(service, labels).some(({ rule }) => matches(rule, name, null, hostOnly(name)) !== false)
    )
  }

  function foreign(name: string): PortAnswer {
    const open = choices.choose(`${name} answers`, 2) === 0
    return {
      open,
      by: null,
      unknown: { name, why: 'it is not of this host, and may answer or not' }
    }
  }

  function ask(url: UrlTarget, request: HttpRequest): HttpAnswer {
    const port = `${url.host}:${url.port}`
    if (isDown(url.key, port)) return { open: false, status: 0, by: null, unknown: null }
    const host = (request.headers['host'] ?? url.host).replace(/:\d+$/, '')
    const direct = isOwn(url.host) && url.port !== 443 && url.port !== 80 ? connect(url.host, url.port) : null
    if (direct !== null && (!direct.open || publisher(url.port) === undefined))
      return { ...direct, status: direct.open ? 200 : 0 }
    const front = direct === null ? null : publisher(url.port)
    if (front !== undefined && front !== null && !isProxy(front))
      return { open: true, status: 200, by: front.unit, unknown: null }
    if (!isOwn(url.host) && !isServed(host)) {
      const answer = foreign(url.host)
      return { ...answer, status: answer.open ? 200 : 0 }
    }
    return routed(url, host, request)
  }

  function routed(url: UrlTarget, host: string, request: HttpRequest): HttpAnswer {
    const gate = isOwn(url.host) ? connect(url.host, url.port) : routedPort(url.host, url.port)
    if (gate === null || !gate.open) {
      // Whoever has the port, the route itself is not there either.
      const unknown = gate?.unknown ?? null
      const found = serverOf(url, host, request)
      if (unknown !== null && found.kind === 'served')
        return { open: true, status: 200, by: found.by, unknown: null }
      return { open: false, status: 0, by: null, unknown }
    }
    const [proxy] = proxies()
    const here = publisher(url.port)
    if (here !== undefined && !isProxy(here) && proxy === undefined)
      return { open: true, status: 200, by: here.unit, unknown: null }
    const found = serverOf(url, host, request)
    if (found.kind === 'served')
      return { open: true, status: 200, by: later(found.by, proxy?.unit ?? null), unknown: null }
    if (found.kind === 'redirected') return { open: true, status: 301, by: found.by, unknown: null }
    if (found.kind === 'unsure') {
      const name = `the router ${found.router}`
      const served = choices.choose(`${name} takes it`, 2) === 0
      return {
        open: true,
        status: served ? 200 : 404,
        by: found.by,
        unknown: { name, why: 'its rule was not understood' }
      }
    }
    return { open: true, status: 404, by: proxy?.unit ?? gate.by, unknown: null }
  }

  /** Of two units, the one whose part came later. */
  function later(one: string | null, other: string | null): string | null {
    if (one === null || other === null) return one ?? other
    const began = (unit: string) => systemd().state(unit)?.began ?? 0
    return began(other) > began(one) ? other : one
  }

  type Server =
    | { readonly kind: 'served' | 'redirected'; readonly by: string }
    | { readonly kind: 'unsure'; readonly by: string; readonly router: string }
    | { readonly kind: 'none' }

  function serverOf(url: UrlTarget, host: string, request: HttpRequest): Server {
    const running = docker.running()
    const routers = running
      .filter(({ labels }) => !/^false$/i.test(valueOf(labels, 'traefik.enable') ?? ''))
      .flatMap(one => routesOf(one.name, lowered(one.labels)).map(route => ({ route, one })))
      .sort((a, b) => b.route.priority - a.route.priority)
    let redirected: string | null = null
    for (const { route, one } of routers) {
      const entry = fitsEntry(lowered(one.labels), route.router, url.tls)
      const match = matches(route.rule, host, url.path.replace(/\?.*/s, ''), (matcher, values) =>
        more(matcher, values, host, url, request)
      )
      if (match === false) continue
      const server = serviceOf(route, one, running)
      if (server === null) continue
      if (match === null) {
        if (entry) return { kind: 'unsure', by: one.unit, router: route.router }
        continue
      }
      if (entry) return { kind: 'served', by: server }
      if (!url.tls) redirected ??= server
    }
    return redirected === null ? { kind: 'none' } : { kind: 'redirected', by: redirected }
  }

  /** The unit that brought up what a router leads to; null where that is not up. */
  function serviceOf(route: Route, one: Running, running: readonly Running[]): string | null {
    const [name = '', provider = ''] = (route.target ?? '').split('@')
    if (name === '' || provider === 'internal' || provider === 'file') return one.unit
    const key = new RegExp(`^traefik\\.http\\.services\\.${escaped(name)}\\.`, 'i')
    const has = ({ labels }: { readonly labels: Readonly<Record<string, string>> }) =>
      Object.keys(labels).some(label => key.test(label))
    const server = running.find(has)
    if (server !== undefined) return later(server.unit, one.unit)
    // Without its own labels, Traefik names a service after its container or swarm service.
    const named = running.find(each => each.name.replaceAll('_', '-') === name.replaceAll('_', '-'))
    if (named !== undefined) return later(named.unit, one.unit)
    return labelled().some(has) ? null : one.unit
  }

  return { ask, connect, isOwn }
}

function valueOf(labels: Readonly<Record<string, string>>, key: string): string | undefined {
  return lowered(labels)[key]
}

/** Traefik does not tell upper from lower case in the keys of labels. */
function lowered(labels: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(labels).map(([key, value]) => [key.toLowerCase(), value]))
}

/** Whether a router listens where the request comes in; the names of entry points are those of Traefik's manual. */
function fitsEntry(labels: Readonly<Record<string, string>>, router: string, tls: boolean): boolean {
  const points = (labels[`traefik.http.routers.${router}.entrypoints`] ?? '')
    .split(',')
    .map(point => point.trim().toLowerCase())
    .filter(Boolean)
  if (points.length === 0) return true
  return points.some(point => {
    if (/^(?:web|http|insecure|port80)$/.test(point)) return !tls
    if (/^(?:websecure|web-secure|https|secure|port443)$/.test(point)) return tls
    return true
  })
}

function hostOnly(host: string): (matcher: string, values: readonly string[]) => Match {
  return (matcher, values) => (/^hostregexp$/.test(matcher) ? byRegExp(values, host) : null)
}

function more(
  matcher: string,
  values: readonly string[],
  host: string,
  url: UrlTarget,
  request: HttpRequest
): Match {
  if (matcher === 'hostregexp') return byRegExp(values, host)
  if (matcher === 'pathregexp') return byRegExp(values, url.path.replace(/\?.*/s, ''))
  if (matcher === 'method') return values.some(value => value.toUpperCase() === request.method)
  if (matcher === 'path' || matcher === 'pathprefix') {
    const path = url.path.replace(/\?.*/s, '')
    return byRegExp(
      values.map(value => (matcher === 'path' ? `^${value}$` : `^${value}`)),
      path
    )
  }
  if (/^headers?$/.test(matcher)) return request.headers[(values[0] ?? '').toLowerCase()] === values[1]
  if (/^headers?regexp$/.test(matcher)) {
    const value = request.headers[(values[0] ?? '').toLowerCase()]
    return value === undefined ? false : byRegExp(values.slice(1), value)
  }
  if (matcher === 'query') {
    const query = new URLSearchParams(url.path.replace(/^[^?]*/s, ''))
    const [name = '', value] = values.length > 1 ? values : (values[0] ?? '').split('=')
    return value === undefined ? query.has(name) : query.get(name) === value
  }
  return null
}

/** `{name:pattern}` of Traefik 2 becomes the pattern. */
function byRegExp(values: readonly string[], text: string): Match {
  const each = values.map((value): Match => {
    const pattern = /^[^{]*\{\w*:?/.test(value) && /\{[A-Za-z_]/.test(value) ? versionTwo(value) : value
    try {
      return RE2JS.compile(pattern, RE2JS.CASE_INSENSITIVE).matcher(text).find()
    } catch {
      return null
    }
  })
  return each.includes(true) ? true : each.includes(null) ? null : false
}

function versionTwo(value: string): string {
  const pattern = value
    .split(/(\{[^{}]*(?:\{[^{}]*\}[^{}]*)*\})/)
    .map(part => {
      if (!part.startsWith('{')) return part.startsWith('^') || part.endsWith('$') ? part : escaped(part)
      const [, own] = /^\{[^:]*:(.*)\}$/s.exec(part) ?? []
      return own === undefined ? '[^.]+' : `(?:${own})`
    })
    .join('')
  return `^${pattern.replace(/^\^|\$$/g, '')}$`
}

function escaped(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')
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
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: url.port === '' ? (tls ? 443 : 80) : Number(url.port),
    path,
    tls
  }
}
