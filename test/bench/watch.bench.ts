import { spawn } from 'node:child_process'
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { makeLongHistory } from '../support/long-history.ts'
import { makeScene } from '../support/scene.ts'
import type { Group, Prepared } from './bench.ts'
import { program, run } from './processes.ts'

/** A watcher that has nothing to do, and one that has something to do at last. */

const pollMs = 200
const many = 500
/** How often each of them is polled. */
const crowdPollMs = 20_000

export const group: Group = {
  name: 'Watching',
  obstacle: async () => (process.platform === 'linux' ? null : 'it reads /proc'),
  async prepare() {
    const dir = await mkdtemp(join(tmpdir(), 'adversary-watching-'))
    const shim = await gitThatIsCounted(dir)
    const histories = await Promise.all(
      [1_000, 100_000].map(commits => makeLongHistory({ commits, reviews: 20, dir: join(dir, `${commits}`) }))
    )
    const [short = '', long = ''] = await Promise.all(
      histories.map(async ({ dir: at, remote, key }) => {
        const home = join(at, 'home')
        await writeHome(home, { remote, key, signers: join(at, 'allowed_signers'), poll: `${pollMs}ms` })
        return home
      })
    )
    const bare = histories[1]?.remote ?? ''
    const waiting = await claimed(1_000)
    const crowd = await crowdOf(join(dir, 'crowd'))
    return {
      benches: [
        {
          name: 'an idle poll of 100,000 commits: processor time, one git process',
          ours: { name: 'poll of 100,000 commits', run: () => idlePoll(long, shim) },
          baselines: [
            { name: 'poll of 1,000 commits', run: () => idlePoll(short, shim), limit: 1.2 },
            { name: '`git ls-remote` alone', run: () => lsRemote(bare) }
          ],
          unit: 'ms',
          rounds: 3
        },
        ...waiting.benches,
        ...crowd.benches
      ],
      async dispose() {
        await crowd.dispose()
        await waiting.dispose()
        await rm(dir, { recursive: true, force: true, maxRetries: 3 })
      }
    }
  }
}

interface Shim {
  readonly path: string
  /** The command lines since it was asked last. */
  taken(): Promise<readonly string[]>
}

/** A `git` before the real one that writes down that it was started. */
async function gitThatIsCounted(dir: string): Promise<Shim> {
  const bin = join(dir, 'bin')
  const log = join(dir, 'git.log')
  await mkdir(bin, { recursive: true })
  const { stdout } = await run(['sh', '-c', 'command -v git'])
  await writeFile(join(bin, 'git'), `#!/bin/sh\necho "$*" >> '${log}'\nexec ${stdout.trim()} "$@"\n`, {
    mode: 0o755
  })
  await writeFile(log, '')
  return {
    path: `${bin}:${process.env['PATH'] ?? ''}`,
    async taken() {
      const lines = (await readFile(log, 'utf8')).split('\n').filter(line => line !== '')
      await writeFile(log, '')
      return lines
    }
  }
}

async function writeHome(
  home: string,
  at: { readonly remote: string; readonly key: string; readonly signers: string; readonly poll: string }
): Promise<void> {
  await mkdir(join(home, 'plans'), { recursive: true })
  await writeFile(
    join(home, 'adversary.yaml'),
    `repo: { url: ${at.remote}, branch: main }
identity: { name: adversary-bot, email: adversary@example.test, signingKey: ${at.key} }
hosts: { here: { transport: local } }
gate: { allowedSigners: ${at.signers} }
poll: ${at.poll}
`
  )
  const check = '{ probe: repo-file, with: { path: README.md, contains: a repo } }'
  await writeFile(
    join(home, 'plans/other.yaml'),
    `phase: other\nmilestones: { M1: { checks: [${check}] } }\nhunt: { probes: [] }\n`
  )
}

const asksRemote = (line: string) => /\bls-remote\b/.test(line)

interface Watcher {
  readonly pid: number
  stop(): Promise<void>
}

