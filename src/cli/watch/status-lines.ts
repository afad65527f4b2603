import { sayDuration } from '../../lib/duration.ts'
import { oneLine } from '../../lib/text/clean.ts'
import { counted } from '../../lib/text/counted.ts'
import type { Board, BoardMilestone, BoardPhase } from '../../board/summary.ts'
import { exitCode } from '../../lib/words.ts'
import type { Watcher } from '../../watch/watcher-status.ts'
import { type Io, paint, type Style } from '../io.ts'
import { fit } from '../layout.ts'

type Terminal = Pick<Io, 'color' | 'columns'>

/** A sign and a colour with one meaning: ✓ holds, ✗ does not, ? nobody knows, – nothing is there yet. */
interface Look {
  readonly mark: string
  readonly style: Style
}

const looks = {
  good: { mark: '✓', style: 'green' },
  bad: { mark: '✗', style: 'red' },
  unsure: { mark: '?', style: 'yellow' },
  none: { mark: '–', style: 'dim' }
} as const satisfies Readonly<Record<string, Look>>

const states: Readonly<Record<Watcher['state'], Look & { readonly says: string }>> = {
  running: { ...looks.good, says: '' },
  stalled: { ...looks.bad, says: ', but its loop hangs: stop it, then run `adversary watch`' },
  gone: { ...looks.bad, says: ', but its process is gone: run `adversary watch`' },
  unknown: {
    ...looks.unsure,
    says: ', but whether it still runs is not visible from this machine or container'
  }
}

const actions: Readonly<Record<Watcher['doing']['what'], string>> = {
  starting: 'starting',
  'asking the remote': 'fetching from the remote',
  orienting: 'orienting',
  reviewing: 'reviewing',
  hunting: 'hunting',
  waiting: 'idle'
}

/** What the watcher of this home does, and since when something goes wrong. @param now milliseconds since 1970 */
export function sayWatcher(watcher: Watcher | null, now: number, io: Terminal): readonly string[] {
  if (watcher === null) return [...fit(said(looks.none, 'no watcher is running', io), io, 0, 2), '']
  const { state, pid, startedAt, beatAt, doing, polledAt, reviews, troubles } = watcher
  const ago = (time: string) => sayDuration(Math.max(0, now - Date.parse(time)), 'whole seconds')
  const about = doing.about === null ? '' : ` ${oneLine(doing.about)}`
  const polled =
    polledAt === null ? 'no contact with the remote yet' : `last contact with the remote ${ago(polledAt)} ago`
  const does =
    state === 'running'
      ? `${actions[doing.what]}${about} for ${ago(doing.since)}; ${polled}; ${counted(reviews, 'review')} published`
      : `last heartbeat ${beatAt}, ${ago(beatAt)} ago: ${actions[doing.what]}${about}`
  const { mark, style, says } = states[state]
  return [
    ...fit(`${paint(io, style, `${mark} ${state}`)}  watcher ${pid}, started ${startedAt}${says}`, io, 0, 2),
    ...fit(does, io, 2, 4),
    ...troubles.flatMap(({ subject, since, times, why }) => {
      const often = times === 1 ? 'once' : `${times} times`
      const fails = `${oneLine(subject)}  failing since ${since} (for ${ago(since)}, ${often}): ${oneLine(why)}`
      return fit(said(looks.bad, fails, io), io, 2, 4)
    }),
    ''
  ]
}

/** Every phase with its milestones in columns, what is open and what waits; then what was not believed. */
export function sayBoard(board: Board, io: Terminal): readonly string[] {
  const { phases, malformed, own, distrusted } = board
  const aside = (look: Look, head: string, sha: string, text: string) =>
    fit(`${paint(io, look.style, `${look.mark} ${head}`)}  ${sha.slice(0, 12)} ${text}`, io, 0, 2)
  return [
    ...phases.flatMap(phase => sayPhase(phase, io)),
    ...(phases.length === 0 ? ['There are no plans, claims or reviews yet.'] : []),
    ...malformed.flatMap(({ sha, subject, why }) =>
      aside(looks.unsure, 'malformed', sha, `${oneLine(subject, 80)}: ${oneLine(why)}`)
    ),
    ...own.flatMap(({ sha, phase, milestone }) =>
      aside(
        looks.unsure,
        'not reviewed',
        sha,
        `${phase}-${milestone} was claimed with the reviewer's own identity`
      )
    ),
    ...distrusted.flatMap(({ commit, why }) => aside(looks.bad, 'not trusted', commit, oneLine(why)))
  ]
}

