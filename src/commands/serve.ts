import { AdversaryError, messageOf } from '../base/errors.ts'
import { isoSecond, nowMs, tick } from '../doors/clock.ts'
import { listen } from '../doors/http-server.ts'
import { gateOnce } from '../gate/gate.ts'
import { addressOf } from '../home/outlets.ts'
import { readSecret } from '../home/secret.ts'
import { type Log, logLine } from '../run/events.ts'
import type { Standing } from '../run/state.ts'
import { boardModel } from '../run/board-model.ts'
import type { Snapshot, World } from '../run/world.ts'
import { type Bell, makeBell } from '../serve/bell.ts'
import { boardKeeper, boardRoutes } from '../serve/board.ts'
import { droneRoute } from '../serve/drone.ts'
import { healthRoute, type Health } from '../serve/health.ts'
import { metricsRoute } from '../serve/metrics.ts'
import { type Route, router } from '../serve/routes.ts'
import { webhookRoute } from '../serve/webhook.ts'
import { type ExitCode, exitCode } from '../words.ts'
import type { CommonOptions, Io } from './io.ts'
import { packageVersion } from './package.ts'
import { sayer, watchHome, withoutProgress } from './watch.ts'
import { enter } from './world.ts'

export interface ServeOptions extends CommonOptions {
  /** Address and port, instead of the home's. */
  readonly listen?: string | undefined
}

/** The watcher of the home, and beside it the HTTP server: what wakes it, and who asks it. */
export async function run(options: ServeOptions, given: Io): Promise<ExitCode> {
  const io = given.tty ? given : withoutProgress(given)
  const log: Log = (event, details) => {
    if (options.quiet !== true) io.err(logLine(isoSecond(), event, details))
  }
  try {
    await enter(options, io, world => serve(world, options, io), { log })
  } catch (error) {
    if (!io.signal.aborted) throw error
    log('stopped', { why: messageOf(error) })
  }
  return exitCode.pass
}

async function serve(world: World, options: ServeOptions, io: Io): Promise<void> {
  const place = placeOf(world, options)
  const bell = makeBell()
  const known: Known = { standing: null, seen: null }
  const routes = await routesOf(world, io, bell, known)
  const server = await listen({
    ...place,
    handle: router(routes),
    fault: (error, path) => world.log('request failed', { path, why: messageOf(error) })
  })
  world.log('listening', { url: server.url, routes: [...new Set(routes.map(({ name }) => name))].join(', ') })
  try {
    await watchHome(
      world,
      options,
      io,
      {
        ...sayer(io, () => undefined),
        seen(at, by) {
          known.seen = { at, world: by }
        }
      },
      {
        wait: bell.wait,
        beat: standing => {
          known.standing = standing
        }
      }
    )
  } finally {
    await server.close()
  }
}

/** What the watcher said last. */
interface Known {
  standing: Standing | null
  /** What it read of the repo, and by which plans. */
  seen: { readonly at: Snapshot; readonly world: World } | null
}

/**
 * Everything that the server answers. Whoever has more to show adds a route here.
 *
 * @throws AdversaryError `usage` for a secret that is missing: better now than at the first request.
 */
async function routesOf(world: World, io: Io, bell: Bell, known: Known): Promise<readonly Route[]> {
  const { home } = world
  const { webhook, drone } = home.serve
  const routes: Route[] = [
    healthRoute(() => (known.standing === null ? null : healthOf(known.standing)), nowMs),
    ...(await sights(world, known))
  ]
  if (webhook !== null) {
    const secret = () => readSecret(webhook, io.env)
    await secret()
    routes.push(
      webhookRoute({
        secret,
        branches: [home.repo.branch],
        ring: () => bell.ring(),
        refused: refusals(world, 'webhook'),
        now: nowMs
      })
    )
  }
  if (drone !== null) {
    const secret = () => readSecret(drone.secret, io.env)
    await secret()
    routes.push(
      droneRoute({
        config: drone,
        secret,
        refused: refusals(world, 'drone'),
        decided: ({ build, answer, why }) =>
          world.log('build asked', { about: build, answer, ...(why === '' ? {} : { why }) }),
        now: nowMs,
        ask: (gate, commit, signal) =>
          gateOnce({
            gate,
            commit,
            remote: home.repo.url,
            branch: home.repo.branch,
            ...(home.repo.reviewBranch === null ? {} : { reviewBranch: home.repo.reviewBranch }),
            ...(home.repo.name === null ? {} : { repo: home.repo.name }),
            allowedSigners: world.trust.allowed,
            reviewer: world.trust.reviewer,
            now: nowMs(),
            signal
          })
      })
    )
  }
  return routes
}

/** Of so many of the newest reviews the evidence can be read; the repo has all. */
const newestPages = 200

/** The board and the metrics, where the home wants them: both of one reading. */
async function sights({ home, log }: World, known: Known): Promise<readonly Route[]> {
  const version = await packageVersion()
  const board = boardKeeper({
    key: () =>
      known.seen === null
        ? null
        : [known.seen.at.tip, known.seen.at.record.tip, plansOf(known.seen.world)].join(' '),
    async make() {
      if (known.seen === null) throw new AdversaryError('repository', 'nothing was read yet')
      const { at, world } = known.seen
      return boardModel(world, at, nowMs(), { version, newest: newestPages })
    },
    now: tick
  })
  return [
    ...(home.serve.board ? boardRoutes(board) : []),
    ...(home.serve.metrics
      ? [
          metricsRoute({
            version,
            watcher: () => known.standing,
            board: async () => (await board())?.model ?? null,
            failed: error => log('request failed', { path: '/metrics', why: messageOf(error) })
          })
        ]
      : [])
  ]
}

function plansOf({ home }: World): string {
  return [...home.plans.values()].map(({ phase, digest }) => `${phase} ${digest}`).join(' ')
}

function placeOf(
  { home }: World,
  options: ServeOptions
): { readonly address: string; readonly port: number } {
  if (options.listen === undefined) return home.serve.listen
  const place = addressOf(options.listen)
  if (place === null) {
    throw new AdversaryError('usage', '--listen: expected an address and a port', {
      hint: '--listen 127.0.0.1:8750'
    })
  }
  return place
}

/** Who knocks a thousand times fills no disk: one line a second, which counts the others. */
function refusals(world: World, route: string): (why: string, peer: string) => void {
  let saidAt = -Infinity
  let times = 0
  return (why, peer) => {
    times += 1
    if (tick() - saidAt < 1_000) return
    world.log('request refused', { path: `/${route}`, peer, why, times })
    saidAt = tick()
    times = 0
  }
}

function healthOf({ beatAt, polledAt, reviews, troubles }: Standing): Health {
  const own = troubles.filter(({ kind }) => kind === 'remote' || kind === 'home')
  const failures = Math.max(0, ...own.map(({ times }) => times))
  return { beatAtMs: Date.parse(beatAt), polledAt, reviews, failures }
}
