import type { Login } from '../git/clone.ts'

/** Where pipelines keep the login of the repository that they build: `[host, user, secret]`. */
const places = [
  ['DRONE_NETRC_MACHINE', 'DRONE_NETRC_USERNAME', 'DRONE_NETRC_PASSWORD'],
  ['CI_NETRC_MACHINE', 'CI_NETRC_USERNAME', 'CI_NETRC_PASSWORD']
] as const

/** The same, for those that name no user: `[host or URL, user, secret]`. */
const tokens = [
  ['GITHUB_SERVER_URL', 'x-access-token', 'GITHUB_TOKEN'],
  ['CI_SERVER_URL', 'gitlab-ci-token', 'CI_JOB_TOKEN']
] as const

/**
 * The login that a pipeline was given for this remote; null where it was given none, or for another host only:
 * a secret never goes to a host that it is not for.
 */
export function loginFor(remote: string, env: Readonly<Record<string, string | undefined>>): Login | null {
  const host = hostOf(remote)
  if (host === null) return null
  for (const [machine, user, secret] of places) {
    const login = loginOf(env[user], env[secret])
    if (login !== null && env[machine]?.toLowerCase() === host) return login
  }
  for (const [server, user, secret] of tokens) {
    const login = loginOf(user, env[secret])
    if (login !== null && hostOf(env[server] ?? '') === host) return login
  }
  return null
}

function loginOf(username: string | undefined, password: string | undefined): Login | null {
  if (username === undefined || username === '' || password === undefined || password === '') return null
  // A line break would end the answer to git's question for a login.
  return /[\r\n\0]/.test(username + password) ? null : { username, password }
}

/** Host of an `https:` URL without a login of its own. */
function hostOf(url: string): string | null {
  if (!URL.canParse(url)) return null
  const { protocol, hostname, username } = new URL(url)
  return protocol === 'https:' && username === '' ? hostname.toLowerCase() : null
}