function sayPhase(phase: BoardPhase, io: Terminal): readonly string[] {
  const { plan, milestones, findings, vetoes, pending } = phase
  const title = plan === null ? 'no plan' : oneLine(plan.title)
  const rows = milestones.map(each => ({ each, ...verdictOf(each) }))
  const width = Math.max(2, ...rows.map(({ each }) => each.milestone.length))
  const words = Math.max(4, ...rows.map(({ text }) => text.length))
  return [
    ...fit(`${paint(io, 'bold', oneLine(phase.phase))}  ${title}`, io, 0, 2),
    ...rows.flatMap(({ each, look, text }) => {
      const state = paint(io, look.style, `${look.mark} ${text.padEnd(words)}`)
      const column = 2 + 2 + words + 2 + width + 2
      // Where the columns leave no room, what stands in the last one goes below.
      const narrow = Number.isFinite(io.columns) && io.columns - column < 30
      const more = moreOf(each, pending)
      if (!narrow)
        return fit(`${state}  ${each.milestone.padEnd(width)}  ${more.join(' · ')}`.trimEnd(), io, 2, column)
      return [
        ...fit(`${state}  ${each.milestone}`.trimEnd(), io, 2, 4),
        ...more.flatMap(line => fit(line, io, 6, 8))
      ]
    }),
    ...vetoes.flatMap(({ milestone, by, commit }) => {
      const what = milestone === '*' ? 'the whole phase' : milestone
      return fit(
        said(looks.bad, `${oneLine(by, 120)} vetoes ${oneLine(what)} (${commit.slice(0, 12)})`, io),
        io,
        2,
        4
      )
    }),
    ...findings
      .filter(({ status }) => status === 'open')
      .flatMap(({ id, severity, title: what, blocks }) => {
        const closes = blocks.length === 0 ? 'blocks nothing' : `blocks ${blocks.join(', ')}`
        const text = `${id}  ${oneLine(what ?? '')} (${severity ?? 'severity unknown'}, ${oneLine(closes)})`
        return fit(said(looks.bad, text, io), io, 2, 4)
      }),
    ''
  ]
}

const verdictLooks = { PASS: looks.good, FAIL: looks.bad, INCONCLUSIVE: looks.unsure } as const

/** The verdict, and in a word why its gate is closed in spite of it. */
function verdictOf({ verdict, stale, gate }: BoardMilestone): { readonly look: Look; readonly text: string } {
  const word = verdict ?? ''
  if (gate.code === exitCode.notTrusted) return { look: looks.bad, text: `${word} not trusted`.trim() }
  if (verdict !== 'FAIL' && gate.code === exitCode.fail)
    return { look: looks.bad, text: `${word} blocked`.trim() }
  if (stale !== null) return { look: looks.unsure, text: `${word} stale`.trim() }
  if (verdict === null) return { look: looks.none, text: 'none' }
  const open = gate.code === exitCode.pass
  if (verdict === 'PASS' && !open) return { look: looks.unsure, text: 'PASS not proven' }
  return { look: verdictLooks[verdict], text: verdict }
}

/** Why the gate is closed; nothing where it is open, or where nobody has reviewed anything yet. */
function whyClosed({ verdict, stale, gate }: BoardMilestone): readonly string[] {
  if (gate.code === exitCode.pass) return stale === null ? [] : [stale]
  const waits = verdict === null && gate.code === exitCode.notProven && stale === null
  return waits ? [] : gate.reasons.slice(0, 3).map(reason => oneLine(reason))
}

function moreOf(stone: BoardMilestone, pending: BoardPhase['pending']): readonly string[] {
  const { milestone, title, review, reviewedAt } = stone
  const waiting = pending.find(each => each.milestone === milestone)
  return [
    ...(title === null ? [] : [oneLine(title, 60)]),
    ...(review === null || reviewedAt === null ? [] : [`${review.slice(0, 9)} ${reviewedAt.slice(0, 16)}Z`]),
    ...whyClosed(stone),
    ...(waiting === undefined
      ? []
      : [`claimed by ${waiting.sha.slice(0, 9)}, not reviewed yet: ${oneLine(waiting.summary, 80)}`])
  ]
}

/** The sign in its colour, then the words. */
function said({ mark, style }: Look, text: string, io: Terminal): string {
  return `${paint(io, style, mark)} ${text}`
}
