import * as z from 'zod'
import { forgeBounds } from '../lib/bounds.ts'
import { oneLine } from '../lib/text/clean.ts'
import type { Verdict } from '../lib/words.ts'
import { authorization, type Forge, type ForgeKind, repoApiOf } from './forge.ts'

/**
 * Commit statuses as the forges' API descriptions have them: what is sent, and what an answer means. Pure.
 *
 * Only these four states are ever posted. Newer Gitea counts `warning` and `skipped` as success, so that
 * neither may stand for anything that is not proven.
 */
export type StatusState = 'pending' | 'success' | 'failure' | 'error'

export const stateOf: Readonly<Record<Verdict, StatusState>> = {
  PASS: 'success',
  FAIL: 'failure',
  INCONCLUSIVE: 'error'
}

export interface Status {
  /** The whole sha of the claim's commit. */
  readonly sha: string
  /** `adversary/<phase>-<milestone>`. */
  readonly context: string
  readonly state: StatusState
  /** For people; is cut to what every forge takes. */
  readonly description: string
  /** Null while there is nothing to open. */
  readonly link: string | null
  /** The branch with the claim: GitLab wants to know. */
  readonly branch: string
}

export interface ForgeRequest {
  readonly method: 'GET' | 'POST'
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  /** JSON. */
  readonly body?: string
}

export interface ForgeAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | undefined>>
  readonly body: string
}

/** GitHub takes no more; the others do. */
const maxDescription = 140

/** GitLab has its own words. A verdict of ours is never `canceled` or `skipped`. */
const gitlabState = { pending: 'pending', success: 'success', failure: 'failed', error: 'failed' } as const

function wordOf(kind: ForgeKind, state: StatusState): string {
  return kind === 'gitlab' ? gitlabState[state] : state
}

export function contextOf(phase: string, milestone: string): string {
  return `adversary/${phase}-${milestone}`
}

/** The request that puts a status on its commit. */
export function postStatus(forge: Forge, token: string, status: Status): ForgeRequest {
  const { sha, context, link, branch } = status
  const description = oneLine(status.description, maxDescription)
  const state = wordOf(forge.kind, status.state)
  const target = link === null ? {} : { target_url: link }
  const body =
    forge.kind === 'gitlab'
      ? { state, name: context, ref: branch, description, ...target }
      : { state, context, description, ...target }
  return {
    method: 'POST',
    url: `${repoApiOf(forge)}/statuses/${sha}`,
    headers: { ...authorization(forge, token), 'content-type': 'application/json' },
    body: JSON.stringify(body)
  }
}

/** The request for what stands on a commit under one context. */
export function listStatuses(
  forge: Forge,
  token: string,
  { sha, context }: Pick<Status, 'sha' | 'context'>
): ForgeRequest {
  const repo = repoApiOf(forge)
  const url = {
    gitea: `${repo}/commits/${sha}/statuses?limit=50`,
    forgejo: `${repo}/commits/${sha}/statuses?limit=50`,
    github: `${repo}/commits/${sha}/statuses?per_page=100`,
    gitlab: `${repo}/repository/commits/${sha}/statuses?per_page=100&name=${encodeURIComponent(context)}`
  }[forge.kind]
  return { method: 'GET', url, headers: authorization(forge, token) }
}

/**
 * Gitea, Forgejo and GitLab call the state of one status `status`, in requests and on GitHub it is `state`; the
 * context is `name` at GitLab.
 */
const listed = z.array(
  z.object({
    id: z.number(),
    status: z.string().optional(),
    state: z.string().optional(),
    context: z.string().optional(),
    name: z.string().optional(),
    target_url: z.string().nullish()
  })
)

/** The newest status of this context, in the forge's words; null: there is none on the page that was asked for. */
export function readStatuses(
  answer: ForgeAnswer,
  context: string
): { readonly state: string; readonly link: string | null } | null {
  // Old Gitea answers an empty body where there are none.
  const all = listedIn(answer.body === '' ? '[]' : answer.body)
  const ours = all.filter(each => (each.context ?? each.name)?.toLowerCase() === context.toLowerCase())
  const newest = ours.sort((a, b) => b.id - a.id)[0]
  const state = newest?.status ?? newest?.state
  return newest === undefined || state === undefined ? null : { state, link: newest.target_url || null }
}

