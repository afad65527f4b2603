import type { BoardModel, MilestoneModel, PhaseModel } from '../board/model.ts'
import { type Family, prometheusText, type Sample, stateSet, verdicts } from '../render/reports/prometheus.ts'
import type { Route } from './router.ts'

/** What the metrics tell of the watcher. Times are ISO 8601 UTC. */
export interface WatcherFacts {
  readonly startedAt: string
  readonly beatAt: string
  /** When the remote answered last; null: not yet. */
  readonly polledAt: string | null
  readonly polls: number
  readonly reviews: number
  readonly troubles: readonly { readonly kind: TroubleKind; readonly since: string }[]
}

type TroubleKind = (typeof kinds)[number]

const kinds = ['remote', 'home', 'host', 'work'] as const
const severities = ['low', 'medium', 'high', 'critical'] as const

/**
 * How everything stands, for Prometheus. A label is a phase or a milestone of a plan of the home, or a word of
 * this program: whoever may push claims makes no series. What is not known has no series; no gate is open for it.
 *
 * @param board null where it is not made yet, or could not be.
 */
export function metricsText(version: string, watcher: WatcherFacts | null, board: BoardModel | null): string {
  return prometheusText([
    gauge('adversary_build_info', 'The version of adversary.', [{ labels: { version }, value: 1 }]),
    ...(watcher === null ? [] : ofWatcher(watcher)),
    gauge('adversary_board_success', '1 if verdicts, gates and findings could be read.', [
      one(board === null ? 0 : 1)
    ]),
    ...(board === null ? [] : ofBoard(board))
  ])
}

function ofWatcher({
  startedAt,
  beatAt,
  polledAt,
  polls,
  reviews,
  troubles
}: WatcherFacts): readonly Family[] {
  const of = (kind: TroubleKind) => troubles.filter(each => each.kind === kind)
  return [
    gauge('adversary_watcher_start_timestamp_seconds', 'Unix time at which the watcher started.', [
      one(seconds(startedAt))
    ]),
    gauge('adversary_watcher_beat_timestamp_seconds', 'Unix time of the last heartbeat of its loop.', [
      one(seconds(beatAt))
    ]),
    gauge(
      'adversary_remote_answered_timestamp_seconds',
      'Unix time of the last answer of the watched remote.',
      polledAt === null ? [] : [one(seconds(polledAt))]
    ),
    counter('adversary_polls_total', 'Polls of the remote that were answered.', polls),
    counter('adversary_reviews_total', 'Reviews of claims published.', reviews),
    gauge(
      'adversary_failing',
      'Current failures by kind: remote, home, host, work.',
      kinds.map(kind => ({ labels: { kind }, value: of(kind).length }))
    ),
    gauge(
      'adversary_failing_since_timestamp_seconds',
      'Unix time at which the oldest current failure of a kind began.',
      kinds.flatMap(kind => {
        const since = of(kind).map(each => seconds(each.since))
        return since.length === 0 ? [] : [{ labels: { kind }, value: Math.min(...since) }]
      })
    )
  ]
}

function ofBoard({ at, phases }: BoardModel): readonly Family[] {
  const planned = phases.filter(({ title }) => title !== null)
  const stones = planned.flatMap(({ phase, milestones }) =>
    milestones
      .filter(({ title }) => title !== null)
      .map(stone => ({ stone, labels: { phase, milestone: stone.milestone } }))
  )
  const each = (value: (stone: MilestoneModel) => boolean): readonly Sample[] =>
    stones.map(({ stone, labels }) => ({ labels, value: value(stone) ? 1 : 0 }))
  return [
    gauge('adversary_board_timestamp_seconds', 'Unix time at which the metrics below were evaluated.', [
      one(seconds(at))
    ]),
    gauge(
      'adversary_verdict',
      '1 for the current verdict of the milestone.',
      stones.flatMap(({ stone, labels }) => stateSet(labels, 'verdict', verdicts, stone.verdict ?? 'none'))
    ),
    gauge(
      'adversary_verdict_stale',
      '1 if the verdict is stale.',
      each(({ stale }) => stale !== null)
    ),
    gauge(
      'adversary_gate_open',
      '1 if the gate is open.',
      each(({ gate }) => gate?.open === true)
    ),
    gauge(
      'adversary_reviewed_timestamp_seconds',
      'Unix time of the last review of the milestone.',
      stones.flatMap(({ stone, labels }) =>
        stone.review === null ? [] : [{ labels, value: seconds(stone.review.at) }]
      )
    ),
    gauge(
      'adversary_open_findings',
      'Open findings by severity.',
      planned.flatMap(({ phase, findings }) =>
        severities.map(severity => ({
          labels: { phase, severity },
          value: findings.filter(finding => finding.status === 'open' && finding.severity === severity).length
        }))
      )
    ),
    gauge(
      'adversary_pending_milestones',
      'Milestones with a claim pending review.',
      planned.map(({ phase, milestones }) => ({ labels: { phase }, value: waiting(milestones) }))
    ),
    gauge(
      'adversary_pending_unplanned_milestones',
      'Milestones with a claim pending review whose phase has no plan.',
      [one(sum(phases.filter(({ title }) => title === null)))]
    )
  ]
}

function waiting(milestones: readonly MilestoneModel[]): number {
  return milestones.filter(({ pending }) => pending !== null).length
}

function sum(phases: readonly PhaseModel[]): number {
  return phases.reduce((total, { milestones }) => total + waiting(milestones), 0)
}

function seconds(iso: string): number {
  return Date.parse(iso) / 1000
}

function one(value: number): Sample {
  return { labels: {}, value }
}

function gauge(name: string, help: string, samples: readonly Sample[]): Family {
  return { name, help, type: 'gauge', samples }
}

function counter(name: string, help: string, value: number): Family {
  return { name, help, type: 'counter', samples: [one(value)] }
}

export interface MetricsOptions {
  readonly version: string
  readonly watcher: () => WatcherFacts | null
  readonly board: () => Promise<BoardModel | null>
  /** The board could not be made; what is known of the watcher is told all the same. */
  failed(error: unknown): void
}

export function metricsRoute({ version, watcher, board, failed }: MetricsOptions): Route {
  return {
    method: 'GET',
    path: '/metrics',
    name: 'metrics',
    async handle() {
      const model = await board().catch((error: unknown) => {
        failed(error)
        return null
      })
      return {
        status: 200,
        headers: { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' },
        body: metricsText(version, watcher(), model)
      }
    }
  }
}
