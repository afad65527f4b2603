import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises'
import { connect, createServer, type Socket } from 'node:net'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import { afterAll, assert, beforeAll, describe, expect, it, vi } from 'vitest'
import { tick } from '../../src/os/clock.ts'
import {
  type Event,
  type FlakyHost,
  makeScene,
  patient,
  type Scene,
  startFlakyHost,
  type Watched
} from '../support/scene.ts'
import { keyPair } from '../support/ssh-server.ts'
import { generous } from '../support/pace.ts'

/**
 * What a host and the network before it do to a reviewer, each really caused, by OpenSSH's own server on loopback
 * behind a line that breaks. One watcher has them all at once, a host for each, and one host that is well: no
 * claim is answered while its fault lasts, the true reason is said in time, the well host's claim is answered
 * meanwhile, no host is hammered, and as the faults end one after the other each is answered without help.
 */

/** So many bytes of what the host says come through, and then this. */
type Broken = { readonly kind: 'reset' | 'swallow' | 'close'; readonly bytes: number }

interface Fault {
  readonly name: string
  readonly why: RegExp
  readonly line?: Broken | 'refuse' | 'hold'
  /** Further lines of the server's configuration. */
  readonly sshd?: string
  /** What a login runs, for sh; `$SSH_ORIGINAL_COMMAND` is what was asked for. */
  readonly login?: string
  /** What `docker` is, for sh; `$real` is one that answers. */
  readonly docker?: string
  readonly trust?: 'another key' | 'no key' | 'not our key'
  /** The host's `timeout`, in seconds. */
  readonly timeout?: number
}

/** Of a host that says nothing else, and of a read, in seconds. */
const patience = { host: 10, read: 10 }

/** What a machine on which much else runs may take on top of a time limit, in milliseconds. */
const graceMs = 10_000

const hangs = { timeout: 2 }
const silent = /no answer from \S+ within 2 s of connecting/
const bash = 'exec bash -c "$SSH_ORIGINAL_COMMAND"'