function listedIn(body: string): z.infer<typeof listed> {
  try {
    return listed.parse(JSON.parse(body))
  } catch (error) {
    // Neither a schema nor a piece of the body is a reason that a person can read.
    throw new Error('the forge returned no list of statuses', { cause: error })
  }
}

/** Whether what was read is what would be posted. */
export function stands(
  forge: Forge,
  status: Status,
  found: { readonly state: string; readonly link: string | null } | null
): boolean {
  return found !== null && found.state === wordOf(forge.kind, status.state) && found.link === status.link
}

export type Posted =
  | { readonly kind: 'posted' }
  /** Worth another try: `afterMs` is what the forge asks for, null where it does not say. */
  | { readonly kind: 'later'; readonly why: string; readonly afterMs: number | null }
  /** A permanent error. */
  | { readonly kind: 'refused'; readonly why: string }

/** What an answer to `postStatus` or `listStatuses` means. @param nowMs for a Retry-After that is a date. */
export function readAnswer(forge: Forge, state: StatusState, answer: ForgeAnswer, nowMs: number): Posted {
  const { status, headers } = answer
  if (status >= 200 && status < 300) return { kind: 'posted' }
  const detail = detailIn(answer)
  if (forge.kind === 'gitlab' && status === 400 && isAlreadySet(detail, state)) return { kind: 'posted' }
  const why = `HTTP ${status}${detail === '' ? '' : `: ${detail}`}`
  const afterMs = retryAfter(headers, nowMs)
  const limited =
    status === 429 || (status === 403 && (afterMs !== null || headers['x-ratelimit-remaining'] === '0'))
  if (limited || status >= 500 || status === 408) return { kind: 'later', why, afterMs }
  return { kind: 'refused', why }
}

/**
 * GitLab refuses to go from a state into the same: `Cannot transition status via :run from :running`. From
 * another state it is a refusal.
 */
function isAlreadySet(detail: string, state: StatusState): boolean {
  const from = /Cannot transition status via :\w+ from :(?<from>\w+)/.exec(detail)?.groups?.['from']
  return from !== undefined && from === gitlabState[state]
}

/** Seconds or a date, as RFC 9110 has it; for GitHub's own limit the second in which it ends. */
export function retryAfter(headers: ForgeAnswer['headers'], nowMs: number): number | null {
  const asked = headers['retry-after']?.trim()
  if (asked !== undefined && /^\d{1,9}$/.test(asked)) return Number(asked) * 1000
  const date = asked === undefined ? Number.NaN : Date.parse(asked)
  if (!Number.isNaN(date)) return Math.max(0, date - nowMs)
  const reset = headers['x-ratelimit-reset']?.trim()
  if (headers['x-ratelimit-remaining'] === '0' && reset !== undefined && /^\d{1,12}$/.test(reset)) {
    return Math.max(0, Number(reset) * 1000 - nowMs)
  }
  return null
}

/** The one sentence of an error's body; forges call it `message`, GitLab may make a list or an object of it. */
function detailIn({ body }: ForgeAnswer): string {
  try {
    const parsed = z.object({ message: z.unknown(), error: z.unknown() }).partial().parse(JSON.parse(body))
    return oneLine(wordsIn(parsed.message ?? parsed.error, 0), forgeBounds.quotedCharacters)
  } catch {
    // Not JSON: a proxy's page, which nobody wants to read in a log.
    return ''
  }
}

/** The words of a value, with the names of its keys; of what is nested deeper than the bound nothing. */
function wordsIn(value: unknown, depth: number): string {
  if (typeof value === 'string') return value
  if (typeof value !== 'object' || value === null || depth >= forgeBounds.depth) return ''
  const parts = Array.isArray(value)
    ? value.slice(0, forgeBounds.quotedParts).map(each => wordsIn(each, depth + 1))
    : Object.entries(value)
        .slice(0, forgeBounds.quotedParts)
        .map(([key, each]) => [key, wordsIn(each, depth + 1)].filter(text => text !== '').join(': '))
  return parts.filter(text => text !== '').join('; ')
}
