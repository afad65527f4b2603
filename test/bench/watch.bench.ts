import { spawn } from 'node:child_process'
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { makeLongHistory } from '../support/long-history.ts'
import { makeScene } from '../support/scene.ts'
import type { Group, Prepared } from './bench.ts'
import { program, run } from './processes.ts'

/** A watcher that has nothing to do, and one that has something to do at last. */

const pollMs = 200
const many = 500

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
    const crowd = await crowdOf(join(dir, 'crowd'), many)
    const waiting = await claimed()
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
        {
          name: `${many} homes in one process, after three polls of each: memory`,
          ours: { name: `${many} homes`, run: () => residentMb(crowd.homes, shim) },
          baselines: [{ name: '1 home', run: () => residentMb(crowd.homes.slice(0, 1), shim) }],
          unit: 'MB',
          rounds: 1
        },
        ...waiting.benches
      ],
      async dispose() {
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
  await mkdir(bin)
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

/** A watcher of the homes that is idle, while `work` looks at it. */
async function whileIdle<T>(
  homes: readonly string[],
  shim: Shim,
  work: (pid: number) => Promise<T>
): Promise<T> {
  await shim.taken()
  const words = homes.length === 1 ? ['--home', homes[0] ?? ''] : ['--homes', ...homes]
  const child = spawn(process.execPath, [program, 'watch', ...words], {
    env: { ...process.env, PATH: shim.path },
    stdio: ['ignore', 'ignore', 'pipe']
  })
  let said = ''
  child.stderr.on('data', (bytes: Buffer) => (said = `${said}${bytes}`.slice(-2_000)))
  const ended = new Promise<void>(done => child.on('close', () => done()))
  try {
    let settled = 0
    while (settled < 3 * homes.length) {
      if (child.exitCode !== null) throw new Error(`the watcher ended: ${said}`)
      await pause(200)
      settled += (await shim.taken()).filter(asksRemote).length
    }
    return await work(child.pid ?? 0)
  } finally {
    child.kill('SIGTERM')
    await ended
  }
}

/** What one poll costs the processor, git's own part included, in ms. Throws if it is more than one process. */
function idlePoll(home: string, shim: Shim): Promise<number> {
  return whileIdle([home], shim, async pid => {
    const before = await processorMs(pid)
    await shim.taken()
    await pause(25 * pollMs)
    const lines = await shim.taken()
    const after = await processorMs(pid)
    const polls = lines.filter(asksRemote).length
    if (polls < 5 || lines.length !== polls) throw new Error(`${lines.length} processes in ${polls} polls`)
    return (after - before) / polls
  })
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

async function residentMb(homes: readonly string[], shim: Shim): Promise<number> {
  return whileIdle(homes, shim, async pid => {
    const status = await readFile(`/proc/${pid}/status`, 'utf8')
    return Number(/^VmRSS:\s+(?<kb>\d+)/m.exec(status)?.groups?.['kb']) / 1024
  })
}

/** Homes of small repos of their own, all copies of one. */
async function crowdOf(dir: string, count: number): Promise<{ readonly homes: readonly string[] }> {
  const first = await makeLongHistory({ commits: 50, reviews: 2, dir: join(dir, 'first') })
  const homes: string[] = []
  for (let n = 0; n < count; n += 1) {
    const remote = join(dir, `repo-${n}.git`)
    const home = join(dir, `home-${n}`)
    await cp(first.remote, remote, { recursive: true })
    await writeHome(home, {
      remote,
      key: first.key,
      signers: join(first.dir, 'allowed_signers'),
      poll: '20s'
    })
    homes.push(home)
  }
  return { homes }
}

/** From the push of a claim to the push of its review, beside what it is made of. */
async function claimed(): Promise<Prepared> {
  const every = 1_000
  const scene = await makeScene({ more: [`poll: ${every}ms`] })
  const check = '{ probe: repo-file, with: { path: README.md, contains: a repo } }'
  await scene.plan('one', `milestones: { M1: { checks: [${check}] } }\nhunt: { probes: [] }\n`)
  const watcher = () => {
    const child = spawn(process.execPath, [program, 'watch', '--home', scene.home], { stdio: 'ignore' })
    const ended = new Promise<void>(done => child.on('close', () => done()))
    return async () => {
      child.kill('SIGTERM')
      await ended
    }
  }
  const head = join(scene.repo.remote, 'refs/heads/main')
  return {
    benches: [
      {
        name: `from a claim's push to its review's, polling every ${every / 1000} s`,
        ours: {
          name: 'watch',
          async run() {
            const stop = watcher()
            try {
              // It has begun once it has answered the first.
              let ms = 0
              for (let nth = 1; nth <= 2; nth += 1) {
                const claim = await scene.claim('one-M1')
                const started = performance.now()
                while ((await readFile(head, 'utf8')).trim() === claim) await pause(10)
                ms = performance.now() - started
              }
              return ms
            } finally {
              await stop()
            }
          }
        },
        baselines: [
          {
            name: 'poll interval and `adversary review`',
            limit: 1,
            async run() {
              const claim = await scene.claim('one-M1')
              return (
                every + (await run([process.execPath, program, 'review', claim, '--home', scene.home])).ms
              )
            }
          }
        ],
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
