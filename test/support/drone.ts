import { createHash, createHmac } from 'node:crypto'

/** A request of Drone's validation extension, signed in the way of its Go client. */

export const droneSecret = 'drone-secret-for-tests'
const signed = ['accept', 'accept-encoding', 'content-type', 'date', 'digest'] as const

export interface DroneBuild {
  readonly event?: string
  readonly after: string
  readonly target?: string
  readonly deploy_to?: string
  readonly slug?: string
}

export function droneBody({ slug = 'ops/infra', ...build }: DroneBuild): string {
  const [namespace, name] = slug.split('/')
  return JSON.stringify({
    build: {
      id: 0,
      number: 0,
      event: 'promote',
      ref: 'refs/heads/main',
      target: 'main',
      debug: false,
      ...build
    },
    config: { data: 'kind: pipeline\n', kind: '' },
    repo: { id: 1, namespace, name, slug },
    token: { access: '', refresh: '' }
  })
}

/** The headers in the order in which Go writes them. */
export function droneHeaders(
  body: string,
  {
    secret = droneSecret,
    at = Date.now(),
    list = signed as readonly string[],
    algorithm = 'hmac-sha256'
  } = {}
): readonly (readonly [string, string])[] {
  const values: Readonly<Record<string, string>> = {
    accept: 'application/vnd.drone.validate.v1+json',
    'accept-encoding': 'identity',
    'content-type': 'application/json',
    date: new Date(at).toUTCString(),
    digest: `SHA-256=${createHash('sha256').update(body).digest('base64')}`
  }
  const lines = list.map(name => `${name}: ${values[name] ?? ''}`).join('\n')
  const hmac = createHmac(algorithm.replace('hmac-', ''), secret).update(lines).digest('base64')
  const signature = `keyId="hmac-key",algorithm="${algorithm}",signature="${hmac}",headers="${list.join(' ')}"`
  return [...Object.entries(values), ['signature', signature] as const]
}
