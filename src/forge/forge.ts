import { trimmed } from '../lib/text/trim.ts'

/** Which forge keeps the watched repository, and where on it things are. Pure. */

export const forgeKinds = ['gitea', 'forgejo', 'github', 'gitlab'] as const

export type ForgeKind = (typeof forgeKinds)[number]

export interface Forge {
  readonly kind: ForgeKind
  /** Where people open it, without a slash at the end: `https://git.example.test`. */
  readonly url: string
  /** `owner/name`; at GitLab with every group. */
  readonly repo: string
}

/** What the address of a repository tells of its forge; null is what it does not tell. */
export interface ForgeGuess {
  readonly kind: ForgeKind | null
  readonly url: string | null
  readonly repo: string | null
}

const known: Readonly<Record<string, ForgeKind>> = {
  'github.com': 'github',
  'gitlab.com': 'gitlab',
  'gitea.com': 'gitea',
  'codeberg.org': 'forgejo'
}

/** `owner/name`, or more levels: what stands between the server and `.git`. */
export const repoPattern = /^[\w.-]{1,100}(?:\/[\w.-]{1,100}){1,20}$/

/** @param repoUrl as git clone takes it. */
export function guessForge(repoUrl: string): ForgeGuess {
  const place = placeOf(repoUrl)
  if (place === null) return { kind: null, url: null, repo: null }
  const kind = kindOf(place.host)
  const parts = place.path.split('/')
  // A forge may live below a path of its server, and only GitLab has repositories of more than two levels.
  const below = kind === 'gitlab' || place.origin === null ? [] : parts.slice(0, -2)
  const repo = parts.slice(below.length).join('/')
  // SSH may speak of a host by an alias, which no browser knows.
  const origin = place.origin ?? (place.host.includes('.') ? `https://${place.host}` : null)
  return {
    kind,
    url: origin === null ? null : [origin, ...below].join('/'),
    repo: repoPattern.test(repo) ? repo : null
  }
}

interface Place {
  readonly host: string
  /** Where the same server speaks HTTP; null: the address does not say. */
  readonly origin: string | null
  readonly path: string
}

function placeOf(repoUrl: string): Place | null {
  const bare = (path: string) => trimmed(path, '/').replace(/\.git$/, '')
  if (/^(?:https?|ssh):\/\//.test(repoUrl) && URL.canParse(repoUrl)) {
    const { protocol, host, hostname, pathname } = new URL(repoUrl)
    const origin = protocol === 'ssh:' ? null : `${protocol}//${host}`
    return { host: hostname, origin, path: bare(pathname) }
  }
  const scp = /^(?:[\w.-]+@)?(?<host>[\w.-]+):(?!\/\/)(?<path>.+)$/.exec(repoUrl)?.groups
  return scp === undefined ? null : { host: scp['host'] ?? '', origin: null, path: bare(scp['path'] ?? '') }
}

/** The name of a server often says what runs there: `gitea.example.test`. */
function kindOf(host: string): ForgeKind | null {
  const name = host.toLowerCase()
  const first = name.split('.')[0]
  return known[name] ?? forgeKinds.find(kind => kind === first) ?? null
}

/** Where its programs ask. GitHub has a server of its own for that, its enterprise edition a path. */
export function apiOf({ kind, url }: Forge): string {
  switch (kind) {
    case 'gitea':
    case 'forgejo':
      return `${url}/api/v1`
    case 'github':
      return url === 'https://github.com' ? 'https://api.github.com' : `${url}/api/v3`
    case 'gitlab':
      return `${url}/api/v4`
  }
}

/** The repository's path below the API. */
export function repoApiOf(forge: Forge): string {
  return forge.kind === 'gitlab'
    ? `${apiOf(forge)}/projects/${encodeURIComponent(forge.repo)}`
    : `${apiOf(forge)}/repos/${pathText(forge.repo)}`
}

/** What a request must carry so that the forge knows who asks. */
export function authorization(
  { kind }: Pick<Forge, 'kind'>,
  token: string
): Readonly<Record<string, string>> {
  switch (kind) {
    case 'gitea':
    case 'forgejo':
      return { authorization: `token ${token}` }
    case 'github':
      return { authorization: `Bearer ${token}`, 'x-github-api-version': '2022-11-28' }
    case 'gitlab':
      return { 'private-token': token }
  }
}

/** A line of a file at one commit, as a page for people: its source, since rendered Markdown has no lines. */
export function lineLink(forge: Forge, at: { commit: string; path: string; line: number }): string {
  const { url, repo } = forge
  const file = pathText(at.path)
  switch (forge.kind) {
    case 'gitea':
    case 'forgejo':
      return `${url}/${pathText(repo)}/src/commit/${at.commit}/${file}?display=source#L${at.line}`
    case 'github':
      return `${url}/${pathText(repo)}/blob/${at.commit}/${file}?plain=1#L${at.line}`
    case 'gitlab':
      return `${url}/${pathText(repo)}/-/blob/${at.commit}/${file}?plain=1#L${at.line}`
  }
}

/** Where the forge shows a commit: to this address its sha is added. Null where that cannot be told. */
export function commitsUrl({ kind, url, repo }: ForgeGuess): string | null {
  if (url === null || repo === null) return null
  return `${url}/${pathText(repo)}/${kind === 'gitlab' ? '-/commit' : 'commit'}/`
}

function pathText(path: string): string {
  return path.split('/').map(encodeURIComponent).join('/')
}
