import type { HttpAnswer, HttpRequest } from '../doors/http-server.ts'

/**
 * One thing that the server answers. `adversary serve` is a list of these, and nothing else: whoever has
 * something to show adds a route to the list in `commands/serve.ts`.
 */
export interface Route {
  readonly method: 'GET' | 'POST'
  /** Exact; with a slash at its end also everything below it. */
  readonly path: string
  /** What it is, for the log: one word or two. */
  readonly name: string
  handle(request: HttpRequest, signal: AbortSignal): Promise<HttpAnswer> | HttpAnswer
}

/** Answers by the first route that fits: 404 for a path that nobody has, 405 for another method. */
export function router(
  routes: readonly Route[]
): (request: HttpRequest, signal: AbortSignal) => Promise<HttpAnswer> {
  return async (request, signal) => {
    const there = routes.filter(({ path }) =>
      path.endsWith('/') && path !== '/' ? request.path.startsWith(path) : request.path === path
    )
    // A HEAD is a GET whose body the server leaves out.
    const method = request.method === 'HEAD' ? 'GET' : request.method
    const route = there.find(each => each.method === method)
    if (route !== undefined) return route.handle(request, signal)
    if (there.length === 0) return { status: 404 }
    return { status: 405, headers: { allow: [...new Set(there.map(each => each.method))].join(', ') } }
  }
}

/** The one value of a header; null where there is none, or more than one. */
export function header({ headers }: Pick<HttpRequest, 'headers'>, name: string): string | null {
  const [first, second] = headers.filter(([each]) => each === name)
  return first === undefined || second !== undefined ? null : first[1]
}

export function has({ headers }: Pick<HttpRequest, 'headers'>, name: string): boolean {
  return headers.some(([each]) => each === name)
}

export function json(status: number, document: unknown): HttpAnswer {
  return { status, headers: { 'content-type': 'application/json' }, body: `${JSON.stringify(document)}\n` }
}
