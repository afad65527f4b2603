import { sha256 } from '../../lib/canonical.ts'
import { AdversaryError, messageOf } from '../../lib/errors.ts'
import { nowMs, tick } from '../../os/clock.ts'
import { temporaryRoot } from '../../os/files.ts'
import { listen } from '../../server/http-server.ts'
import { gateOnce } from '../../gate/gate.ts'
import { loadConfig } from '../../config/workspace.ts'
import { addressOf } from '../../config/outlets.ts'
import { readSecret, type SecretPlace } from '../../config/secret.ts'
import type { DroneConfig, ListenAt } from '../../config/types.ts'
import { beginRecord, type Trust } from '../../record/record.ts'
import { askedOthers } from '../../watch/asked-others.ts'
import type { WatcherStatus } from '../../watch/state.ts'
import { boardModel } from '../../board/read-model.ts'
import { readTrust, type Snapshot, type ReviewContext } from '../../review/context/review-context.ts'
import { type WakeSignal, makeWakeSignal } from '../../server/bell.ts'
import { boardKeeper, boardRoutes } from '../../server/board-pages.ts'
import { droneRoute } from '../../server/drone.ts'
import { healthRoute, type Health } from '../../server/health-route.ts'
import { metricsRoute } from '../../server/metrics.ts'
import { quieted } from '../../server/quiet.ts'
import { type Route, router } from '../../server/router.ts'
import { webhookRoute } from '../../server/webhook.ts'
import { type ExitCode, exitCode } from '../../lib/words.ts'
import type { CommonOptions, Io } from '../io.ts'
import { watcherModel } from './watcher-model.ts'
import { packageVersion } from '../package.ts'
import { type LogFormat, logTo, sayer, watchHome, withoutProgress } from './watch-command.ts'
import { enter } from '../enter.ts'

export interface ServeOptions extends CommonOptions {
  /** How the log is written: see `watch`. */
  readonly log?: LogFormat | undefined
  /** Address and port, instead of the home's. */
  readonly listen?: string | undefined
}

/** The watcher of the home, and beside it the HTTP server: what wakes it, and who asks it. */
export async function run(options: ServeOptions, given: Io): Promise<ExitCode> {
  const io = given.tty ? given : withoutProgress(given)
  const log = logTo(io, options)
  try {
    await enter(options, io, context => serve(context, options, io), { log })
  } catch (error) {
    if (!io.signal.aborted) throw error
    log('watcher.stopped', { why: messageOf(error) })
  }
  return exitCode.pass
}

async function serve(context: ReviewContext, options: ServeOptions, io: Io): Promise<void> {
  const wakeSignal = makeWakeSignal()
  const known: Known = { standing: null, seen: null }
  const listeners = listenersOf(context, options, await routesOf(context, io, wakeSignal, known))
  const misdirected = quieted({ pauseMs: 1_000, most: 1, now: tick })
  const servers: Awaited<ReturnType<typeof listen>>[] = []
  try {
    for (const { place, routes } of listeners) {
      const server = await listen({
        ...place,
        hosts: context.home.serve.hosts,
        admit: router(routes),
        fault: (error, path) => context.log('request.failed', { path, why: messageOf(error) }),
        misdirected: (host, peer) =>
          misdirected('', times => {
            const why = `the server is not called ${host}; add the name to \`serve.hosts\``
            context.log('request.refused', { path: '', peer, why, times })
          })
      })
      servers.push(server)
      const names = [...new Set(routes.map(({ name }) => name))].join(', ')
      context.log('server.started', { url: server.url, routes: names })
    }
    await watchHome(
      context,
      options,
      io,
      {
        ...sayer(io, () => undefined),
        seen(at, by) {
          known.seen = { at, context: by }
        }
      },
      {
        wait: wakeSignal.wait,
        heartbeat: standing => {
          known.standing = standing
        }
      }
    )
  } finally {
    await Promise.all(servers.map(server => server.close()))
  }
}

interface Listener {
  readonly place: ListenAt
  readonly routes: readonly Route[]
}

/** Where the server listens, and what it answers there. Each listener answers for its health. */
function listenersOf(
  context: ReviewContext,
  options: ServeOptions,
  { health, shared, webhook, drone }: Routes
): readonly Listener[] {
  const { home } = context
  const own = [
    { place: home.serve.webhook?.listen ?? null, routes: webhook },
    { place: home.serve.drone?.listen ?? null, routes: drone }
  ]
  const main = own.flatMap(({ place, routes }) => (place === null ? routes : []))
  return [
    { place: placeOf(context, options), routes: [...health, ...shared, ...main] },
    ...own.flatMap(({ place, routes }) => (place === null ? [] : [{ place, routes: [...health, ...routes] }]))
  ]
}

/** What the watcher said last. */
interface Known {
  standing: WatcherStatus | null
  /** What it read of the repo, and by which plans. */
  seen: { readonly at: Snapshot; readonly context: ReviewContext } | null
}

interface Routes {
  readonly health: readonly Route[]
  /** The board and the metrics. */
  readonly shared: readonly Route[]
  readonly webhook: readonly Route[]
  readonly drone: readonly Route[]
}

/**
 * Everything that the server answers. Whoever has more to show adds a route here.
 *
 * @throws AdversaryError `usage` for a secret that is missing: better now than at the first request.
 */
