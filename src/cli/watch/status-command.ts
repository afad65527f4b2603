import { messageOf } from '../../lib/errors.ts'
import { oneLine } from '../../lib/text/clean.ts'
import { nowMs } from '../../os/clock.ts'
import { type Board, board } from '../../board/summary.ts'
import type { Workspace } from '../../config/types.ts'
import { type Watcher, watcherOf } from '../../watch/watcher-status.ts'
import { snapshot } from '../../review/context/review-context.ts'
import { type ExitCode, exitCode } from '../../lib/words.ts'
import type { CommonOptions, Io } from '../io.ts'
import { openWorkspace } from '../open-home.ts'
import { sayBoard, sayWatcher } from './status-lines.ts'
import { enter } from '../enter.ts'

export interface StatusOptions extends CommonOptions {
  readonly watcher?: boolean | undefined
}

/** The board. Its code says that it could be read, not what it says: ask the gate for that. */
export async function run(options: StatusOptions, io: Io): Promise<ExitCode> {
  if (options.watcher === true) return watcherAlone(options, io)
  return enter(options, io, async context => {
    const watcher = await seenWatcher(context.home, io)
    io.progress(null)
    // First, for the board needs the remote, and that may be what is failing.
    io.out(sayWatcher(watcher, nowMs(), io).join('\n'))
    const seen = await board(context, await snapshot(context), nowMs())
    io.progress(null)
    io.out(sayBoard(seen, io).join('\n'))
    io.json({ ...documentOf(seen), watcher })
    return exitCode.pass
  })
}

/** For whoever supervises it: no remote is asked, which may be what is failing. */
async function watcherAlone(options: StatusOptions, io: Io): Promise<ExitCode> {
  const watcher = await seenWatcher(await openWorkspace(options, io), io)
  io.out(sayWatcher(watcher, nowMs(), io).join('\n'))
  io.json({ watcher })
  return watcher?.state === 'running' ? exitCode.pass : exitCode.notProven
}

/** The watcher of a home; null with a warning where its file cannot be read. */
export async function seenWatcher({ stateDir }: Workspace, io: Io): Promise<Watcher | null> {
  try {
    return await watcherOf(stateDir)
  } catch (error) {
    io.err(`adversary: what the watcher wrote down cannot be read: ${oneLine(messageOf(error))}`)
    return null
  }
}

function documentOf({ phases, malformed, own, distrusted }: Board) {
  const bad = malformed.map(({ sha, subject, why }) => ({ sha, subject, why }))
  return {
    phases: phases.map(({ phase, plan, milestones, findings, vetoes, pending }) => ({
      phase,
      title: plan?.title ?? null,
      milestones: milestones.map(({ stale, gate, ...each }) => ({
        ...each,
        stale: stale !== null,
        why: stale ?? (gate.code === exitCode.pass ? null : (gate.reasons[0] ?? null)),
        gate: { code: gate.code, reasons: gate.reasons, next: gate.next }
      })),
      vetoes,
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
