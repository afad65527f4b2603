import { AdversaryError } from '../lib/errors.ts'
import type { PushOutcome } from './git-types.ts'
import { refOf } from './names.ts'
import { BrokenClone, runGit } from './process.ts'
import type { Remote, RemoteRan } from './remote.ts'
import { isCrowded } from './upkeep.ts'

/** Fetching and pushing, and what their answers mean. */

const fetchTries = 5

export const fetchWords = [
  'fetch',
  '--quiet',
  '--no-tags',
  '--no-recurse-submodules',
  '--no-write-fetch-head',
  '--force'
] as const

export async function fetchBranch(
  dir: string,
  remote: Remote,
  branch: string,
  how: { readonly deadlineMs: number; readonly hurry: boolean; commitAt(ref: string): Promise<string | null> }
): Promise<string | null> {
  const { deadlineMs, commitAt } = how
  const upkeep = how.hurry || !(await isCrowded(dir)) ? ['--no-auto-maintenance'] : []
  const tracking = `refs/remotes/origin/${branch}`
  const words = [...fetchWords, ...upkeep, '--', remote.url, `+${refOf(branch)}:${tracking}`]
  let ran = await remote.run(dir, words, { deadlineMs: deadlineMs * 10 })
  // Another process of this home may hold the ref, and the branch may move while it is fetched.
  for (let tries = 1; ran.code !== 0 && tries < fetchTries; tries++) {
    if (/couldn't find remote ref/.test(ran.stderr)) return null
    if (!/cannot lock ref|\.lock'|not our ref/.test(ran.stderr)) break
    await new Promise(settle => setTimeout(settle, 100 * 2 ** tries))
    ran = await remote.run(dir, words, { deadlineMs: deadlineMs * 10 })
  }
  if (ran.code !== 0) {
    if (/couldn't find remote ref/.test(ran.stderr)) return null
    if (cutOff.test(ran.stderr)) throw unreachable(remote, ran)
    const failure = localFailure(ran.stderr)
    if (failure !== null) throw new AdversaryError('repository', `${dir} cannot be written: ${failure}`)
    const asked = await remote.run(null, ['ls-remote', '--heads', '--', remote.url, refOf(branch)])
    if (asked.code !== 0) throw unreachable(remote, ran)
    throw new BrokenClone(`${remote.url} cannot be fetched: ${oneLineOf(ran.stderr)}`)
  }
  // git calls that a success, and writes no ref.
  if (/shallow roots are not allowed/.test(ran.stderr)) {
    throw new AdversaryError(
      'repository',
      `${remote.url} is a shallow clone: it lacks history that claims need`
    )
  }
  const tip = await commitAt(tracking)
  if (tip === null) throw new BrokenClone(`${branch} was fetched but is missing from the clone`)
  return tip
}

/** The line broke in the middle of a fetch: the clone is as it was before. */
const cutOff =
  /early EOF|unexpected disconnect|RPC failed|hung up|Connection (?:reset|refused|closed|timed out)|Broken pipe|transfer closed/i

/** What is wrong with this machine, whichever the remote: a new clone would not help. */
function localFailure(stderr: string): string | null {
  const why =
    /No space left on device|Disk quota exceeded|Read-only file system|File too large|insufficient permission for adding an object/
  const own = stderr.split('\n').filter(line => !line.startsWith('remote:') && why.test(line))
  return own.length === 0 ? null : oneLineOf(own.join('\n'))
}

export function unreachable(remote: Remote, ran: RemoteRan): AdversaryError {
  return new AdversaryError('repository', `${remote.url} cannot be reached: ${oneLineOf(ran.stderr)}`, {
    hint: `check access with: git ls-remote ${remote.url}`
  })
}

/** What git or a server said, as one harmless line. */
function oneLineOf(text: string): string {
  const lines = text
    .split('\n')
    .map(line =>
      line
        .replace(/^(?:fatal|error|remote): ?/, '')
        .replace(/\p{C}/gu, ' ')
        .trim()
    )
    .filter(line => line !== '')
  const all = lines.join('; ')
  return all.length > 600
    ? `${all.slice(0, 597)}...`
    : all || 'git exited without a message, as it does when the connection is closed'
}

export function pushOutcome(remote: Remote, ran: RemoteRan): PushOutcome {
  const status = ran.stdout.split('\n').find(line => /^[ *=!+-]\t/.test(line))
  if (status === undefined) {
    if (ran.code === 0) return { kind: 'pushed' }
    throw unreachable(remote, ran)
  }
  if (status.startsWith('!')) {
    const why = oneLineOf(status.split('\t')[2] ?? '')
    // The server's own compare-and-swap words a lost race in several ways.
    const race =
      /\((?:fetch first|non-fast-forward|stale info|cannot lock ref|incorrect old value|reference already exists|failed to update ref)/
    if (race.test(why)) return { kind: 'lost', why }
    const remoteLines = ran.stderr.split('\n').filter(line => line.startsWith('remote:'))
    return {
      kind: 'refused',
      why: remoteLines.length > 0 ? `${why}: ${oneLineOf(remoteLines.join('\n'))}` : why
    }
  }
  return ran.code === 0 ? { kind: 'pushed' } : { kind: 'refused', why: oneLineOf(ran.stderr) }
}

/** What this account's git needs to reach a remote: proxies, CAs, credential helpers. Nothing else of its settings. */
export async function accountSettings(): Promise<readonly (readonly [string, string])[]> {
  const words = ['--includes', '-z', '--get-regexp', '^(credential|http)\\.']
  const env = {
    GIT_CONFIG_NOSYSTEM: process.env['GIT_CONFIG_NOSYSTEM'],
    GIT_CONFIG_SYSTEM: process.env['GIT_CONFIG_SYSTEM'],
    GIT_CONFIG_GLOBAL: process.env['GIT_CONFIG_GLOBAL'],
    XDG_CONFIG_HOME: process.env['XDG_CONFIG_HOME']
  }
  const scopes = ['--system', '--global']
  const asked = await Promise.all(scopes.map(scope => runGit(null, ['config', scope, ...words], { env })))
  return asked.flatMap(({ stdout }) =>
    stdout
      .toString()
      .split('\0')
      .filter(line => line.includes('\n'))
      .map(line => [line.slice(0, line.indexOf('\n')), line.slice(line.indexOf('\n') + 1)] as const)
  )
}
