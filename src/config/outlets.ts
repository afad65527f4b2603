import { isIP } from 'node:net'
import * as z from 'zod'
import { forgeKinds, guessForge, repoPattern } from '../forge/forge.ts'
import { refusal } from './checked.ts'
import * as scalar from './scalars.ts'
import type { SecretPlace } from './secret.ts'
import type { ForgeConfig, ListenAt, ServeConfig } from './types.ts'
import type { YamlFile } from './yaml.ts'
import { trimmedEnd } from '../lib/text/trim.ts'

/** The parts of `adversary.yaml` that say where verdicts are told, and who may ask: `forge` and `serve`. */

const envName = z.string().regex(/^[A-Za-z_]\w{0,99}$/, 'the name of an environment variable')
const repoName = z.string().regex(repoPattern, '`owner/name`')
const glob = z.string().regex(/^[^\p{C}]{1,200}$/u, 'a name, or a glob such as `prod-*`')

const secretAbout = 'File with the secret, readable by its owner only.'
const secretEnvAbout = 'Environment variable with the secret, where no file is named.'

const webUrl = z
  .string()
  .max(500, 'a URL of at most 500 characters')
  .refine(
    isSafeUrl,
    'an https:// URL without a login (http:// on loopback alone: a token is never sent in the clear)'
  )

export const forgeSchema = z
  .strictObject({
    kind: z
      .enum(forgeKinds)
      .optional()
      .meta({ description: 'The kind of forge. Default: derived from the host of `repo.url`.' }),
    url: webUrl
      .optional()
      .meta({ description: 'Its address, as people open it. Default: the host of `repo.url`.' }),
    repo: repoName
      .optional()
      .meta({ description: 'The repository, as `owner/name`. Default: the path of `repo.url`.' }),
    token: scalar.localPath
      .optional()
      .meta({ description: 'File with the token, readable by its owner only.' }),
    tokenEnv: envName
      .default('ADVERSARY_FORGE_TOKEN')
      .meta({ description: 'Environment variable with the token, where no file is named.' }),
    ca: scalar.localPath
      .optional()
      .meta({ description: 'File with the CA to trust instead of those of the machine.' })
  })
  .meta({ description: 'Where commit statuses are posted. Without this key, none are posted.' })

const gateRule = z.strictObject({
  event: z
    .enum(['promote', 'rollback', 'push', 'pull_request', 'tag', 'cron', 'custom'])
    .default('promote')
    .meta({ description: "Drone's event." }),
  target: glob.optional().meta({
    description:
      'A name or a glob: the target of a promotion (`DRONE_DEPLOY_TO`), else the target branch. Default: any.'
  }),
  gate: z
    .string()
    .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,128}$/, 'a phase, or `<phase>-<milestone>`')
    .optional()
    .meta({ description: 'The gate that must be open.' }),
  letThrough: z
    .literal(true)
    .optional()
    .meta({ description: 'The build may start without a gate. Instead of `gate`.' }),
  closed: z.enum(['block', 'skip']).default('block').meta({
    description:
      'What happens to the build while the gate is closed: `block` waits for an administrator, `skip` drops it.'
  })
})

const listenAt = z
  .string()
  .refine(text => addressOf(text) !== null, 'an address and a port, such as `127.0.0.1:8750`')
const ownListener = listenAt.optional().meta({
  description:
    'Address and port of a separate listener for this route, which shares no connections with the others.'
})
const hostName = z
  .string()
  .regex(
    /^(?:\[[0-9a-fA-F:.]{2,45}\]|[A-Za-z0-9](?:[A-Za-z0-9._-]{0,252}[A-Za-z0-9])?)$/,
    'a name or an address without a port, such as `adversary.example.test`'
  )

export const serveSchema = z
  .strictObject({
    listen: listenAt
      .default('127.0.0.1:8750')
      .meta({ description: 'Address and port of the server, without TLS.' }),
    hosts: z.array(hostName).max(50, 'at most 50 names').default([]).meta({
      description:
        'Names of the server (`Host`), besides `localhost` and the address that it is reached at. Requests for other names are answered with 421.'
    }),
    board: z.boolean().default(false).meta({
      description: 'Shows the board, with the output of hosts, to everyone who can reach the server.'
    }),
    metrics: z
      .boolean()
      .default(false)
      .meta({ description: 'Shows `/metrics` for Prometheus to everyone who can reach the server.' }),
    webhook: z
      .strictObject({
        secret: scalar.localPath.optional().meta({ description: secretAbout }),
        secretEnv: envName.default('ADVERSARY_WEBHOOK_SECRET').meta({ description: secretEnvAbout }),
        listen: ownListener
      })
      .optional()
      .meta({ description: 'Push events of the forge wake the watcher.' }),
    drone: z
      .strictObject({
        secret: scalar.localPath.optional().meta({ description: secretAbout }),
        secretEnv: envName.default('ADVERSARY_DRONE_SECRET').meta({ description: secretEnvAbout }),
        listen: ownListener,
        repo: repoName
          .optional()
          .meta({ description: 'The repository as Drone names it. Default: the path of `repo.url`.' }),
        others: z
          .enum(['pass', 'block'])
          .default('pass')
          .meta({ description: 'What happens to builds of other repositories of the same Drone.' }),
        gates: z
          .array(gateRule)
          .min(1, 'at least one rule')
          .max(200, 'at most 200 rules')
          .meta({ description: 'The first rule that matches a build decides.' })
      })
      .optional()
      .meta({ description: "Answers Drone's validation extension." })
  })
  .prefault({})
  .meta({ description: 'The HTTP server of `adversary serve`.' })

