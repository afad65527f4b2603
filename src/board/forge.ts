/**
 * Where a forge shows commits, from a clone URL: the address to which a sha is added. HTTPS clone URLs name it,
 * SSH ones name the host and the path that Gitea, Forgejo, GitHub and GitLab use for both; a port of SSH is not
 * taken over. Null for a path, a `file:` URL, and whatever else shows nothing.
 */
export function commitsUrl(clone: string): string | null {
  const scp = /^(?:[\w.-]+@)?(?<host>[\w.-]+\.[\w-]+):(?!\/\/)(?<path>[^\s]+)$/.exec(clone)?.groups
  const text = scp === undefined ? clone : `ssh://${scp['host'] ?? ''}/${scp['path'] ?? ''}`
  if (!URL.canParse(text)) return null
  const { protocol, hostname, host, pathname } = new URL(text)
  const path = pathname.replace(/^\/+|\/+$/g, '').replace(/\.git$/, '')
  if (path === '' || hostname === '') return null
  if (protocol === 'https:' || protocol === 'http:') return `${protocol}//${host}/${path}/commit/`
  return protocol === 'ssh:' || protocol === 'git+ssh:' ? `https://${hostname}/${path}/commit/` : null
}
