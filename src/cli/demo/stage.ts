import { mkdir, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { AdversaryError } from '../../lib/errors.ts'
import { isoSecond } from '../../os/clock.ts'
import { type Git, openClone } from '../../git/clone.ts'
import { runGit } from '../../git/process.ts'
import { makeKey, type RecordedHost } from '../../ssh/recorded-host.ts'
import { adversaryYaml, type PhaseHome, planYaml } from './pvfix.ts'

/** What the demo plays on: a real bare repo, a builder with a clone of its own, keys, and local routes. */
export interface Stage {
  readonly dir: string
  readonly remote: string
  readonly home: string
  /** The reviewer's signing key and the list that its signatures are believed by. */
  readonly signingKey: string
  readonly allowedSigners: string
  /** The builder's commit, pushed; answers its sha. */
  build(message: string, files?: Readonly<Record<string, string>>): Promise<string>
  readonly routes: { readonly port: number }
  close(): Promise<void>
}

/** What the recorded host's proxy answered, by name. */
const answers: Readonly<Record<string, readonly [status: number, location?: string]>> = {
  'ci.example.test': [200],
  'drone.ci.example.test': [303, '/login'],
  'bridge.ci.example.test': [404],
  'report.ci.example.test': [200]
}

export async function setStage(dir: string, signal: AbortSignal): Promise<Stage> {
  const at = (name: string) => join(dir, name)
  await Promise.all(['home', 'home/plans', 'keys'].map(name => mkdir(at(name), { recursive: true })))
  const made = await runGit(dir, ['init', '--quiet', '--bare', '--initial-branch=main', at('repo.git')], {
    signal
  })
  if (made.code !== 0) throw new AdversaryError('repository', `git init failed: ${made.stderr.trim()}`)

  const reviewer = await writeKey(at('keys/reviewer'))
  await writeKey(at('keys/builder'))
  const allowedSigners = at('allowed_signers')
  await writeFile(allowedSigners, `adversary@example.test namespaces="git" ${reviewer}\n`)

  const git = await openClone({ url: at('repo.git'), dir: at('builder.git'), signal, configuration: 'none' })
  const routes = await serveRoutes()
  return {
    dir,
    remote: at('repo.git'),
    home: at('home'),
    signingKey: at('keys/reviewer'),
    allowedSigners,
    routes: { port: (routes.address() as AddressInfo).port },
    build: (message, files = {}) => build(git, at('keys/builder'), message, files),
    async close() {
      await git.close()
      routes.closeAllConnections()
      await new Promise(done => routes.close(done))
    }
  }
}

async function build(
  git: Git,
  signingKey: string,
  message: string,
  files: Readonly<Record<string, string>>
): Promise<string> {
  const parent = await git.fetch('main')
  const sha = await git.writeCommit({
    parent,
    files: Object.entries(files).map(([path, text]) => ({ path, bytes: Buffer.from(text) })),
    message,
    identity: { name: 'builder', email: 'builder@example.test', signingKey },
    date: isoSecond()
  })
  const pushed = await git.push(sha, 'main')
  if (pushed.kind !== 'pushed')
    throw new AdversaryError('repository', `the builder could not push: ${pushed.why}`)
  return sha
}

async function writeKey(path: string): Promise<string> {
  const key = makeKey()
  await writeFile(path, key.private, { mode: 0o600 })
  await writeFile(`${path}.pub`, `${key.public}\n`)
  return key.public
}

function serveRoutes(): Promise<Server> {
  const server = createServer((request, response) => {
    const [status, location] = answers[(request.headers.host ?? '').replace(/:\d+$/, '')] ?? [404]
    response.writeHead(status, location === undefined ? {} : { location })
    response.end()
  })
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => resolve(server))
  })
}

/** Writes the home of a reviewer that watches the stage's repo and a host on loopback. */
export async function writeHome(
  stage: Stage,
  host: Pick<RecordedHost, 'port' | 'hostKey' | 'clientKey'>
): Promise<void> {
  const identity = join(stage.dir, 'keys/login')
  const knownHosts = join(stage.dir, 'known_hosts')
  await writeFile(identity, host.clientKey, { mode: 0o600 })
  await writeFile(knownHosts, `[127.0.0.1]:${host.port} ${host.hostKey}\n`)
  const home: PhaseHome = {
    repoUrl: stage.remote,
    signingKey: stage.signingKey,
    allowedSigners: stage.allowedSigners,
    host: [
      `ssh: reviewer@127.0.0.1:${host.port}`,
      `identityFile: ${JSON.stringify(identity)}`,
      `knownHosts: ${JSON.stringify(knownHosts)}`
    ],
    route: name => `http://${name}.example.test:${stage.routes.port}/`,
    address: '127.0.0.1',
    poll: '1s',
    retry: '1s'
  }
  await writeFile(join(stage.home, 'adversary.yaml'), adversaryYaml(home))
  await writeFile(join(stage.home, 'plans/pvfix.yaml'), planYaml(home))
}