/** @param absolute makes a path of the home absolute. @throws AdversaryError (usage) for what cannot be guessed. */
export function readForge(
  value: z.infer<typeof forgeSchema> | undefined,
  file: YamlFile,
  repoUrl: string,
  absolute: (path: string) => string
): ForgeConfig | null {
  if (value === undefined) return null
  const guess = guessForge(repoUrl)
  const kind = value.kind ?? guess.kind
  const url = value.url ?? guess.url
  const repo = value.repo ?? guess.repo
  const needed = (key: string, what: string) =>
    refusal(file, ['forge', key], `is missing and cannot be derived from \`repo.url\`; expected ${what}`)
  if (kind === null) throw needed('kind', forgeKinds.map(each => `\`${each}\``).join(', '))
  if (url === null || !isSafeUrl(url)) throw needed('url', 'an https:// URL')
  if (repo === null) throw needed('repo', '`owner/name`')
  if (kind !== 'gitlab' && repo.split('/').length !== 2) {
    throw refusal(file, ['forge', 'repo'], 'expected `owner/name`: only GitLab has more levels')
  }
  return {
    kind,
    url: trimmedEnd(url, '/'),
    repo,
    token: secretPlace('forge.token', value.token, value.tokenEnv, absolute),
    ca: value.ca === undefined ? null : absolute(value.ca)
  }
}

export function readServe(
  value: z.infer<typeof serveSchema>,
  file: YamlFile,
  repoUrl: string,
  absolute: (path: string) => string
): ServeConfig {
  const { webhook, drone, board, metrics, hosts } = value
  const place = (text: string, ...key: readonly string[]): ListenAt => {
    const listen = addressOf(text)
    if (listen === null) throw refusal(file, ['serve', ...key, 'listen'], 'expected an address and a port')
    return listen
  }
  const own = (route: 'webhook' | 'drone', text: string | undefined) =>
    text === undefined ? null : place(text, route)
  return {
    listen: place(value.listen),
    hosts,
    board,
    metrics,
    webhook:
      webhook === undefined
        ? null
        : {
            secret: secretPlace('serve.webhook.secret', webhook.secret, webhook.secretEnv, absolute),
            listen: own('webhook', webhook.listen)
          },
    drone:
      drone === undefined
        ? null
        : {
            secret: secretPlace('serve.drone.secret', drone.secret, drone.secretEnv, absolute),
            listen: own('drone', drone.listen),
            others: drone.others,
            repo: droneRepo(drone.repo, file, repoUrl),
            rules: drone.gates.map(({ event, target, gate, letThrough, closed }, index) => {
              if ((gate === undefined) === (letThrough === undefined)) {
                throw refusal(
                  file,
                  ['serve', 'drone', 'gates', index],
                  'expected `gate`, or `letThrough: true`'
                )
              }
              return { event, target: target ?? null, gate: gate ?? null, closed }
            })
          }
  }
}

function droneRepo(named: string | undefined, file: YamlFile, repoUrl: string): string {
  const repo = named ?? guessForge(repoUrl).repo
  if (repo === null) {
    throw refusal(
      file,
      ['serve', 'drone', 'repo'],
      'is missing and cannot be derived from `repo.url`; expected `owner/name`'
    )
  }
  return repo
}

function secretPlace(
  key: string,
  file: string | undefined,
  env: string,
  absolute: (path: string) => string
): SecretPlace {
  return { key, env, file: file === undefined ? null : absolute(file) }
}

/** `127.0.0.1:8750`, `[::1]:8750`; null for anything else. No names: they may mean more than was meant. */
export function addressOf(text: string): { readonly address: string; readonly port: number } | null {
  const parts = /^(?:\[(?<v6>[^\]]+)\]|(?<v4>[^:[\]]+)):(?<port>\d{1,5})$/.exec(text)?.groups
  const address = parts?.['v6'] ?? parts?.['v4'] ?? ''
  const port = Number(parts?.['port'])
  return isIP(address) === 0 || !(port <= 65_535) ? null : { address, port }
}

/** A token goes over the wire: in the clear to nobody but this machine. */
function isSafeUrl(text: string): boolean {
  if (/[\p{C}\s?#]/u.test(text) || !URL.canParse(text)) return false
  const { protocol, hostname, username, password } = new URL(text)
  if (username !== '' || password !== '') return false
  const loopback = /^(?:127(?:\.\d{1,3}){3}|\[::1\]|localhost)$/.test(hostname)
  return protocol === 'https:' || (protocol === 'http:' && loopback)
}
