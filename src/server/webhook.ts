import type { HttpRequest } from './http-server.ts'
import { header, type Route } from './router.ts'
import { verifyWebhook, verifyWebhookHead } from './webhook-signatures.ts'

export interface WebhookOptions {
  readonly secret: () => Promise<string>
  /** The branches whose pushes matter. */
  readonly branches: readonly string[]
  /** Says that there may be something. */
  notify(): void
  /** A delivery that is not believed, and why. */
  refused(why: string, peer: string): void
  now(): number
}

/**
 * A push event is a nudge and no more: it ends the watcher's sleep, and the watcher asks git as it always does.
 * Nothing that a delivery says is believed beyond that, so that a lost, doubled or forged one does no harm.
 */
export function webhookRoute(options: WebhookOptions): Route {
  return {
    method: 'POST',
    path: '/webhook',
    name: 'webhook',
    async admit(head) {
      const rejection = verifyWebhookHead(head)
      if (rejection === null) return null
      options.refused(rejection, head.peer)
      return { status: 401 }
    },
    async handle(request) {
      const rejection = verifyWebhook(request, await options.secret(), options.now())
      if (rejection !== null) {
        options.refused(rejection, request.peer)
        return { status: 401 }
      }
      if (!isPush(request) || isElsewhere(request, options.branches)) return { status: 204 }
      options.notify()
      return { status: 202 }
    }
  }
}

const events = ['x-forgejo-event', 'x-gitea-event', 'x-github-event', 'x-gitlab-event'] as const

function isPush(request: HttpRequest): boolean {
  const event = events.map(name => header(request, name)).find(value => value !== null)
  return event === 'push' || event === 'Push Hook'
}

/** Only a body that clearly names another branch: to look once too often costs nothing. */
function isElsewhere({ body }: HttpRequest, branches: readonly string[]): boolean {
  let payload: unknown
  try {
    payload = JSON.parse(Buffer.from(body).toString())
  } catch {
    // GitHub can send forms as well.
    return false
  }
  const ref = typeof payload === 'object' && payload !== null && 'ref' in payload ? payload.ref : undefined
  return typeof ref === 'string' && !branches.some(branch => ref === `refs/heads/${branch}`)
}
