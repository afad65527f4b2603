import { isAbsolute, resolve } from 'node:path'
import * as z from 'zod'
import { messageOf } from '../lib/errors.ts'
import { patternText } from '../lib/text/pattern.ts'
import { repoName } from '../lib/repo-name.ts'
import { defaultPatterns } from '../record/claim.ts'
import type { HostAddress } from '../facts/session.ts'
import { checked, refusal } from './checked.ts'
import { forgeSchema, readForge, readServe, serveSchema } from './outlets.ts'
import * as scalar from './scalars.ts'
import type { Workspace } from './types.ts'
import type { YamlFile } from './yaml.ts'

const namePattern = patternText.max(200, 'a regular expression of at most 200 characters')

/** A repo path with `{phase}` in it. */
const phasePath = z
  .string()
  .max(500, 'a path of at most 500 characters')
  .refine(
    path => path.includes('{phase}') && scalar.isRepoPath(path.replaceAll('{phase}', 'p')),
    'a path inside the repo, relative and without `..` or `.git`, with `{phase}` in it'
  )

const evidencePath = z
  .string()
  .max(500, 'a path of at most 500 characters')
  .refine(
    path => scalar.isRepoPath(path.replaceAll('{phase}', 'p')),
    'a path inside the repo, relative and without `..` or `.git`'
  )

const host = z.strictObject({
  ssh: z
    .string()
    .regex(/^(?!-)[\w.@:[\]%-]{1,255}$/, 'an alias of ~/.ssh/config, or `user@host:port`')
    .meta({
      description: 'An alias of `~/.ssh/config`, or `user@host:port`. Required unless `transport` is `local`.'
    })
    .optional(),
  transport: z.enum(['ssh2', 'openssh', 'local']).default('ssh2').meta({
    description:
      '`openssh` runs the `ssh` command: for ProxyJump, certificates and hardware keys. `local` reads the machine that it runs on.'
  }),
  identityFile: scalar.localPath
    .optional()
    .meta({ description: 'The login key. Default: as in `~/.ssh/config`.' }),
  knownHosts: scalar.localPath
    .optional()
    .meta({ description: 'The file with the host key. Default: as in `~/.ssh/config`.' }),
  timeout: scalar.duration.prefault('10s').meta({ description: 'Time limit for connecting and login.' })
})

