import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { openReviewContext } from '../../src/review/context/review-context.ts'
import { watch } from '../../src/watch/watch.ts'
import { makeScene, type Scene, startFlakyHost } from '../support/scene.ts'

/**
 * A watcher that works for a long time in a short one: polls and reviews of a real repo and a recorded host,
 * by the loop itself, and what it holds meanwhile, after the garbage is collected.
 *
 * node --expose-gc dist/test/bench/soak.js [--polls 2000] [--reviews 300] [--lines 20]
 */

const milestones = ['M1', 'M2', 'M3', 'M4', 'M5']
const checks =
  '{ probe: stray-stacks, with: { forbid: ["nobody*"] } }, { probe: replica-counts, with: { services: 9 } }'

const self = fileURLToPath(import.meta.url)

const { values } = parseArgs({
  options: {
    polls: { type: 'string', default: '2000' },
    reviews: { type: 'string', default: '300' },
    lines: { type: 'string', default: '20' },
    host: { type: 'string' }
  }
})

if (values.host !== undefined) await serve(values.host)
else await soak(Number(values.polls), Number(values.reviews), Number(values.lines))

/** The host is a process of its own: its memory is not the watcher's. */
async function serve(dir: string): Promise<void> {
  const host = await startFlakyHost(dir)
  process.send?.(host.lines)
  process.once('disconnect', () => process.exit())
}

/** Each milestone is claimed, in one push on top of what the remote has. */
async function claimAll({ repo: { builder } }: Scene): Promise<void> {
  for (;;) {
    await builder.git(['fetch', '--quiet', 'origin'])
    await builder.git(['reset', '--quiet', '--hard', 'origin/main'])
    for (const name of milestones) await builder.commit(`claim(one-${name}): done`)
    // A hunt may have pushed meanwhile.
    const pushed = await builder.push().then(
      () => true,
      () => false
    )
    if (pushed) return
  }
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise(done => setTimeout(done, 20))
}

async function soak(polls: number, reviews: number, lines: number): Promise<void> {
  const { gc } = globalThis
  if (gc === undefined) throw new Error('run it with --expose-gc')
  const dir = await mkdtemp(join(tmpdir(), 'adversary-soak-'))
  const host = fork(self, ['--host', dir])
  const [hosts] = await once(host, 'message')
  const scene = await makeScene({ hosts, more: ['poll: 100ms', 'retry: 5s'] })
  await scene.plan(
    'one',
    [
      'host: prod',
      'milestones:',
      ...milestones.map(name => `  ${name}: { checks: [${checks}] }`),
      'hunt: { every: 1m }',
      ''
    ].join('\n')
  )
  const watched = await scene.context()
  const stop = new AbortController()
  const log = () => undefined
  const { home, userHome } = watched.context
  const context = await openReviewContext(home, { userHome, signal: stop.signal, log })
  let polled = 0
  let reviewed = 0
  const running = watch(
    context,
    {
      reviewed() {
        reviewed += 1
      },
      oriented: log,
      hunted: log
    },
    { once: false, pulse: { everyMs: 1_000, heartbeat: standing => (polled = standing.polls) } }
  )
  const started = performance.now()
  const row = (...cells: readonly (string | number)[]) =>
    process.stdout.write(`${cells.map(cell => String(cell).padStart(9)).join('')}\n`)
  const show = async () => {
    gc()
    const { rss, heapUsed, external } = process.memoryUsage()
    const mb = (bytes: number) => (bytes / 1024 / 1024).toFixed(1)
    const files = (await readdir('/proc/self/fd').catch(() => [])).length
    const handles = process.getActiveResourcesInfo().length
    const seconds = Math.round((performance.now() - started) / 1000)
    row(seconds, polled, reviewed, mb(heapUsed), mb(external), mb(rss), files, handles)
  }
  row('seconds', 'polls', 'reviews', 'heap MB', 'ext. MB', 'RSS MB', 'files', 'handles')
  await show()
  for (let line = 1; line <= lines; line += 1) {
    const share = line / lines
    const batches = Math.ceil((reviews * share - reviewed) / milestones.length)
    for (let batch = 0; batch < batches; batch += 1) {
      const wanted = reviewed + milestones.length
      await claimAll(scene)
      await until(() => reviewed >= wanted)
    }
    await until(() => polled >= polls * share)
    await show()
  }
  stop.abort(new Error('enough'))
  await running
  await context.git.close()
  await scene.dispose()
  host.disconnect()
  await rm(dir, { recursive: true, force: true })
}