/** Starts a watcher, and waits until each of its homes has begun and it does nothing but poll. `words` name them. */
async function watching(words: readonly string[], homes: number, shim: Shim): Promise<Watcher> {
  await shim.taken()
  const child = spawn(process.execPath, [program, 'watch', ...words], {
    env: { ...process.env, PATH: shim.path },
    stdio: ['ignore', 'ignore', 'pipe']
  })
  let said = ''
  const seen = { begun: 0 }
  createInterface({ input: child.stderr }).on('line', line => {
    if (line.includes('"event":"watcher.started"')) seen.begun += 1
    said = `${said}${line}\n`.slice(-2_000)
  })
  const ended = new Promise<void>(done => child.on('close', () => done()))
  const stop = async () => {
    child.kill('SIGTERM')
    await ended
  }
  try {
    // Twice each: what a home does first of all comes between its first poll and its second.
    for (let asked = 0, quietMs = 0; seen.begun < homes || asked < 2 * homes + 1 || quietMs < 1_000; ) {
      if (child.exitCode !== null) throw new Error(`the watcher ended: ${said}`)
      await pause(200)
      const lines = await shim.taken()
      const asks = lines.filter(asksRemote).length
      asked += asks
      quietMs = lines.length === asks ? quietMs + 200 : 0
    }
  } catch (error) {
    await stop()
    throw error
  }
  return { pid: child.pid ?? 0, stop }
}

/** What one poll of this home costs the processor, in ms. */
async function idlePoll(home: string, shim: Shim): Promise<number> {
  const watcher = await watching(['--home', home], 1, shim)
  try {
    return await pollCost(watcher.pid, 25 * pollMs, shim)
  } finally {
    await watcher.stop()
  }
}

/** What one poll costs the processor, git's own part included, in ms. Throws if it is more than one process. */
async function pollCost(pid: number, forMs: number, shim: Shim): Promise<number> {
  const before = await processorMs(pid)
  await shim.taken()
  await pause(forMs)
  const lines = await shim.taken()
  const after = await processorMs(pid)
  const polls = lines.filter(asksRemote).length
  if (polls < 5 || lines.length !== polls) throw new Error(`${lines.length} processes in ${polls} polls`)
  return (after - before) / polls
}

/** The processor time of a process and of the children that it has waited for, in ms. */
async function processorMs(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8')
  // Behind the name: the 12th to the 15th are ticks of 10 ms.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return fields.slice(11, 15).reduce((sum, field) => sum + Number(field) * 10, 0)
}

async function lsRemote(remote: string): Promise<number> {
  const times = 20
  const script = `for n in $(seq ${times}); do git ls-remote '${remote}' refs/heads/main >/dev/null; done; times`
  const { stdout } = await run(['bash', '-c', script])
  const [, children = ''] = stdout.trim().split('\n')
  const seconds = [...children.matchAll(/(?<minutes>\d+)m(?<seconds>[\d.]+)s/g)].map(
    ({ groups }) => Number(groups?.['minutes']) * 60 + Number(groups?.['seconds'])
  )
  return (seconds.reduce((sum, each) => sum + each, 0) * 1000) / times
}

async function residentMb(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8')
  return Number(/^VmRSS:\s+(?<kb>\d+)/m.exec(status)?.groups?.['kb']) / 1024
}

/**
 * Homes in one process: all but one are copies of one that was watched before, and have its remote in common; the
 * other has a remote of its own, and claims are pushed there. It starts with the first bench that looks at it.
 */