/** An OpenSSH 9.2 says 41 bytes of banner, some 1.1 KB of algorithms and 0.5 KB of keys before a login. */
const faults: readonly Fault[] = [
  { name: 'connection refused', line: 'refuse', why: /127\.0\.0\.1 port \d+ refused the connection/ },
  {
    name: 'closed at once',
    line: { kind: 'close', bytes: 0 },
    why: /closed the connection before its banner \(too many connections/
  },
  {
    name: 'reset before the banner',
    line: { kind: 'reset', bytes: 0 },
    why: /reset the connection before its banner/
  },
  { name: 'reset in the banner', line: { kind: 'reset', bytes: 10 }, why: /the connection in its banner/ },
  {
    name: 'reset in the key exchange',
    line: { kind: 'reset', bytes: 700 },
    why: /the connection in the key exchange/
  },
  { name: 'reset at login', line: { kind: 'reset', bytes: 1_700 }, why: /the connection before login/ },
  {
    name: 'reset at the channel',
    line: { kind: 'reset', bytes: 2_300 },
    why: /the host opened no session after login: the connection was (?:closed|lost)/
  },
  {
    name: 'reset in mid-output',
    line: { kind: 'reset', bytes: 5_000 },
    why: /connection was (?:closed|lost)/
  },
  { name: 'half-open from the start', line: { kind: 'swallow', bytes: 0 }, why: silent, ...hangs },
  { name: 'half-open in the key exchange', line: { kind: 'swallow', bytes: 700 }, why: silent, ...hangs },
  {
    name: 'another host key',
    trust: 'another key',
    why: /host key of \S+ has changed: it shows ssh-ed25519 SHA256:/
  },
  { name: 'an unknown host key', trust: 'no key', why: /host key of \S+ is unknown: ssh-ed25519 SHA256:/ },
  { name: 'a key that is not let in', trust: 'not our key', why: /refused the login of \S+/ },
  { name: 'MaxSessions 0', sshd: 'MaxSessions 0', why: /the host opened no session: .*open failed/ },
  {
    name: 'MaxStartups 1, taken by somebody who does not log in',
    sshd: 'MaxStartups 1:100:1',
    line: 'hold',
    why: /before its banner/
  },
  {
    name: 'nologin',
    login: 'exec /usr/sbin/nologin',
    why: /the shell on the host exited with 1 \(it printed: .*not available/
  },
  { name: 'an rc that takes for ever', login: `sleep 60; ${bash}`, why: silent, ...hangs },
  { name: 'a login that prints without an end', login: 'exec yes', why: /prints too much/ },
  {
    name: 'docker that floods',
    docker: 'exec yes',
    why: /the output of `docker service ls .*` was cut at \d+ bytes|it printed more than \d+ lines/
  },
  { name: 'docker that prints half a character', docker: "printf '\\303'", why: /./ },
  {
    name: 'docker that prints half a document',
    docker: '$real "$@" | head -c 45',
    why: /output not understood .*Unterminated string in JSON/
  },
  { name: 'docker that dies', docker: 'kill -9 $$', why: /`docker service ls .*` ended with 137/ },
  {
    name: 'docker that hangs, ignores TERM and leaves a child',
    docker: 'trap "" TERM; setsid sleep 60 & sleep 60',
    why: /no answer within \d+ s/
  }
]

/** What looks like a fault and keeps nobody from being answered. */
const harmless: readonly Pick<Fault, 'name' | 'login' | 'sshd'>[] = [
  { name: 'MaxSessions 1', sshd: 'MaxSessions 1' },
  { name: 'a shell with a banner', login: `echo 'Welcome!'; printf 'no line end'; echo tty >&2; ${bash}` },
  { name: 'a slow rc', login: `sleep 1; ${bash}` },
  ...(existsSync('/usr/bin/fish') ? [{ name: 'fish', login: 'exec fish -c "$SSH_ORIGINAL_COMMAND"' }] : [])
]

interface Faulty {
  readonly fault: Partial<Fault> & { readonly name: string }
  readonly milestone: string
  readonly config: string
  /** When connections arrived, as ticks. */
  readonly dials: readonly number[]
  cause(): Promise<void>
  mend(): Promise<void>
  close(): Promise<void>
}

async function startFaulty(
  dir: string,
  milestone: string,
  fault: Faulty['fault'],
  docker: string
): Promise<Faulty> {
  const at = (name: string) => join(dir, name)
  await mkdir(at('bin'), { recursive: true })
  const executable = async (name: string, script: string) => {
    await writeFile(at(name), `#!/bin/sh\n${script}\n`)
    await chmod(at(name), 0o755)
  }
  await writeFile(at('host'), hostKey.private, { mode: 0o600 })
  await writeFile(at('client'), ours.private, { mode: 0o600 })
  const path = `PATH=${at('bin')}:$PATH; export PATH`

  let sshd: ChildProcess | undefined
  let inner = 0
  async function serve({
    sshd: more = '',
    login = bash,
    docker: script,
    trust
  }: Partial<Fault>): Promise<void> {
    sshd?.kill('SIGKILL')
    await executable('login', `${path}\n${login}`)
    await executable('bin/docker', script === undefined ? docker : `real=${at('real')}\n${script}`)
    await executable('real', docker)
    await writeFile(at('authorized'), `${(trust === 'not our key' ? other : ours).public}\n`)
    const known = trust === 'another key' ? other : hostKey
    await writeFile(at('known'), trust === 'no key' ? '# nobody\n' : `[127.0.0.1]:${port} ${known.public}\n`)
    // A port that was free may be another server's by now.
    for (let tries = 0; !(await listens(more)); tries += 1) assert(tries < 10)
  }

  async function listens(more: string): Promise<boolean> {
    inner = await freePort()
    await writeFile(
      at('config'),
      [
        more,
        `ListenAddress 127.0.0.1:${inner}`,
        `HostKey ${at('host')}`,
        `AuthorizedKeysFile ${at('authorized')}`,
        `ForceCommand ${at('login')}`,
        'PermitRootLogin yes',
        'PasswordAuthentication no',
        'KbdInteractiveAuthentication no',
        'UsePAM no',
        'StrictModes no',
        'PidFile none'
      ].join('\n')
    )
    const started = spawn('/usr/sbin/sshd', ['-D', '-e', '-f', at('config')], {
      stdio: ['ignore', 'ignore', 'pipe']
    })
    sshd = started
    let said = ''
    started.stderr.on('data', chunk => {
      said += String(chunk)
    })
    await vi.waitFor(() => assert.match(said, /Server listening|failed/), { timeout: generous(40_000) })
    if (/Server listening/.test(said)) return true
    started.kill('SIGKILL')
    return false
  }

  let line: Fault['line']
  let holder: Socket | undefined
  const dials: number[] = []
  const sockets = new Set<Socket>()
  const server = createServer({ noDelay: true }, socket => {
    dials.push(tick())
    const onward = connect({ host: '127.0.0.1', port: inner, noDelay: true })
    for (const each of [socket, onward]) {
      sockets.add(each)
      each.on('error', () => undefined)
      each.on('close', () => {
        sockets.delete(each)
        socket.destroy()
        onward.destroy()
      })
    }
    socket.pipe(onward)
    let said = 0
    onward.on('data', (chunk: Buffer) => {
      const left = typeof line === 'object' ? Math.max(0, line.bytes - said) : chunk.length
      said += chunk.length
      socket.write(chunk.subarray(0, left))
      if (left >= chunk.length || typeof line !== 'object' || line.kind === 'swallow') return
      if (line.kind === 'close') socket.end()
      // What was let through is on its way first.
      else setTimeout(() => socket.resetAndDestroy(), 100)
    })
  })
  const listen = (at: number) => new Promise<void>(done => server.listen(at, '127.0.0.1', done))
  const end = async () => {
    for (const socket of sockets) socket.destroy()
    await new Promise(done => server.close(done))
  }
  await listen(0)
  const address = server.address()
  assert(address !== null && typeof address !== 'string')
  const { port } = address
  await serve({})
  const files = `identityFile: ${at('client')}, knownHosts: ${at('known')}`
  const { username } = userInfo()
  return {
    fault,
    milestone,
    config: `h${milestone}: { ssh: ${username}@127.0.0.1:${port}, ${files}, timeout: ${fault.timeout ?? patience.host}s }`,
    dials,
    async cause() {
      await serve(fault)
      line = fault.line
      if (line === 'refuse') await end()
      if (line !== 'hold') return
      holder = connect({ host: '127.0.0.1', port: inner })
      holder.on('error', () => undefined)
      await once(holder, 'data')
    },
    async mend() {
      holder?.destroy()
      if (line === 'refuse') await listen(port)
      line = undefined
      await serve({})
    },
    async close() {
      holder?.destroy()
      await end()
      sshd?.kill('SIGKILL')
    }
  }
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>(done => server.listen(0, '127.0.0.1', done))
  const address = server.address()
  await new Promise(done => server.close(done))
  assert(address !== null && typeof address !== 'string')
  return address.port
}

/** A docker for sh that answers what a real one answered. */
async function recordedDocker(dir: string, { recordings }: FlakyHost): Promise<string> {
  const cases = await Promise.all(
    recordings
      .filter(({ argv: [program], exit }) => program === 'docker' && exit === 0)
      .map(async ({ argv, stdout }, n) => {
        const file = join(dir, `recorded-${n}`)
        await writeFile(file, stdout)
        return `'${argv.slice(1).join(' ').replaceAll("'", `'\\''`)}') exec cat ${file};;`
      })
  )
  return `case "$*" in\n${cases.join('\n')}\nesac\nexit 3`
}

const [hostKey, ours, other] = [keyPair(), keyPair(), keyPair()]

const seconds = (ms: number) => `${(ms / 1000).toFixed(1)} s`

describe.skipIf(!existsSync('/usr/sbin/sshd'))('a fault of a host or of the line to it', () => {
  let well: FlakyHost
  let scene: Scene
  let watched: Watched
  let running: { stop(): Promise<void> } | undefined
  let all: readonly Faulty[] = []
  let faulty: readonly Faulty[] = []
  const claims = new Map<string, string>()
  const table: string[] = []
  /** When each event came, as a tick. */
  const heardAt = new Map<Event, number>()
  const at = (event: Event | undefined) =>
    (event === undefined ? undefined : heardAt.get(event)) ?? Number.NaN

  const lines = (event: string, { milestone }: Faulty) =>
    watched.log.filter(each => each.event === event && each['claim'] === claims.get(milestone))
  /** From the beginning of the first look to the line that says why it saw nothing, in milliseconds. */
  const toldAfter = (each: Faulty) =>
    at(lines('observation.failed', each)[0]) - at(lines('review.started', each)[0])
  /** The same at most: a login, and what is asked in several rounds, each within the time for a read. */
  const toldWithin = ({ fault }: Faulty) =>
    (fault.timeout ?? (fault.docker === undefined ? patience.host : patience.host + patience.read)) * 1000 +
    graceMs
  const whys = (each: Faulty) => lines('observation.failed', each).map(({ why }) => String(why))
  const answers = async () => new Map((await scene.verdicts()).map(({ verdict }) => [verdict, true]))

  beforeAll(async () => {
    if (process.getuid?.() === 0) await mkdir('/run/sshd', { recursive: true })
    scene = await makeScene({ hosts: [], more: ['poll: 500ms', 'retry: 10m'] })
    const { dir } = scene.repo
    well = await startFlakyHost(dir, 'well')
    const docker = await recordedDocker(dir, well)
    const start = (fault: Faulty['fault'], n: number) =>
      startFaulty(join(dir, `host-${n}`), `M${n}`, fault, docker)
    all = await Promise.all([...faults, ...harmless].map(start))
    faulty = all.slice(0, faults.length)
    const config = join(scene.home, 'adversary.yaml')
    const hosts = [...patient(well), ...all.map(each => each.config)].map(each => `  ${each}\n`)
    await writeFile(config, (await readFile(config, 'utf8')).replace('hosts:\n', `hosts:\n${hosts.join('')}`))
    const check = (on: string) =>
      `checks: [{ probe: stray-stacks, on: ${on}, with: { forbid: ["nobody*"] } }]`
    const milestones = all.map(({ milestone }) => `  ${milestone}: { ${check(`h${milestone}`)} }\n`)
    const plan = (milestones: string) =>
      scene.plan('one', `milestones:\n${milestones}  Z1: { ${check('well')} }\nhunt: { probes: [] }\n`)
    // The first look of all is at the host that is well; the others come to the plan afterwards.
    await plan('')
    watched = await scene.context({ heard: event => heardAt.set(event, tick()) })
    running = watched.start()
    const oriented = () => assert(watched.log.some(({ event }) => event === 'orientation.published'))
    await vi.waitFor(oriented, { timeout: generous(60_000), interval: 200 })
    await Promise.all(all.map(each => each.cause()))
    await plan(milestones.join(''))
  })
  afterAll(async () => {
    await running?.stop()
    await well.close()
    await Promise.all(all.map(each => each.close()))
    await scene.dispose()
    process.stdout.write(`${table.join('\n')}\n`)
  })

  it('keeps its own claim waiting, says why, and is over without help', async () => {
    const before = new Map(all.map(each => [each, each.dials.length]))
    await scene.repo.builder.pull()
    for (const { milestone } of all) {
      claims.set(milestone, await scene.repo.builder.commit(`claim(one-${milestone}): done`))
    }
    await scene.repo.builder.push()
    await expect
      .poll(() => faulty.filter(each => whys(each).length === 0).map(({ fault }) => fault.name), {
        timeout: generous(120_000)
      })
      .toEqual([])
    claims.set('Z1', await scene.claim('one-Z1'))
    const expected = [
      'one-Z1 PASS',
      ...all.slice(faults.length).map(({ milestone }) => `one-${milestone} PASS`)
    ]
    await expect
      .poll(answers, { timeout: generous(60_000) })
      .toEqual(new Map(expected.map(each => [each, true])))

    const untrue = faulty.flatMap(each => {
      const wrong = whys(each).filter(why => each.fault.why?.test(why) !== true)
      return wrong.map(why => `${each.fault.name}: ${why}`)
    })
    expect(untrue).toEqual([])
    expect(faulty.flatMap(each => lines('task.failed', each))).toEqual([])
    const late = faulty.filter(each => !(toldAfter(each) <= toldWithin(each)))
    expect(late.map(each => [each.fault.name, toldAfter(each), toldWithin(each)])).toEqual([])

    // One mended after the other, those first that hold a look up for longest: what is measured is each by itself.
    const recovered = new Map<Faulty, { readonly ms: number; readonly pauseMs: number }>()
    const order = [...faulty].sort((a, b) => toldAfter(b) - toldAfter(a))
    const mended = new Map<Faulty, number>()
    for (const each of order) {
      await each.mend()
      mended.set(each, tick())
      await new Promise(done => setTimeout(done, 1_500))
    }
    const published = (each: Faulty) => lines('review.published', each)
    await expect
      .poll(() => faulty.filter(each => published(each).length === 0).map(({ fault }) => fault.name), {
        timeout: generous(200_000),
        interval: 200
      })
      .toEqual([])
    expect(faulty.flatMap(published).filter(({ verdict }) => verdict !== 'PASS')).toEqual([])

    for (const each of faulty) {
      const since = mended.get(each) ?? Number.NaN
      const last = lines('observation.failed', each).at(-1)
      // What was left of the pause that it was in, and then its look.
      const pauseMs = Math.max(0, at(last) + Number(last?.['again_in_ms']) - since)
      recovered.set(each, { ms: at(published(each)[0]) - since, pauseMs })
    }
    // Up to all of them may come due at once, and are looked at one after the other.
    const slow = [...recovered].filter(
      ([, { ms, pauseMs }]) => !(ms - pauseMs < faulty.length * 3_000 + graceMs)
    )
    expect(slow.map(([{ fault }, times]) => [fault.name, times])).toEqual([])

    // Counted where they arrive: 0.5 s from the first to the second, 1 s to the third, … and never less.
    const hammered = faulty.flatMap(each => {
      const until = mended.get(each) ?? Number.NaN
      const dials = each.dials.slice(before.get(each)).filter(dial => dial < until)
      return dials.flatMap((dial, n) => {
        const gapMs = dial - (dials[n - 1] ?? Number.NEGATIVE_INFINITY)
        return gapMs >= 500 * 2 ** (n - 1) - 20 ? [] : [[each.fault.name, n, gapMs]]
      })
    })
    expect(hammered).toEqual([])

    for (const each of faulty) {
      const { ms = Number.NaN, pauseMs = Number.NaN } = recovered.get(each) ?? {}
      const times = [toldAfter(each), ms, pauseMs].map(seconds)
      table.push(`| ${[each.fault.name, whys(each)[0], ...times].join(' | ')} |`)
    }
  }, 2_000_000)
})
