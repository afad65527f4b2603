import { redact } from '../base/redact.ts'
import { oneLine } from '../base/text.ts'
import { isoSecond } from '../doors/clock.ts'
import { reviewDocument } from '../run/document.ts'
import { watch } from '../run/watch.ts'
import type { World } from '../run/world.ts'
import { type ExitCode, exitCode, exitCodeOf } from '../words.ts'
import { openHome } from './home.ts'
import type { CommonOptions, Io } from './io.ts'
import { progressOf } from './progress.ts'
import { sayChanges, sayReview, sayTold } from './say.ts'
import { enter } from './world.ts'

export interface WatchOptions extends CommonOptions {
  readonly once?: boolean | undefined
}

/** From the best to the worst: the worst of its reviews is what `watch --once` ends with. */
const order: readonly ExitCode[] = [exitCode.pass, exitCode.notProven, exitCode.fail]

/** The watcher. Ends cleanly when its signal does; with `--once`, when nothing is owed any more. */
export async function run(options: WatchOptions, io: Io): Promise<ExitCode> {
  let worst: ExitCode = exitCode.pass
  const log: World['log'] = (event, details = {}) => {
    if (options.quiet !== true) io.err(JSON.stringify({ time: isoSecond(), event, ...guarded(details) }))
  }
  await enter(
    options,
    io,
    async world => {
      log('watching', {
        repo: world.home.repo.url,
        branch: world.home.repo.branch,
        poll_ms: world.home.pollMs
      })
      await watch(
        world,
        {
          reviewed(draft, told) {
            if (told.outcome.kind !== 'published') return
            const code = exitCodeOf[draft.decision.verdict]
            if (order.indexOf(code) > order.indexOf(worst)) worst = code
            io.out(sayReview(draft, io))
            for (const line of sayChanges(told)) io.out(line)
            io.out(sayTold(told))
            io.json(reviewDocument(draft, told))
          },
          oriented(observed, told) {
            for (const line of sayChanges(told)) io.out(line)
            io.out(`${oneLine(observed.phase)}: phase context ${sayTold(told)}`)
          },
          hunted(observed, told) {
            for (const line of sayChanges(told)) io.out(`${oneLine(observed.phase)}: ${line}`)
          }
        },
        {
          once: options.once === true,
          progress: progressOf(io),
          ...(options.once === true ? {} : { reload: () => openHome(options, io) })
        }
      )
    },
    log
  )
  // Whoever watches until it is told to stop has no verdict to give.
  return options.once === true ? worst : exitCode.pass
}

/** What a server, a host or a claim said may be in any of them. */
function guarded(details: Parameters<World['log']>[1]): Parameters<World['log']>[1] {
  return Object.fromEntries(
    Object.entries(details ?? {}).map(([key, value]) => [
      key,
      typeof value === 'string' ? oneLine(redact(value).text, 400) : value
    ])
  )
}
