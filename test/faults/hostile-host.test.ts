import { existsSync } from 'node:fs'
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { recordedPhase } from '../../src/cli/demo/recording.ts'
import { type Way, ways } from '../support/hostile-ways.ts'
import { buildProduct, type Product, type Watching } from '../support/killed.ts'
import { generous } from '../support/pace.ts'
import { watchTree } from '../support/process-tree.ts'
import { testGit } from '../support/repo.ts'
import { type Answered, eventually, makeScene, type Scene } from '../support/scene.ts'
import { type Sshd, startSshd } from '../support/sshd.ts'

/**
 * One host of two attacks the reviewer, in every way that there is: by what its programs print, by what a builder wrote
 * on it, and by a login that is no reader. What concerns the other host is answered each time, memory has a bound, and
 * the watcher ends when it is told to.
 */

const MiB = 2 ** 20
// Two of the ways hold 330 and 370 MiB since boots are rehearsed; all others stay below 300.
const bound = { bytes: 400 * MiB, endMs: generous(10_000) }
/** Watchers beside each other: most ways are waited for rather than computed. */
const lanes = 5

interface Lane {
  readonly scene: Scene
  readonly use: (way: Way) => Promise<void>
}

describe.skipIf(!existsSync('/usr/sbin/sshd'))('a hostile host', () => {
  let dir: string
  let sshd: Sshd
  let product: Product
  const all: Lane[] = []
  const free: ((lane: Lane) => void)[] = []
  const idle: Lane[] = []

  const at = (...names: string[]) => join(dir, ...names)
  const executable = async (file: string, script: string) => {
    await writeFile(file, `#!/bin/sh\n${script}\n`)
    await chmod(file, 0o755)
  }

  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'adversary-ways-'))
    await mkdir(at('usual'))
    await usualPrograms(at('usual'), executable)
    const accounts: Record<string, string> = { good: at('login-good') }
    await executable(
      at('login-good'),
      `PATH=${at('usual')}:$PATH; export PATH; exec /bin/sh -c "$SSH_ORIGINAL_COMMAND"`
    )
    for (let n = 0; n < lanes; n += 1) {
      accounts[`bad${n}`] = at(`login-${n}`)
      await mkdir(at(`way-${n}`, 'bin'), { recursive: true })
      const here = at(`way-${n}`)
      await executable(
        at(`login-${n}`),
        `here=${here} usual=${at('usual')}; PATH=$here/bin:$usual:$PATH; export here usual PATH
[ -x $here/login ] && exec $here/login
exec /bin/sh -c "$SSH_ORIGINAL_COMMAND"`
      )
    }
    sshd = await startSshd(at('sshd'), accounts)
    product = await buildProduct('hostile-host')
    for (let n = 0; n < lanes; n += 1) {
      const scene = await makeScene({
        hosts: [`good: ${sshd.line('good')}`, `bad: ${sshd.line(`bad${n}`)}`],
        more: ['poll: 200ms', 'retry: 10m']
      })
      const lane: Lane = { scene, use: way => useWay(at(`way-${n}`), way, executable) }
      all.push(lane)
      await scene.plan('one', plan)
      // Before the host turns hostile.
      const watched = await scene.context()
      await watched.once()
      await watched.close()
      idle.push(lane)
    }
  })
  afterAll(async () => {
    await product.dispose()
    await Promise.all(all.map(({ scene }) => scene.dispose()))
    await sshd.close()
    await rm(dir, { recursive: true, force: true })
  })

  const take = async () => idle.shift() ?? (await new Promise<Lane>(got => free.push(got)))
  const giveBack = (lane: Lane) => {
    const next = free.shift()
    if (next === undefined) idle.push(lane)
    else next(lane)
  }

  it.concurrent.each(ways.map((way, index) => [way.name, way, index] as const))(
    '%s',
    { timeout: generous(300_000) },
    async (_, way, index) => {
      const lane = await take()
      const { scene } = lane
      await lane.use(way)
      const claim = await scene.claim('one-M1')
      const watcher = watching(product, scene)
      try {
        const review = await eventually(
          async () => (await scene.verdicts()).find(each => each.claim === claim),
          300
        )
        // Once more, and ended in the midst of what the host does to it, now here, now there.
        const next = await scene.claim('one-M1')
        await eventually(async () => watcher.events.some(isAbout(next, 'review.started')))
        await new Promise(done => setTimeout(done, (index * 300) % 2_100))
        const { code, ms, peakBytes } = await watcher.end()
        const peak = `${Math.round(peakBytes / MiB)} MiB`
        expect({
          verdict: review.verdict,
          code,
          end: ms < bound.endMs ? 'in time' : `${ms} ms`,
          memory: peakBytes < bound.bytes ? 'within its bound' : peak,
          passes: way.isMute ? await passesOf(scene, review) : []
        }).toEqual({
          verdict: 'one-M1 FAIL',
          code: 0,
          end: 'in time',
          memory: 'within its bound',
          passes: []
        })
      } finally {
        await watcher.end()
        giveBack(lane)
      }
    }
  )
})

