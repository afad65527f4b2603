import { readFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server } from 'node:http'
import { join, resolve } from 'node:path'
import { Ajv, type ValidateFunction } from 'ajv'
import type { ForgeKind } from '../../src/forge/forge.ts'

/**
 * A forge on loopback, as far as commit statuses go. What it takes and what it answers are both checked with the
 * excerpts of the forges' API descriptions in `test/forge/api`; what does not fit is a complaint, and 400.
 */
export interface ForgeServer {
  readonly kind: ForgeKind
  readonly url: string
  /** As `adversary.yaml` has it, less the token. */
  readonly config: string
  /** What was posted and taken, oldest first. */
  readonly posts: readonly PostedStatus[]
  /** Every request, `POST /api/v1/…`. */
  readonly requests: readonly string[]
  /** What did not fit the description; must be empty. */
  readonly complaints: readonly string[]
  /** The newest state of a context on a commit, in our words' plain reading; undefined: none. */
  state(sha: string, context: string): string | undefined
  /** The next answers, instead of the usual one. A function may hold it back. */
  readonly next: Planned[]
  close(): Promise<void>
}

export interface PostedStatus {
  readonly sha: string
  readonly context: string
  readonly state: string
  readonly description: string
  readonly link: string | null
}

export interface Planned {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
  /** Takes the status all the same: an answer that got lost. */
  readonly taken?: boolean
}

interface Stored extends PostedStatus {
  readonly id: number
}

export const forgeToken = 'forge-token-for-tests'
export const forgeRepo = 'ops/infra'

const ajv = new Ajv({ strict: false, validateFormats: false, allErrors: true })
const excerpts = resolve(import.meta.dirname, '../forge/api')

interface Description {
  readonly request: ValidateFunction
  readonly status: ValidateFunction
}

function described(kind: ForgeKind): Description {
  const name = kind === 'forgejo' ? 'gitea' : kind
  const { definitions } = JSON.parse(readFileSync(join(excerpts, `${name}.json`), 'utf8'))
  return {
    // A key that the forge does not know would be dropped in silence.
    request: ajv.compile({
      ...(definitions.request ?? definitions.CreateStatusOption),
      additionalProperties: false
    }),
    status: ajv.compile({ ...(definitions.status ?? definitions.CommitStatus), additionalProperties: false })
  }
}

