/**
 * A name for a repo that all spellings of its address share: the path alone, without scheme, user, host, port
 * and `.git`, in lower case. `ops/infra` for `ssh://git@git.example.test:2222/Ops/infra.git`, for
 * `https://git.example.test/ops/infra` and for `alias:ops/infra.git`. Null where the address has no path.
 */
export function repoName(url: string): string | null {
  const path = pathOf(url)
    .normalize('NFKC')
    .toLowerCase()
    .normalize('NFKC')
    .replace(/[^\p{L}\p{M}\p{N}_.~+/-]/gu, '-')
    .split('/')
    .map(withoutSuffix)
    .filter(part => part !== '' && part !== '.')
    .join('/')
  return path === '' ? null : path
}

function withoutSuffix(part: string): string {
  let end = part.length
  while (part.endsWith('.git', end)) end -= '.git'.length
  return part.slice(0, end)
}

function pathOf(url: string): string {
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(url)) {
    return URL.canParse(url) ? decoded(new URL(url).pathname) : ''
  }
  return /^[^/]+?:(?<path>.*)$/s.exec(url)?.groups?.['path'] ?? url
}

function decoded(path: string): string {
  try {
    return decodeURIComponent(path)
  } catch {
    return path
  }
}

/**
 * Whether a review that names `signed` was made for the repo that a pipeline calls `told`: the whole path. A server may
 * have `mallory/ops/infra` beside `ops/infra`, and only the pipeline's owner knows what a server puts in front.
 */
export function isSameRepo(signed: string, told: string): boolean {
  return signed !== '' && signed === repoName(told)
}