async function routesOf(
  context: ReviewContext,
  io: Io,
  wakeSignal: WakeSignal,
  known: Known
): Promise<Routes> {
  const { webhook, drone } = context.home.serve
  return {
    health: [healthRoute(() => (known.standing === null ? null : healthOf(known.standing)), nowMs)],
    shared: await sights(context, known),
    webhook: webhook === null ? [] : [await webhookOf(context, webhook.secret, io, wakeSignal)],
    drone: drone === null ? [] : [await droneOf(context, drone, io)]
  }
}

async function webhookOf(
  context: ReviewContext,
  place: SecretPlace,
  io: Io,
  wakeSignal: WakeSignal
): Promise<Route> {
  const secret = () => readSecret(place, io.env)
  await secret()
  return webhookRoute({
    secret,
    branches: [context.home.repo.branch],
    notify: () => wakeSignal.notify(),
    refused: refusals(context, 'webhook'),
    now: nowMs
  })
}

/** Builds of other repositories are logged by their name once in an hour, and of so many of them at most. */
const others = { pauseMs: 60 * 60_000, most: 64 } as const

async function droneOf(context: ReviewContext, config: DroneConfig, io: Io): Promise<Route> {
  const { home } = context
  const secret = () => readSecret(config.secret, io.env)
  await secret()
  const foreign = quieted({ ...others, now: tick })
  const asked = askedOthers(home.stateDir)
  return droneRoute({
    secret,
    refused: refusals(context, 'drone'),
    places: [home.dir, home.stateDir, io.userHome, io.cwd, temporaryRoot(), home.repo.url],
    decided({ build, answer, why, foreign: slug }) {
      const log = () =>
        context.log('build.validated', { about: build, answer, ...(why === '' ? {} : { why }) })
      if (slug === undefined) return log()
      foreign(slug, times => {
        log()
        void asked
          .add(slug, times)
          .catch((error: unknown) => context.log('heartbeat.failed', { why: messageOf(error) }))
      })
    },
    now: nowMs,
    async current() {
      const now = await loadConfig(home.dir, io.userHome)
      if (now.serve.drone === null) {
        throw new AdversaryError('usage', '`serve.drone` is no longer in adversary.yaml')
      }
      const trust = await readTrust(now)
      return {
        config: now.serve.drone,
        ask: (gate, commit, signal) =>
          gateOnce({
            gate,
            commit,
            remote: now.repo.url,
            branch: now.repo.branch,
            ...(now.repo.reviewBranch === null ? {} : { reviewBranch: now.repo.reviewBranch }),
            ...(now.repo.name === null ? {} : { repo: now.repo.name }),
            allowedSigners: trust.allowed,
            reviewer: trust.reviewer,
            now: nowMs(),
            signal
          })
      }
    }
  })
}

/** The board and the metrics, where the home wants them: both of one reading, by the signers of this moment. */
async function sights({ home, userHome, log }: ReviewContext, known: Known): Promise<readonly Route[]> {
  const version = await packageVersion()
  const trustNow = async () => readTrust(await loadConfig(home.dir, userHome))
  const board = boardKeeper({
    async key() {
      if (known.seen === null) return null
      const { at, context } = known.seen
      const { reviewer, allowed } = await trustNow()
      return [at.tip, at.record.tip, plansOf(context), reviewer, sha256(allowed)].join(' ')
    },
    async make() {
      if (known.seen === null) throw new AdversaryError('repository', 'nothing was read yet')
      const { at, context } = known.seen
      const trust = await trustNow()
      const asTrusted = await trustedAs(at, context, trust)
      const watcher = known.standing === null ? null : watcherModel(known.standing, 'running')
      return boardModel({ ...context, trust }, asTrusted, nowMs(), { version, newest: true, watcher })
    },
    now: tick
  })
  const failed = (path: string) => (error: unknown) => log('request.failed', { path, why: messageOf(error) })
  return [
    ...(home.serve.board ? boardRoutes(board, failed('/')) : []),
    ...(home.serve.metrics
      ? [
          metricsRoute({
            version,
            watcher: () => known.standing,
            board: async () => (await board())?.model ?? null,
            failed: failed('/metrics')
          })
        ]
      : [])
  ]
}

/** What the watcher has read, as these signers have it. */
async function trustedAs(
  at: Snapshot,
  { git, trust: before }: ReviewContext,
  trust: Trust
): Promise<Snapshot> {
  if (before.allowed === trust.allowed && before.reviewer === trust.reviewer) return at
  const { record } = await beginRecord(git, at.record.tip, trust)
  return { tip: at.tip, record: await record }
}

function plansOf({ home }: ReviewContext): string {
  return [...home.plans.values()].map(({ phase, digest }) => `${phase} ${digest}`).join(' ')
}

function placeOf({ home }: ReviewContext, options: ServeOptions): ListenAt {
  if (options.listen === undefined) return home.serve.listen
  const place = addressOf(options.listen)
  if (place === null) {
    throw new AdversaryError('usage', '--listen: expected an address and a port', {
      hint: '--listen 127.0.0.1:8750'
    })
  }
  return place
}

/** One line a second, which counts the others: a thousand attempts fill no disk. */
function refusals(context: ReviewContext, route: string): (why: string, peer: string) => void {
  const quiet = quieted({ pauseMs: 1_000, most: 1, now: tick })
  return (why, peer) =>
    quiet('', times => context.log('request.refused', { path: `/${route}`, peer, why, times }))
}

function healthOf({ beatAt, polledAt, reviews, troubles }: WatcherStatus): Health {
  const own = troubles.filter(({ kind }) => kind === 'remote' || kind === 'home')
  const failures = Math.max(0, ...own.map(({ times }) => times))
  return { beatAtMs: Date.parse(beatAt), polledAt, reviews, failures }
}
