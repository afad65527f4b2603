import { existsSync } from 'node:fs'
import { GitPluginError, simpleGit } from 'simple-git'
import { AdversaryError, messageOf } from '../lib/errors.ts'
import { withoutSecret } from '../lib/secrets/without-secret.ts'
import { BrokenClone, gitEnvironment, hardening, nowhere } from './process.ts'

/** Everything that contacts a remote, through simple-git. */

/** A larger file is not read, in bytes. */
export const defaultFileCap = 64 * 1024 * 1024

export interface Remote {
  /** The URL without credentials: fit for a command line and a message. */
  readonly url: string
  run(
    dir: string | null,
    args: readonly string[],
    options?: { readonly deadlineMs?: number }
  ): Promise<RemoteRan>
}

export interface RemoteRan {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

export interface Login {
  readonly username: string
  readonly password: string
}

export interface RemoteOptions {
  readonly url: string
  /** Overrides credentials inside the URL. */
  readonly login?: Login | undefined
  /** Settings for this contact, such as proxy and credential helpers: `[key, value]`. */
  readonly settings?: Promise<readonly (readonly [key: string, value: string])[]>
  readonly env?: Readonly<Record<string, string>>
  readonly signal?: AbortSignal | undefined
  readonly deadlineMs: number
}

const protocols = 'file:git:http:https:ssh'
const sshCommand = [
  'ssh -o BatchMode=yes -o StrictHostKeyChecking=yes -o ConnectTimeout=20',
  // A connection that swallows everything would keep an ssh for ever, one more with every poll.
  '-o ServerAliveInterval=15 -o ServerAliveCountMax=3'
].join(' ')
const unsafe = {
  allowUnsafeSshCommand: true,
  allowUnsafeConfigEnvCount: true,
  allowUnsafeConfigPaths: true,
  allowUnsafeCredentialHelper: true,
  allowUnsafeHooksPath: true,
  allowUnsafeProtocolOverride: true,
  allowUnsafeFsMonitor: true
} as const

// A constant: the login itself travels in the environment, which no other user can list.
const helper = '!printf "username=%s\\npassword=%s\\n" "$ADVERSARY_GIT_USERNAME" "$ADVERSARY_GIT_PASSWORD"; :'

/** @throws AdversaryError `usage` for a URL that git must not see. */
export function openRemote(options: RemoteOptions): Remote {
  const { url, login } = separated(options.url)
  const who = options.login ?? login
  return {
    url,
    async run(dir, args, { deadlineMs = options.deadlineMs } = {}) {
      const env = environment(url, (await options.settings) ?? [], who, options.env)
      const over = new AbortController()
      const stop = () => over.abort(options.signal?.reason)
      const timer = setTimeout(() => over.abort(new Error(`not within ${deadlineMs} ms`)), deadlineMs)
      options.signal?.addEventListener('abort', stop, { once: true })
      if (options.signal?.aborted) stop()
      let ended: RemoteRan | undefined
      // One instance for each call: after an error an instance runs nothing that was queued.
      const start = () =>
        simpleGit({
          baseDir: dir ?? nowhere,
          abort: over.signal,
          allowEnvironment: Object.keys(env).filter(name => name.startsWith('GIT_')),
          unsafe,
          // The exit code is an answer that the caller reads, not an error that simple-git words.
          errors(error, result) {
            ended = {
              code: result.exitCode,
              stdout: Buffer.concat(result.stdOut).toString(),
              stderr: Buffer.concat(result.stdErr).toString()
            }
            return result.exitCode > 0 ? undefined : error
          }
        }).env(env)
      try {
        const where = dir === null ? [] : [`--git-dir=${dir}`]
        // It is asked to end then. A git that does not (a file system that hangs) is not waited for.
        const stdout = await Promise.race([
          start().raw([...where, ...hardening, ...args]),
          abandoned(over.signal)
        ])
        // A git that was ended has an exit code too, and it is no answer.
        over.signal.throwIfAborted()
        const ran = ended ?? { code: 0, stdout, stderr: '' }
        // A server may say what it was sent.
        return who === undefined ? ran : { ...ran, stderr: withoutSecret(ran.stderr, who.password) }
      } catch (error) {
        if (options.signal?.aborted) {
          throw new AdversaryError('repository', 'stopped', { cause: options.signal.reason })
        }
        if (over.signal.aborted) {
          throw new AdversaryError('repository', `${url} did not answer within ${deadlineMs} ms`, {
            cause: error
          })
        }
        if (error instanceof GitPluginError) throw error
        if (dir !== null && !existsSync(dir)) throw new BrokenClone(`the clone in ${dir} is gone`)
        throw new AdversaryError('repository', `git could not be run: ${messageOf(error)}`, { cause: error })
      } finally {
        clearTimeout(timer)
        options.signal?.removeEventListener('abort', stop)
      }
    }
  }
}

/** Rejects a moment after the signal: whoever ends as it should has had its say by then. */
function abandoned(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const soon = () => setTimeout(() => reject(signal.reason), 500)
    if (signal.aborted) soon()
    else signal.addEventListener('abort', soon, { once: true })
  })
}