async function crowdOf(dir: string): Promise<Prepared> {
  const first = await makeLongHistory({ commits: 50, reviews: 2, dir })
  const home = (n: number) => join(dir, 'homes', `home-${n}`)
  const signers = join(dir, 'allowed_signers')
  await writeHome(home(1), { remote: first.remote, key: first.key, signers, poll: `${crowdPollMs}ms` })
  await run([process.execPath, program, 'watch', '--once', '--home', home(1)])
  for (let n = 2; n < many; n += 1) await cp(home(1), home(n), { recursive: true })
  const one = await claimed(crowdPollMs)
  const shim = await gitThatIsCounted(dir)
  const aloneShim = await gitThatIsCounted(join(dir, 'alone'))
  let all: Promise<Watcher> | undefined
  const crowd = () => (all ??= watching(['--homes', join(dir, 'homes'), one.home], many, shim))
  const alone = async <T>(look: (pid: number) => Promise<T>) => {
    const watcher = await watching(['--home', home(1)], 1, aloneShim)
    return look(watcher.pid).finally(() => watcher.stop())
  }
  return {
    benches: [
      {
        name: `${many} homes in one process: memory`,
        ours: { name: `${many} homes`, run: async () => residentMb((await crowd()).pid) },
        baselines: [{ name: '1 home', run: () => alone(residentMb) }],
        unit: 'MB',
        rounds: 1
      },
      {
        name: `${many} homes in one process, each polled every ${crowdPollMs / 1000} s: processor time of a poll`,
        ours: { name: `${many} homes`, run: async () => pollCost((await crowd()).pid, crowdPollMs, shim) },
        baselines: [{ name: '`git ls-remote` alone', run: () => lsRemote(first.remote) }],
        unit: 'ms',
        rounds: 1
      },
      {
        name: `from a claim's push to its review's, in one of ${many} homes`,
        ours: {
          name: 'watch --homes',
          async run() {
            await crowd()
            return one.answered()
          }
        },
        baselines: [{ name: 'poll interval and `adversary review`', limit: 1, run: one.byHand }],
        unit: 'ms',
        rounds: 2
      }
    ],
    async dispose() {
      await all?.then(watcher => watcher.stop()).catch(() => undefined)
      await one.dispose()
    }
  }
}

interface Claimed extends Prepared {
  readonly home: string
  /** Pushes a claim. Answers after how many ms a watcher's review was pushed. */
  answered(): Promise<number>
  /** A review by hand, and the interval that a poll may be away. In ms. */
  byHand(): Promise<number>
}

/** From the push of a claim to the push of its review, beside what it is made of. */
async function claimed(every: number): Promise<Claimed> {
  const scene = await makeScene({ more: [`poll: ${every}ms`] })
  const check = '{ probe: repo-file, with: { path: README.md, contains: a repo } }'
  await scene.plan('one', `milestones: { M1: { checks: [${check}] } }\nhunt: { probes: [] }\n`)
  // What a watcher pushes first, its look at what is there already, must not come between.
  await scene.commit('core: a first commit')
  await run([process.execPath, program, 'watch', '--once', '--home', scene.home])
  const watcher = () => {
    const child = spawn(process.execPath, [program, 'watch', '--home', scene.home], { stdio: 'ignore' })
    const ended = new Promise<void>(done => child.on('close', () => done()))
    return async () => {
      child.kill('SIGTERM')
      await ended
    }
  }
  const head = join(scene.repo.remote, 'refs/heads/main')
  const answered = async () => {
    const claim = await scene.claim('one-M1')
    const started = performance.now()
    while ((await readFile(head, 'utf8')).trim() === claim) {
      if (performance.now() - started > 3 * every + 30_000) throw new Error('no review was pushed')
      await pause(10)
    }
    return performance.now() - started
  }
  const byHand = async () => {
    const claim = await scene.claim('one-M1')
    return every + (await run([process.execPath, program, 'review', claim, '--home', scene.home])).ms
  }
  return {
    home: scene.home,
    answered,
    byHand,
    benches: [
      {
        name: `from a claim's push to its review's, polling every ${every / 1000} s`,
        ours: {
          name: 'watch',
          async run() {
            const stop = watcher()
            try {
              // It has begun once it has answered the first.
              await answered()
              return await answered()
            } finally {
              await stop()
            }
          }
        },
        baselines: [{ name: 'poll interval and `adversary review`', limit: 1, run: byHand }],
        unit: 'ms',
        rounds: 5
      }
    ],
    dispose: () => scene.dispose()
  }
}

function pause(ms: number): Promise<void> {
  return new Promise(done => setTimeout(done, ms))
}