export async function startForge(
  kind: ForgeKind,
  options: {
    readonly access?: 'write' | 'read'
    readonly server?: (listener: Parameters<typeof createServer>[1]) => Server
  } = {}
): Promise<ForgeServer> {
  const { request: requestFits, status: statusFits } = described(kind)
  const stored: Stored[] = []
  const requests: string[] = []
  const complaints: string[] = []
  const next: Planned[] = []
  const api = { gitea: '/api/v1', forgejo: '/api/v1', github: '/api/v3', gitlab: '/api/v4' }[kind]
  const repo =
    kind === 'gitlab' ? `${api}/projects/${encodeURIComponent(forgeRepo)}` : `${api}/repos/${forgeRepo}`
  const commits = kind === 'gitlab' ? `${repo}/repository/commits` : `${repo}/commits`
  let url = ''

  /** One status as this kind of forge shows it. */
  function shown({ id, sha, context, state, description, link }: Stored): object {
    const at = '2026-06-13T05:33:07Z'
    const common = {
      id,
      description,
      target_url: link ?? (kind === 'github' || kind === 'gitlab' ? null : '')
    }
    if (kind === 'gitlab') {
      return {
        ...common,
        sha,
        ref: 'main',
        status: state,
        name: context,
        created_at: at,
        allow_failure: false,
        author: { id: 1 }
      }
    }
    const dated = { ...common, url: `${url}${repo}/statuses/${sha}`, context, created_at: at, updated_at: at }
    return kind === 'github'
      ? {
          ...dated,
          state,
          avatar_url: null,
          node_id: 'MDY6U3RhdHVz',
          creator: { login: 'adversary-bot', id: 1 }
        }
      : { ...dated, status: state, creator: { login: 'adversary-bot', id: 1 } }
  }

  function checkedAnswer(one: Stored): object {
    const answer = shown(one)
    if (!statusFits(answer)) complaints.push(`answer: ${ajv.errorsText(statusFits.errors)}`)
    return answer
  }

  function mayAsk({ headers }: IncomingMessage): boolean {
    if (kind === 'gitlab') return headers['private-token'] === forgeToken
    const word = kind === 'github' ? 'Bearer' : 'token'
    if (kind === 'github' && headers['x-github-api-version'] !== '2022-11-28')
      complaints.push('no API version')
    return headers.authorization === `${word} ${forgeToken}`
  }

  function take(sha: string, body: string): { readonly status: number; readonly body: object } {
    let parsed: unknown
    try {
      parsed = JSON.parse(body)
    } catch {
      complaints.push(`no JSON: ${body.slice(0, 100)}`)
      return { status: 400, body: { message: 'no JSON' } }
    }
    if (!requestFits(parsed)) {
      complaints.push(`request: ${ajv.errorsText(requestFits.errors)}`)
      return { status: 400, body: { message: 'invalid' } }
    }
    const given = parsed as Readonly<Record<string, string | undefined>>
    if (!/^[0-9a-f]{40}$/.test(sha)) complaints.push(`not a whole sha: ${sha}`)
    const context = given['context'] ?? given['name'] ?? 'default'
    const state = given['state'] ?? ''
    const description = given['description'] ?? ''
    // GitHub's own limit, which its description does not tell.
    if (kind === 'github' && description.length > 140)
      return { status: 422, body: { message: 'Validation Failed' } }
    const link = given['target_url'] ?? null
    const before = newest(sha, context)
    if (kind === 'gitlab' && before?.state === state) {
      const via = { pending: 'enqueue', success: 'success', failed: 'drop' }[state] ?? 'run'
      return {
        status: 400,
        body: {
          message: `Cannot transition status via :${via} from :${state} (Reason(s): Status cannot transition via "${via}")`
        }
      }
    }
    const one = { id: stored.length + 1, sha, context, state, description, link }
    stored.push(one)
    return { status: 201, body: checkedAnswer(one) }
  }

  function newest(sha: string, context: string): Stored | undefined {
    return stored.findLast(each => each.sha === sha && each.context === context)
  }

  function answer(
    request: IncomingMessage,
    body: string
  ): { readonly status: number; readonly body: object } {
    const path = new URL(request.url ?? '/', 'http://x').pathname
    if (!mayAsk(request)) return { status: 401, body: { message: 'token is required' } }
    if (request.method === 'POST' && path.startsWith(`${repo}/statuses/`)) {
      if (options.access === 'read') return { status: 403, body: { message: 'write access is required' } }
      return take(path.slice(`${repo}/statuses/`.length), body)
    }
    const listed = /^\/(?<sha>[0-9a-f]{40})\/statuses$/.exec(
      path.startsWith(commits) ? path.slice(commits.length) : ''
    )
    if (request.method === 'GET' && listed !== null) {
      const sha = listed.groups?.['sha']
      // Newest first, every one that was ever posted.
      const all = stored.filter(each => each.sha === sha).reverse()
      return { status: 200, body: all.map(checkedAnswer) }
    }
    if (request.method === 'GET' && path === repo)
      return { status: 200, body: repository(kind, options.access ?? 'write') }
    return { status: 404, body: { message: 'Not Found' } }
  }

  const make = options.server ?? (listener => createServer(listener))
  const server = make((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      requests.push(`${request.method} ${request.url}`)
      const planned = next.shift()
      const body = Buffer.concat(chunks).toString()
      const usual = planned === undefined || planned.taken === true ? answer(request, body) : null
      response.writeHead(planned?.status ?? usual?.status ?? 500, {
        'content-type': 'application/json',
        ...planned?.headers
      })
      response.end(planned === undefined ? JSON.stringify(usual?.body) : (planned.body ?? ''))
    })
  })
  await new Promise<void>(done => server.listen(0, '127.0.0.1', done))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  url = `${options.server === undefined ? 'http' : 'https'}://127.0.0.1:${address.port}`
  return {
    kind,
    url,
    config: `kind: ${kind}, url: "${url}", repo: ${forgeRepo}`,
    requests,
    complaints,
    next,
    get posts() {
      return stored.map(({ id: _, ...post }) => post)
    },
    state: (sha, context) => newest(sha, context)?.state,
    async close() {
      server.closeAllConnections()
      await new Promise<void>(done => server.close(() => done()))
    }
  }
}

/** What `GET` of the repository tells of the token's account. */
function repository(kind: ForgeKind, access: 'write' | 'read'): object {
  return kind === 'gitlab'
    ? {
        id: 1,
        path_with_namespace: forgeRepo,
        permissions: { project_access: { access_level: access === 'write' ? 30 : 20 }, group_access: null }
      }
    : { id: 1, full_name: forgeRepo, permissions: { admin: false, push: access === 'write', pull: true } }
}