const plan = `milestones:
  M1:
    checks:
      - { probe: stray-stacks, on: good, with: { forbid: ["*"] } }
      - { probe: unit-script, on: bad, with: { unit: swarm-init, contains: "docker swarm init" } }
      - { probe: unit-activation, on: bad, with: { unit: deploy-proxy } }
      - { probe: network-addresses, on: bad, with: { network: proxy } }
      - { probe: network-subnet, on: bad, with: { network: proxy, subnet: 10.10.0.0/16 } }
      - { probe: journal-silent, on: bad, with: { unit: docker, matches: panic, since: "2026-01-01T00:00:00Z" } }
host: bad
hunt: { probes: all, every: 24h }
`

interface Line {
  readonly event?: unknown
  readonly claim?: unknown
}

const isAbout = (claim: string, event: string) => (line: Line) => line.event === event && line.claim === claim

function watching(product: Product, scene: Scene) {
  const events: Line[] = []
  const child: Watching = product.watch(scene.home, line => {
    if (line.startsWith('{')) events.push(JSON.parse(line))
  })
  const tree = watchTree(child.pid)
  let ended: Promise<{ code: number | null; ms: number; peakBytes: number }> | undefined
  const end = async () => {
    const asked = performance.now()
    const code = await child.stop()
    tree.stop()
    return { code, ms: performance.now() - asked, peakBytes: tree.peakBytes() }
  }
  return { events, end: () => (ended ??= end()) }
}

/** Checks of the hostile host that passed in a review. Its clock may be right whatever else it says. */
async function passesOf(scene: Scene, { commit }: Answered): Promise<readonly unknown[]> {
  const field = '--format=%(trailers:key=Adversary-Evidence,valueonly)'
  const words = await testGit(scene.repo.remote, ['log', '-1', field, commit])
  const evidence = JSON.parse(await scene.file(words.split(' ')[0] ?? '', commit))
  return [...evidence.checks, ...evidence.hunts].filter(
    ({ on, outcome, probe }) => on === 'bad' && outcome === 'pass' && probe !== 'clock-skew'
  )
}

/** Programs that answer every recorded question, and nothing else. */
async function usualPrograms(
  dir: string,
  executable: (file: string, script: string) => Promise<void>
): Promise<void> {
  const recordings = (await recordedPhase()).before(Date.now())
  const cases = new Map<string, string[]>()
  for (const [n, { argv, exit, stdout }] of recordings.entries()) {
    const [program = '', ...words] = argv
    if (program === 'date') continue
    await writeFile(join(dir, `recorded-${n}`), stdout)
    const asked = `'${words.join(' ').replaceAll("'", `'\\''`)}'`
    cases.set(program, [
      ...(cases.get(program) ?? []),
      `${asked}) /bin/cat ${join(dir, `recorded-${n}`)}; exit ${exit};;`
    ])
  }
  for (const [program, answers] of cases) {
    const rest = ['head', 'cat', 'sed', 'stat'].includes(program) ? `exec /usr/bin/${program} "$@"` : 'exit 3'
    await executable(join(dir, program), `case "$*" in\n${answers.join('\n')}\nesac\n${rest}`)
  }
}

async function useWay(
  dir: string,
  { programs = {}, login, files = {} }: Way,
  executable: (file: string, script: string) => Promise<void>
): Promise<void> {
  await rm(dir, { recursive: true })
  await mkdir(join(dir, 'bin'), { recursive: true })
  for (const [name, make] of Object.entries(files)) await writeFile(join(dir, name), make())
  for (const [name, script] of Object.entries(programs)) await executable(join(dir, 'bin', name), script)
  if (login !== undefined) await executable(join(dir, 'login'), login)
}