/** `adversary.yaml`, as it is written. */
export const configSchema = z.strictObject({
  repo: z
    .strictObject({
      url: z
        .string()
        .refine(
          isGitUrl,
          'what `git clone` takes: ssh://, https://, user@host:path or a local path, without a password'
        )
        .meta({ description: 'The watched repository, as git clone takes it.' }),
      name: z
        .string()
        .refine(
          name => /^[\p{L}\p{M}\p{N}_.~+/:-]+$/u.test(name),
          'a name such as `//git.example.test/ops/infra` or `ops/infra`'
        )
        .max(200, 'a name of at most 200 characters')
        .optional()
        .meta({
          description:
            'What reviews are signed for: `//host/path`, or a path alone. Default: host and path of the URL.'
        }),
      branch: scalar.branch.meta({ description: 'The branch with the claims.' }),
      review: phasePath
        .default('reviews/REVIEW-{phase}.md')
        .meta({ description: 'The review file, a path in the repository.' }),
      evidence: evidencePath.optional().meta({
        description:
          'Folder of the evidence, a path in the repository. Default: `evidence/` beside the review file.'
      }),
      since: scalar.sha
        .optional()
        .meta({ description: 'Claims before this commit are history and get no review.' }),
      reviewBranch: scalar.branch
        .optional()
        .meta({ description: 'Push reviews here, when the branch itself is protected.' })
    })
    .meta({ description: 'The watched repository.' }),
  identity: z
    .strictObject({
      name: scalar.line
        .regex(/^[^<>]*$/, 'a name without `<` and `>`')
        .meta({ description: 'Author and committer of the review commits.' }),
      email: z
        .string()
        .regex(
          /^[\p{L}\p{N}.+_=&'/-]{1,64}@[\p{L}\p{N}-]{1,63}(?:\.[\p{L}\p{N}-]{1,63}){0,8}$/u,
          'an e-mail address such as `adversary@example.test`'
        )
        .meta({ description: 'E-mail address of the reviewer: its name in the list of allowed signers.' }),
      signingKey: scalar.localPath.meta({ description: 'The private SSH key that signs review commits.' })
    })
    .meta({ description: 'Who commits and signs the reviews.' }),
  poll: scalar.duration
    .prefault('30s')
    .meta({ description: 'Pause between two polls of the remote, at least `100ms`.' }),
  retry: scalar.duration.prefault('15m').meta({
    description: 'How long `watch` retries what could not be seen before the verdict is INCONCLUSIVE.'
  }),
  hosts: z
    .record(scalar.hostName, host)
    .default({})
    .meta({ description: 'The hosts that plans may name, by a name of your choice.' }),
  concurrency: z
    .int('a whole number')
    .min(1, 'at least 1')
    .max(1000, 'at most 1000')
    .default(16)
    .meta({ description: 'How many hosts it logs in to at once.' }),
  gate: z
    .strictObject({
      allowedSigners: scalar.localPath.optional().meta({
        description:
          "The list of signers, in the format of git's `allowed_signers`. Default: the reviewer's own key."
      })
    })
    .default({})
    .meta({ description: 'Whose signatures count on this machine.' }),
  forge: forgeSchema.optional(),
  serve: serveSchema,
  claims: z
    .strictObject({
      phase: namePattern
        .optional()
        .meta({ description: 'The name of a phase. Default: `[a-z0-9][a-z0-9-]{0,63}`.' }),
      milestone: namePattern
        .optional()
        .meta({ description: 'The name of a milestone. Default: `[A-Z]{1,4}\\d+(\\.\\d+)*`.' })
    })
    .default({})
    .meta({ description: 'Regular expressions for the whole name of a phase and a milestone.' })
})

/** The home less its plans and probes. */
export type Config = Omit<Workspace, 'plans' | 'probes' | 'files'>

/**
 * Checks `adversary.yaml` and makes its paths absolute.
 *
 * @param dir the home; relative paths are relative to it. @param userHome what `~` stands for.
 * @throws AdversaryError (usage) for the first thing that is wrong.
 */
export function readConfig(source: YamlFile, dir: string, userHome: string): Config {
  const { value, file } = checked(source, configSchema)
  const absolute = (path: string) => absolutePath(path, dir, userHome)

  const hosts = new Map<string, HostAddress>()
  for (const [name, { ssh, timeout, identityFile, knownHosts, transport }] of Object.entries(value.hosts)) {
    if (ssh === undefined && transport !== 'local') {
      throw refusal(
        file,
        ['hosts', name, 'ssh'],
        'is missing; expected an alias of ~/.ssh/config, or `user@host:port`'
      )
    }
    hosts.set(name, {
      name,
      ssh: ssh ?? name,
      transport,
      timeoutMs: timeout,
      ...(identityFile === undefined ? {} : { identityFile: absolute(identityFile) }),
      ...(knownHosts === undefined ? {} : { knownHosts: absolute(knownHosts) })
    })
  }

  const { repo, identity, gate } = value
  if (value.poll < 100) throw refusal(file, ['poll'], 'expected at least `100ms`')
  if (repo.reviewBranch === repo.branch) {
    throw refusal(file, ['repo', 'reviewBranch'], 'expected another branch than `repo.branch`, or nothing')
  }
  return {
    dir,
    repo: {
      url: isLocal(repo.url) ? absolute(repo.url) : repo.url,
      name: repoName(repo.name ?? (isLocal(repo.url) ? absolute(repo.url) : repo.url)),
      branch: repo.branch,
      review: repo.review,
      evidence: repo.evidence ?? beside(repo.review),
      since: repo.since ?? null,
      reviewBranch: repo.reviewBranch ?? null
    },
    identity: { ...identity, signingKey: absolute(identity.signingKey) },
    pollMs: value.poll,
    retryMs: value.retry,
    hosts,
    concurrency: value.concurrency,
    gate: { allowedSigners: gate.allowedSigners === undefined ? null : absolute(gate.allowedSigners) },
    forge: readForge(value.forge, file, repo.url, absolute),
    serve: readServe(value.serve, file, repo.url, absolute),
    claims: {
      phase: wholeName(file, 'phase', value.claims.phase) ?? defaultPatterns.phase,
      milestone: wholeName(file, 'milestone', value.claims.milestone) ?? defaultPatterns.milestone
    },
    stateDir: resolve(dir, '.adversary')
  }
}

/** RE2's syntax, which the schema has checked, and JavaScript's are not quite one. */
function wholeName(
  file: YamlFile,
  key: 'phase' | 'milestone',
  expression: string | undefined
): RegExp | null {
  if (expression === undefined) return null
  try {
    return new RegExp(`^(?:${expression})$`)
  } catch (error) {
    throw refusal(file, ['claims', key], messageOf(error))
  }
}

/** `~` and relative paths made absolute. */
export function absolutePath(path: string, dir: string, userHome: string): string {
  if (path === '~' || path.startsWith('~/')) return resolve(userHome, path.slice(2))
  return resolve(dir, path)
}

function beside(reviewPath: string): string {
  const folder = reviewPath.slice(0, reviewPath.lastIndexOf('/') + 1)
  // A folder named after the phase has its own evidence; one for all phases keeps it together.
  return `${folder}evidence`
}

/** A path and not a URL or `host:path`. */
export function isLocal(url: string): boolean {
  return isAbsolute(url) || /^(?:~|\.\.?)(?:\/|$)/.test(url)
}

/**
 * No leading `-` (an option), no `transport::address` (git would run a program of that name), and no
 * password, which would end in logs and in `.adversary/`.
 */
function isGitUrl(url: string): boolean {
  if (/[\p{C}\s]/u.test(url) || url.length > 1000) return false
  if (isLocal(url)) return true
  if (/^(?:https?|ssh|git):\/\//.test(url)) return URL.canParse(url) && new URL(url).password === ''
  if (url.startsWith('file:///')) return true
  return /^(?:[\w.-]+@)?[\w.-]+:(?!:)[^-].*$/.test(url) && !url.startsWith('-')
}
