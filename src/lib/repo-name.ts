/**
 * A name for a repo that all spellings of its address share: host and path, without scheme, user, port and `.git`,
 * in lower case. `//git.example.test/ops/infra` for `ssh://git@git.example.test:2222/Ops/infra.git`, for
 * `https://git.example.test/ops/infra` and for `git@git.example.test:ops/infra.git`. The slashes in front tell the host
 * from a folder or group of that name.
 *
 * `ops/infra`, the path alone, for `/ops/infra`, for `ops/infra` and for `alias:ops/infra.git`: a host without a dot in
 * its name is another one on each machine. Null where the address has no path.
 */
export function repoName(url: string): string | null {
  const { host, path } = parts(url)
  if (path === '') return null
  return host === null ? path : `//${host}/${path}`
}

/** The path alone of such a name: what is in front of it may be a server's, or the way to it. */
export function repoPath(url: string): string | null {
  const { path } = parts(url)
  return path === '' ? null : path
}

interface Parts {
  /** Null: the address names none that is the same everywhere. */
  readonly host: string | null
  readonly path: string
}

function parts(url: string): Parts {
  const { host, path } = split(url)
  return { host: hostOf(host), path: plain(path) }
}

function plain(path: string): string {
  return path
    .normalize('NFKC')
    .toLowerCase()
    .normalize('NFKC')
    .replace(/[^\p{L}\p{M}\p{N}_.~+/-]/gu, '-')
    .split('/')
    .map(withoutSuffix)
    .filter(part => part !== '' && part !== '.')
    .join('/')
}

function withoutSuffix(part: string): string {
  let end = part.length
  while (part.endsWith('.git', end)) end -= '.git'.length
  return part.slice(0, end)
}

/** An address in the forms that git takes, and such a name itself. */
function split(url: string): { readonly host: string; readonly path: string } {
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(url)) {
    if (!URL.canParse(url)) return { host: '', path: '' }
    const { protocol, hostname, pathname } = new URL(url)
    return { host: protocol === 'file:' ? '' : hostname, path: decoded(pathname) }
  }
  const named = /^\/\/(?<host>[^/]+)(?<path>\/.*)$/s.exec(url)?.groups
  if (named !== undefined && hostOf(named['host'] ?? '') !== null)
    return { host: named['host'] ?? '', path: named['path'] ?? '' }
  // `user@host:path`; in brackets `[user@host:port]:path`, or an IPv6 address.
  const scp = /^(?<login>[^/:[]*\[[^/\]]*\]|[^/:]+):(?<path>.*)$/s.exec(url)?.groups
  if (scp === undefined) return { host: '', path: url }
  const login = scp['login'] ?? ''
  const inner = login.endsWith(']') ? login.slice(login.indexOf('[') + 1, -1) : login
  const host = inner.slice(inner.lastIndexOf('@') + 1)
  const isAddress = host.split(':').length > 2
  return { host: isAddress ? host : host.replace(/:\d{1,5}$/, ''), path: scp['path'] ?? '' }
}

/** As names and addresses of hosts are compared; null for none, and for a name without a dot. */
function hostOf(host: string): string | null {
  if (!/[.:]/.test(host)) return null
  const bare = host.startsWith('[') ? host : host.includes(':') ? `[${host}]` : host
  const url = `https://${bare.endsWith('.') ? bare.slice(0, -1) : bare}/`
  if (/[/?#@\\]/.test(bare) || !URL.canParse(url)) return null
  const name = new URL(url).hostname.replace(/^\[|\]$/g, '')
  return /^(?:[a-z0-9_-]+(?:\.[a-z0-9_-]+)+|[0-9a-f.]*:[0-9a-f:.]+)$/.test(name) ? name : null
}

function decoded(path: string): string {
  try {
    return decodeURIComponent(path)
  } catch {
    return path
  }
}

/**
 * Whether a review that names `signed` was made for the repo that a pipeline calls `told`. The whole path: a server may
 * have `mallory/ops/infra` beside `ops/infra`, and only the pipeline's owner knows what a server puts in front. The host
 * as well, where both name one: older reviews and most pipelines name the path alone.
 */
export function isSameRepo(signed: string, expected: string): boolean {
  const [signedParts, expectedParts] = [parts(signed), parts(expected)]
  return (
    signedParts.path !== '' &&
    signedParts.path === expectedParts.path &&
    (signedParts.host === null || expectedParts.host === null || signedParts.host === expectedParts.host)
  )
}