/**
 * A server that can keeps back what no review reads. Only what contacts the remote knows of it, so that nothing
 * else ever fetches what is missing.
 *
 * Not over HTTP: of a server that speaks the old protocol there, git fetches object by object, misses each, and
 * starts another git for it, which does the same; there is no end to their number.
 */
function keptBack(url: string): readonly (readonly [string, string])[] {
  return [
    [`remote.${url}.promisor`, 'true'],
    [`remote.${url}.partialclonefilter`, `blob:limit=${defaultFileCap + 1}`]
  ]
}

function environment(
  url: string,
  account: readonly (readonly [key: string, value: string])[],
  who: Login | undefined,
  more: Readonly<Record<string, string>> | undefined
): Record<string, string> {
  const settings: (readonly [string, string])[] = [
    ...account,
    ['protocol.allow', 'never'],
    ...protocols.split(':').map(name => [`protocol.${name}.allow`, 'always'] as const),
    ['fetch.recurseSubmodules', 'false'],
    ['push.recurseSubmodules', 'no'],
    ['gc.autoDetach', 'false'],
    ...(isHttp(url) ? [] : keptBack(url))
  ]
  if (who !== undefined) settings.push(['credential.helper', ''], ['credential.helper', helper])

  const env: Record<string, string> = {
    ...gitEnvironment(),
    GIT_ALLOW_PROTOCOL: protocols,
    GIT_SSH_COMMAND: sshCommand,
    GIT_CONFIG_COUNT: String(settings.length),
    ...more
  }
  settings.forEach(([key, value], index) => {
    env[`GIT_CONFIG_KEY_${index}`] = key
    env[`GIT_CONFIG_VALUE_${index}`] = value
  })
  for (const name of [
    'http_proxy',
    'https_proxy',
    'HTTPS_PROXY',
    'no_proxy',
    'NO_PROXY',
    'all_proxy',
    'ALL_PROXY'
  ]) {
    const value = process.env[name]
    if (value !== undefined) env[name] = value
  }
  if (who !== undefined) {
    env['ADVERSARY_GIT_USERNAME'] = who.username
    env['ADVERSARY_GIT_PASSWORD'] = who.password
  }

  return env
}

/** Whether git asks credential helpers, proxies and CAs for this URL. */
export function isHttp(url: string): boolean {
  return /^https?:/i.test(url)
}

function separated(given: string): { readonly url: string; readonly login?: Login } {
  const refuse = (why: string) =>
    new AdversaryError('usage', `${JSON.stringify(given)} is not a repository URL: ${why}`)
  if (given === '' || given.startsWith('-') || /[\p{Cc}\s]/u.test(given.replaceAll(' ', ''))) {
    throw refuse('it is empty, starts with a hyphen or contains control characters')
  }
  if (/^[a-z0-9+.-]*::/i.test(given)) throw refuse('transport helpers are not allowed')
  if (!/^[a-z][a-z0-9+.-]*:\/\//i.test(given)) return { url: given }
  let url: URL
  try {
    url = new URL(given)
  } catch (error) {
    throw new AdversaryError('usage', 'the repository URL is invalid', { cause: error })
  }
  if (!protocols.split(':').includes(url.protocol.slice(0, -1)))
    throw refuse(`expected one of the protocols ${protocols.replaceAll(':', ', ')}`)
  if (
    (url.protocol !== 'https:' && url.protocol !== 'http:') ||
    (url.username === '' && url.password === '')
  ) {
    return { url: given }
  }
  const login = { username: decodeURIComponent(url.username), password: decodeURIComponent(url.password) }
  url.username = ''
  url.password = ''
  return { url: url.href, login }
}
