import { mkdir, writeFile } from 'node:fs/promises'
import { createServer, connect, type Server, type Socket } from 'node:net'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { probes } from '../../probes/index.ts'
import { logDocument } from '../../src/cli/documents.ts'
import { recordedPhase } from '../../src/cli/demo/recording.ts'
import { type RecordedHost, type Recording, serveRecordedHost } from '../../src/ssh/recorded-host.ts'
import { isoSecond } from '../../src/os/clock.ts'
import { loadConfig, loadWorkspace } from '../../src/config/workspace.ts'
import { logLine } from '../../src/review/log.ts'
import type { Draft } from '../../src/review/assessed.ts'
import type { PublishResult } from '../../src/review/review.ts'
import { watch } from '../../src/watch/watch.ts'
import { openReviewContext, type ReviewContext } from '../../src/review/context/review-context.ts'
import type { Verdict } from '../../src/lib/words.ts'
import { runCli } from './cli.ts'
import { allowedSigners, makeRepo, type CommitOptions, type TestKey, testGit, type TestRepo } from './repo.ts'
import { generous } from './pace.ts'

/** A watched repo and a reviewer's home, both real, for the stories of `run` and the commands. */
export interface Scene {
  readonly repo: TestRepo
  /** The home. */
  readonly home: string
  readonly key: TestKey
  /** Content of the allowed signers file. */
  readonly signers: string
  /** The plan less its `phase:`. */
  plan(phase: string, yaml: string): Promise<void>
  /** The builder's commit, on top of what the remote has, pushed; answers its sha. */
  commit(message: string, options?: CommitOptions): Promise<string>
  claim(target: string, summary?: string, options?: CommitOptions): Promise<string>
  /** Another process's view of the home: its own clone when `clone` is given. */
  context(options?: {
    readonly signal?: AbortSignal
    readonly clone?: string
    /** Hears of each event when it comes. */
    heard?(event: Event): void
  }): Promise<Watched>
  /** All reviews of claims on the branch, oldest first. */
  verdicts(branch?: string): Promise<readonly Answered[]>
  file(path: string, branch?: string): Promise<string>
  /** Subjects of the branch, oldest first. */
  subjects(branch?: string): Promise<readonly string[]>
  /** A hook of the remote; null takes it away. */
  hook(name: string, script: string | null): Promise<void>
  dispose(): Promise<void>
}

export interface Answered {
  readonly claim: string
  readonly verdict: string
  readonly supersedes: readonly string[]
  readonly commit: string
}

export interface Event {
  readonly event: string
  readonly [detail: string]: unknown
}

export interface Watched {
  readonly context: ReviewContext
  readonly log: readonly Event[]
  /** Answers everything that is owed. */
  once(): Promise<
    readonly { readonly draft: Draft; readonly told: PublishResult; readonly verdict: Verdict }[]
  >
  /** The loop, until stopped; `stop` waits for its end. */
  start(): { stop(): Promise<void> }
  close(): Promise<void>
}

export async function makeScene(
  options: {
    /** Lines of `hosts:`. */
    readonly hosts?: readonly string[]
    /** Further top-level lines of adversary.yaml. */
    readonly more?: readonly string[]
    /** Further lines of `repo:`. */
    readonly repo?: readonly string[]
    readonly objectFormat?: 'sha1' | 'sha256'
  } = {}
): Promise<Scene> {
  const repo = await makeRepo(
    options.objectFormat === undefined ? {} : { objectFormat: options.objectFormat }
  )
  const key = await repo.key('reviewer')
  const signers = allowedSigners([['adversary@example.test', key]])
  const home = join(repo.dir, 'home')
  await mkdir(join(home, 'plans'), { recursive: true })
  await writeFile(join(repo.dir, 'allowed_signers'), signers)
  await writeFile(
    join(home, 'adversary.yaml'),
    [
      'repo:',
      `  url: ${repo.remote}`,
      '  branch: main',
      ...(options.repo ?? []).map(line => `  ${line}`),
      `identity: { name: adversary-bot, email: adversary@example.test, signingKey: ${key.path} }`,
      'hosts:',
      ...(options.hosts ?? ['here: { transport: local }']).map(line => `  ${line}`),
      'gate: { allowedSigners: ../allowed_signers }',
      ...(options.more ?? ['poll: 100ms', 'retry: 1s']),
      ''
    ].join('\n')
  )
  const open: Watched[] = []
  const remote = (...args: string[]) => testGit(repo.remote, args)

  const scene: Scene = {
    repo,
    home,
    key,
    signers,
    plan: (phase, yaml) => writeFile(join(home, `plans/${phase}.yaml`), `phase: ${phase}\n${yaml}`),
    async commit(message, commit) {
      await repo.builder.pull()
      const sha = await repo.builder.commit(message, commit)
      await repo.builder.push()
      return sha
    },
    claim: (target, summary = 'done', commit) => scene.commit(`claim(${target}): ${summary}`, commit),
    async context({ signal = new AbortController().signal, clone, heard } = {}) {
      const log: Event[] = []
      const load = () =>
        loadWorkspace(home, { userHome: homedir(), library: async () => probes, facts: async () => ({}) })
      const loaded = await load()
      const stop = new AbortController()
      const context = await openReviewContext(
        clone === undefined ? loaded : { ...loaded, stateDir: join(home, clone) },
        {
          userHome: homedir(),
          signal: AbortSignal.any([signal, stop.signal]),
          log(event, details) {
            // The list of events is closed, with their fields.
            logDocument.parse(JSON.parse(logLine(isoSecond(), event, details)))
            const now = { event, ...details }
            log.push(now)
            heard?.(now)
          }
        }
      )
      const quiet = { oriented: () => undefined, hunted: () => undefined }
      const watched: Watched = {
        context,
        log,
        async once() {
          const answers: { draft: Draft; told: PublishResult; verdict: Verdict }[] = []
          const reviewed = (draft: Draft, told: PublishResult) =>
            answers.push({ draft, told, verdict: draft.decision.verdict })
          await watch(context, { ...quiet, reviewed }, { once: true })
          return answers
        },
        start() {
          const reload = () => load()
          const config = () => loadConfig(home, homedir())
          const running = watch(
            context,
            { ...quiet, reviewed: () => undefined },
            { once: false, reload, config }
          )
          return {
            async stop() {
              stop.abort(new Error('stopped by the test'))
              await running
            }
          }
        },
        close: () => context.git.close()
      }
      open.push(watched)
      return watched
    },
    async verdicts(branch = 'main') {
      const fields = ['%H', ...['Claim', 'Verdict', 'Supersedes'].map(trailerField)].join('%x00')
      const text = await remote('log', '--reverse', '--topo-order', `--format=${fields}%x01`, branch)
      return text.split('\u0001').flatMap(line => {
        const [commit = '', claim = '', verdict = '', supersedes = ''] = line.trim().split('\0')
        if (claim === '') return []
        return [{ commit, claim, verdict, supersedes: supersedes.split(',').filter(sha => sha !== '') }]
      })
    },
    file: (path, branch = 'main') => remote('show', `${branch}:${path}`),
    async subjects(branch = 'main') {
      return (await remote('log', '--reverse', '--format=%s', branch)).split('\n')
    },
    async hook(name, script) {
      const path = join(repo.remote, 'hooks', name)
      await mkdir(join(repo.remote, 'hooks'), { recursive: true })
      await writeFile(path, script === null ? '#!/bin/sh\nexit 0\n' : `#!/bin/sh\n${script}\n`, {
        mode: 0o755
      })
    },
    async dispose() {
      await Promise.all(open.map(watched => watched.close()))
      await repo.dispose()
    }
  }
  return scene
}

