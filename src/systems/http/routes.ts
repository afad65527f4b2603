import { isIP } from 'node:net'
import * as z from 'zod'
import { messageOf } from '../../lib/errors.ts'
import {
  type FactSource,
  type FactContext,
  type RouteAnswer,
  type RouteRequest,
  Unseen
} from '../../facts/fact.ts'
import { routeEvidence } from './route-evidence.ts'
import { protocolOf } from './tls-ports.ts'

/** One URL to ask, and how. */
export interface RouteAsk {
  readonly url: string
  /** Whether the body is read as well. */
  readonly body: boolean
  /** Only its certificate is asked for, of a server that need not speak HTTP. */
  readonly only?: 'certificate'
  /** The address to ask, while name, SNI and certificate stay the URL's. */
  readonly address?: string
  /** File of the home whose CA is to be trusted instead of the system's. */
  readonly ca?: string
}

/** What came of one URL. That it could not be seen costs this URL alone, so it is part of the fact. */
export type RouteSeen =
  | { readonly url: string; readonly answer: RouteAnswer }
  | { readonly url: string; readonly answer: null; readonly why: string }

/** An address that can be asked: http or https, without a user or a password. */
export const urlParam = z
  .string()
  .max(2000)
  .refine(isRouteUrl, 'expected an http or https URL without a password, such as https://ci.example.test/')

export const addressParam = z
  .string()
  .refine(text => isIP(text) !== 0, 'expected an IP address, such as 198.51.100.2')

/** A body is searched, not archived: this much of it. Bytes. */
const bodyCap = 64 * 1024

/** All URLs, asked side by side with GET: many servers answer HEAD in another way than what a visitor gets. */
export function routes(asks: readonly RouteAsk[]): FactSource<readonly RouteSeen[]> {
  return {
    key: `routes ${JSON.stringify(asks)}`,
    place: 'web',
    async take(look) {
      const files = [...new Set(asks.flatMap(({ ca }) => ca ?? []))]
      // Read before anything is asked, so that the reads are numbered in the order of the plan.
      const authorities = new Map(
        await Promise.all(files.map(async path => [path, await workspaceFile(look, path)] as const))
      )
      return Promise.all(asks.map(ask => seen(look, ask, authorities)))
    }
  }
}

type HomeFile = { readonly text: string } | { readonly why: string }

async function workspaceFile(look: FactContext, path: string): Promise<HomeFile> {
  try {
    return { text: await look.home(path) }
  } catch (error) {
    if (error instanceof Unseen) return { why: messageOf(error) }
    throw error
  }
}

async function seen(
  look: FactContext,
  { url, body, only, address, ca: path }: RouteAsk,
  authorities: ReadonlyMap<string, HomeFile>
): Promise<RouteSeen> {
  const ca = path === undefined ? undefined : authorities.get(path)
  if (ca !== undefined && 'why' in ca) return { url, answer: null, why: ca.why }
  try {
    const request: RouteRequest = {
      url,
      ...(only === 'certificate'
        ? { method: 'TLS', startTls: protocolOf(Number(new URL(url).port || '443')) }
        : { method: 'GET' }),
      deadlineMs: 10_000,
      capBytes: body ? bodyCap : 0,
      ...(address === undefined ? {} : { address }),
      ...(ca === undefined ? {} : { ca: ca.text })
    }
    return { url, answer: await look.fetch(request, routeEvidence(request)) }
  } catch (error) {
    if (error instanceof Unseen) return { url, answer: null, why: messageOf(error) }
    throw error
  }
}

function isRouteUrl(text: string): boolean {
  if (!URL.canParse(text)) return false
  const { protocol, username, password } = new URL(text)
  return (protocol === 'https:' || protocol === 'http:') && username === '' && password === ''
}
