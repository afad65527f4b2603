import { httpBounds } from '../lib/bounds.ts'
import type { Admission, HttpAnswer, HttpHead, HttpRequest } from './http-server.ts'

/**
 * One thing that the server answers. `adversary serve` is a list of these, and nothing else: whoever has
 * something to show adds a route to the list in `commands/serve.ts`.
 */
export interface Route {
  readonly method: 'GET' | 'POST'
  /** Exact; with a slash at its end also everything below it. */
  readonly path: string
  /** What it is, for the log: one word or two. Routes of one name share an allowance. */
  readonly name: string
  /** As many requests as come are answered: the answer is no more work than a refusal. */
  readonly unlimited?: true
  /** By its head, before any of its body is read: null, or how it is refused. */
  admit?(head: HttpHead): Promise<HttpAnswer | null>
  handle(request: HttpRequest, signal: AbortSignal): Promise<HttpAnswer> | HttpAnswer
}

/** Decides by the first route that fits: 404 for a path that no route has, 405 for another method. */
export function router(routes: readonly Route[]): (head: HttpHead) => Promise<Admission> {
  return async head => {
    const there = routes.filter(({ path }) =>
      path.endsWith('/') && path !== '/' ? head.path.startsWith(path) : head.path === path
    )
    // A HEAD is a GET whose body the server leaves out.
    const method = head.method === 'HEAD' ? 'GET' : head.method
    const route = there.find(each => each.method === method)
    if (route === undefined) {
      const allow = [...new Set(there.map(each => each.method))].join(', ')
      const answer = there.length === 0 ? { status: 404 } : { status: 405, headers: { allow } }
      return { kind: 'refused', answer }
    }
    const refusal = (await route.admit?.(head)) ?? null
    if (refusal !== null) return { kind: 'refused', answer: refusal }
    return {
      kind: 'admitted',
      lane: route.name,
      unlimited: route.unlimited === true,
      bodyBytes: route.method === 'POST' ? httpBounds.bodyBytes : 0,
      handle: (request, signal) => route.handle(request, signal)
    }
  }
}

/** The one value of a header; null where there is none, or more than one. */
export function header({ headers }: Pick<HttpHead, 'headers'>, name: string): string | null {
  const [first, second] = headers.filter(([each]) => each === name)
  return first === undefined || second !== undefined ? null : first[1]
}

export function has({ headers }: Pick<HttpHead, 'headers'>, name: string): boolean {
  return headers.some(([each]) => each === name)
}

export function json(status: number, document: unknown): HttpAnswer {
  return { status, headers: { 'content-type': 'application/json' }, body: `${JSON.stringify(document)}\n` }
}