function trailerField(name: string): string {
  return `%(trailers:key=Adversary-${name},valueonly,separator=%x2C)`
}

/** A recorded host that can be gone for a while: its address stays. */
export interface FlakyHost {
  /** Lines for the `hosts:` of a home. */
  readonly lines: readonly string[]
  readonly host: RecordedHost
  readonly recordings: readonly Recording[]
  /** How many connections were made, whether or not the host was there. */
  connections(): number
  down(): void
  up(): void
  close(): Promise<void>
}

/** Its lines with a timeout for a machine on which many tests run at once. */
export function patient({ lines }: FlakyHost): readonly string[] {
  return lines.map(line => line.replace('timeout: 5s', 'timeout: 1m'))
}

/** @param dir where its keys may be written. */
export async function startFlakyHost(dir: string, name = 'prod'): Promise<FlakyHost> {
  const recordings = (await recordedPhase()).before(Date.now())
  const host = await serveRecordedHost({ recordings })
  let reachable = true
  let connections = 0
  const sockets = new Set<Socket>()
  const server: Server = createServer({ noDelay: true }, socket => {
    connections += 1
    sockets.add(socket)
    socket.on('error', () => undefined)
    socket.on('close', () => sockets.delete(socket))
    if (!reachable) {
      socket.destroy()
      return
    }
    const onward = connect({ port: host.port, host: '127.0.0.1', noDelay: true })
    onward.on('error', () => socket.destroy())
    socket.on('close', () => onward.destroy())
    socket.pipe(onward).pipe(socket)
  })
  await new Promise<void>(done => server.listen(0, '127.0.0.1', done))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  await mkdir(dir, { recursive: true })
  await writeFile(join(dir, `${name}.key`), host.clientKey, { mode: 0o600 })
  await writeFile(join(dir, `${name}.known`), `[127.0.0.1]:${address.port} ${host.hostKey}\n`)
  const ssh = `ssh: reader@127.0.0.1:${address.port}`
  const files = `identityFile: ${join(dir, `${name}.key`)}, knownHosts: ${join(dir, `${name}.known`)}`
  return {
    lines: [`${name}: { ${ssh}, ${files}, timeout: 5s }`],
    host,
    recordings,
    connections: () => connections,
    down() {
      reachable = false
      for (const socket of sockets) socket.destroy()
    },
    up() {
      reachable = true
    },
    async close() {
      for (const socket of sockets) socket.destroy()
      await new Promise<void>(done => server.close(() => done()))
      await host.close()
    }
  }
}

/** Waits until it answers something other than undefined or false. The limit is for what never comes, not for a busy machine. */
export async function eventually<T>(ask: () => Promise<T | undefined | false>, seconds = 50): Promise<T> {
  const end = performance.now() + generous(seconds * 1_000)
  while (performance.now() < end) {
    const answer = await ask()
    if (answer !== undefined && answer !== false) return answer
    await new Promise(done => setTimeout(done, 100))
  }
  throw new Error(`it did not come to pass within ${seconds} seconds`)
}

/** The gate's answer on the scene's remote, by the signers and the reviewer of the scene. */
export function gateOf(it: Scene, target: string, ...words: string[]) {
  const env = { ADVERSARY_ALLOWED_SIGNERS: it.signers, ADVERSARY_REVIEWER: 'adversary@example.test' }
  return runCli(['gate', target, '--remote', it.repo.remote, ...words], { cwd: it.repo.dir, env })
}
