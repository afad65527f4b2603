import { redact } from '../lib/secrets/redact.ts'
import type { Workspace, PlanFile } from '../config/workspace.ts'
import type { Git } from '../git/clone.ts'
import { type Early, fetching, openEarly } from '../review/context/early.ts'
import { cloneOf, openReviewContext, type ReviewContext } from '../review/context/review-context.ts'
import { openWorkspace } from './open-home.ts'
import type { CommonOptions, Io } from './io.ts'

export interface EnterOptions {
  readonly log?: ReviewContext['log']
  /** Hosts that will be asked, as far as the home tells: their sessions are opened beside the clone. */
  readonly asks?: (home: Workspace) => readonly string[]
  /** Of these, those that can be told before the plans are understood: they are logged in to first of all. */
  readonly likely?: (home: Pick<Workspace, 'hosts'>, plans: readonly PlanFile[]) => readonly string[]
  /** What the work loads anyway: it is loaded while the remote and the hosts are waited for. */
  readonly load?: () => Promise<unknown>
  /** The work fetches the watched branch before all else: that is begun as soon as it can be. */
  readonly fetches?: boolean
}

/** Opens the home and the clone, does the work, and leaves no process behind. */
export async function enter<T>(
  options: CommonOptions,
  io: Io,
  work: (context: ReviewContext) => Promise<T>,
  { log = () => undefined, asks = () => [], likely = () => [], load, fetches = false }: EnterOptions = {}
): Promise<T> {
  const seat = { userHome: io.userHome, signal: io.signal }
  const over = new AbortController()
  let early: Early | undefined
  let clone: Promise<Git> | undefined
  try {
    const home = await openWorkspace(options, io, undefined, async (config, plans) => {
      early = openEarly({ home: config, ...seat })
      clone = cloneOf(config, AbortSignal.any([io.signal, over.signal])).then(git =>
        fetches ? fetching(git, config.repo.branch) : git
      )
      clone.catch(() => undefined)
      await early.begin(likely(config, plans))
    })
    io.progress(`reading ${home.repo.branch} of ${redact(home.repo.url).text}`)
    early ??= openEarly({ home, ...seat })
    void early.begin(asks(home))
    const opening = openReviewContext(home, { ...seat, log, openSession: early.openSession }, clone)
    // What goes wrong with it is told to the work.
    load?.().catch(() => undefined)
    const context = await opening
    try {
      return await work(context)
    } finally {
      io.progress(null)
    }
  } finally {
    await early?.close()
    await clone?.then(
      git => git.close(),
      () => undefined
    )
    // What was begun and is not needed any more.
    over.abort(new Error('the command has finished'))
  }
}
