import { sayDuration } from '../base/duration.ts'
import { messageOf } from '../base/errors.ts'
import { oneLine } from '../base/text.ts'
import { nowMs } from '../doors/clock.ts'
import { type Board, board, type BoardMilestone, type BoardPhase } from '../run/board.ts'
import type { Home } from '../home/types.ts'
import { type Watcher, watcherOf } from '../run/standing.ts'
import { snapshot } from '../run/world.ts'
import { type ExitCode, exitCode } from '../words.ts'
import { type CommonOptions, type Io, paint } from './io.ts'
import { openHome } from './home.ts'
import { enter } from './world.ts'

export interface StatusOptions extends CommonOptions {
  readonly watcher?: boolean | undefined
}

/** The board. Its code says that it could be read, not what it says: ask the gate for that. */
export async function run(options: StatusOptions, io: Io): Promise<ExitCode> {
  if (options.watcher === true) return watcherAlone(options, io)
  return enter(options, io, async world => {
    const watcher = await seenWatcher(world.home, io)
    io.progress(null)
    // First, for the board needs the remote, and that may be what is failing.
    io.out(sayWatcher(watcher, nowMs(), io).join('\n'))
    const seen = await board(world, await snapshot(world), nowMs())
    io.progress(null)
    for (const phase of seen.phases) io.out(sayPhase(phase, io).join('\n'))
    if (seen.phases.length === 0) io.out('There are no plans, claims or reviews yet.')
    for (const { sha, subject, why } of seen.malformed) {
      io.out(`${paint(io, 'yellow', 'malformed')}  ${sha.slice(0, 12)} ${oneLine(subject, 80)}: ${why}`)
    }
    for (const { sha, phase, milestone } of seen.own) {
      const why = `${phase}-${milestone} is claimed under the reviewer's own identity`
      io.out(`${paint(io, 'yellow', 'not reviewed')}  ${sha.slice(0, 12)} ${why}`)
    }
    for (const { commit, why } of seen.distrusted) {
      io.out(`${paint(io, 'red', 'not believed')}  ${commit.slice(0, 12)}: ${oneLine(why)}`)
    }
    io.json({ ...documentOf(seen), watcher })
    return exitCode.pass
  })
}

/** For whoever supervises it: no remote is asked, which may be what is failing. */
async function watcherAlone(options: StatusOptions, io: Io): Promise<ExitCode> {
  const watcher = await seenWatcher(await openHome(options, io), io)
  io.out(sayWatcher(watcher, nowMs(), io).join('\n'))
  io.json({ watcher })
  return watcher?.state === 'running' ? exitCode.pass : exitCode.notProven
}

async function seenWatcher({ stateDir }: Home, io: Io): Promise<Watcher | null> {
  try {
    return await watcherOf(stateDir)
  } catch (error) {
    io.err(`adversary: what the watcher wrote down cannot be read: ${oneLine(messageOf(error))}`)
    return null
  }
}

const states = {
  running: { color: 'green', says: '' },
  stalled: { color: 'red', says: ', but its loop hangs: end it, and start another' },
  gone: { color: 'red', says: ', but is gone: it was killed, and nobody watches' },
  unknown: { color: 'yellow', says: ', but whether it still runs cannot be seen from here' }
} as const satisfies Record<
  Watcher['state'],
  { readonly color: 'green' | 'red' | 'yellow'; readonly says: string }
>

/** What the watcher of this home does, and since when something goes wrong. */
function sayWatcher(watcher: Watcher | null, now: number, io: Io): readonly string[] {
  if (watcher === null) return [`${paint(io, 'dim', 'no watcher')}  of this home runs`, '']
  const { state, pid, startedAt, beatAt, doing, polledAt, reviews, troubles } = watcher
  const { color, says } = states[state]
  const ago = (time: string) => sayDuration(Math.max(0, now - Date.parse(time)))
  const about = doing.about === null ? '' : ` ${oneLine(doing.about)}`
  const polled =
    polledAt === null ? 'the remote has not answered yet' : `the remote answered ${ago(polledAt)} ago`
  const does =
    state === 'running'
      ? [`  ${doing.what}${about} since ${ago(doing.since)}; ${polled}; ${reviews} reviews so far`]
      : [`  last heard of ${beatAt}, ${ago(beatAt)} ago: ${doing.what}${about}`]
  return [
    `${paint(io, color, state)}  watcher ${pid}, started ${startedAt}${says}`,
    ...does,
    ...troubles.map(({ subject, since, times, why }) => {
      const often = times === 1 ? 'once' : `${times} times`
      return `  ${paint(io, 'red', oneLine(subject))}  fails since ${since} (${ago(since)}, ${often}): ${oneLine(why)}`
    }),
    ''
  ]
}

const colours = { PASS: 'green', FAIL: 'red', INCONCLUSIVE: 'yellow' } as const

function sayPhase({ phase, plan, milestones, findings, pending }: BoardPhase, io: Io): readonly string[] {
  const title = plan === null ? 'no plan' : plan.title
  const width = Math.max(...milestones.map(({ milestone }) => milestone.length), 2)
  const open = findings.filter(({ status }) => status === 'open')
  return [
    `${paint(io, 'bold', phase)}  ${oneLine(title)}`,
    ...milestones.map(each => {
      const waiting = pending.some(({ milestone }) => milestone === each.milestone)
      return `  ${each.milestone.padEnd(width)}  ${sayVerdict(each, io)}  ${sayMore(each, waiting)}`.trimEnd()
    }),
    ...open.map(({ id, severity, title, blocks }) => {
      const closes = blocks.length === 0 ? '' : `, blocks ${blocks.join(', ')}`
      return `  ${paint(io, 'red', id)}  ${oneLine(title ?? '')} (${severity ?? 'severity unknown'}${closes})`
    }),
    ''
  ]
}

function sayVerdict({ verdict, stale }: BoardMilestone, io: Io): string {
  if (verdict === null) return paint(io, 'dim', '–'.padEnd(12))
  if (stale !== null) return paint(io, 'yellow', `${verdict} stale`.padEnd(12))
  return paint(io, colours[verdict], verdict.padEnd(12))
}

function sayMore({ title, stale, review, reviewedAt }: BoardMilestone, waiting: boolean): string {
  return [
    ...(title === null ? [] : [oneLine(title, 60)]),
    ...(review === null || reviewedAt === null ? [] : [`${review.slice(0, 9)} ${reviewedAt.slice(0, 16)}Z`]),
    ...(stale === null ? [] : [stale]),
    ...(waiting && stale === null ? ['claimed, not reviewed yet'] : [])
  ].join(' · ')
}

function documentOf({ phases, malformed, own, distrusted }: Board) {
  const bad = malformed.map(({ sha, subject, why }) => ({ sha, subject, why }))
  return {
    phases: phases.map(({ phase, plan, milestones, findings, pending }) => ({
      phase,
      title: plan?.title ?? null,
      milestones: milestones.map(({ stale, ...each }) => ({ ...each, stale: stale !== null, why: stale })),
      findings: findings.map(({ id, status, blocks, severity, title, origin, key }) => ({
        id,
        key: key ?? null,
        title: title ?? null,
        severity: severity ?? null,
        status,
        blocks,
        origin: origin ?? 'unknown'
      })),
      pending: pending.map(({ sha, phase, milestone, summary }) => ({ sha, phase, milestone, summary })),
      malformed: bad.filter(({ subject }) => subject.includes(`(${phase}-`))
    })),
    malformed: bad,
    own: own.map(({ sha, phase, milestone, summary }) => ({ sha, phase, milestone, summary })),
    distrusted
  }
}
