import { Unseen } from '../facts/fact.ts'
import type { BoundProbe } from '../probe/probe.ts'
import type { Observed } from './assessed.ts'
import { type LookOptions, observe } from './review.ts'
import { openReviewContext, snapshot, type HostContext } from './context/review-context.ts'
import { type Views, viewsOf } from './context/views.ts'

/** One probe by hand: nothing is written, and the repo is only fetched for a probe that asks for it. */
export async function runOneProbe(
  seat: HostContext,
  asked: {
    readonly probe: BoundProbe
    readonly title: string
    readonly host: string | null
    readonly phase: string | null
  },
  options: LookOptions
): Promise<Observed> {
  const { probe, title, host } = asked
  const phase = asked.phase ?? [...seat.home.plans.keys()][0] ?? ''
  const subject = { phase, checks: [{ probe, title, host, line: 0 }], hunts: [] }
  const places = new Set(Object.values(probe.needs).map(source => source.place))
  if (!places.has('repo') && !places.has('record')) return observe(seat, nowhere, subject, options)

  const context = await openReviewContext(seat.home, { ...seat, log: () => undefined })
  try {
    const at = await snapshot(context)
    const views = viewsOf(context, { phase, commit: at.tip, record: at.record })
    return await observe(context, views, subject, options)
  } finally {
    await context.git.close()
  }
}

const shut = async (): Promise<never> => {
  throw new Unseen('the repo was not opened for this probe')
}

/** Views for whoever asks nothing of the repo. */
export const nowhere: Views = {
  repo: { commit: '', file: shut, changes: shut, search: shut, changedPaths: shut },
  record: { reviewTime: shut, claimTime: shut, baseline: shut }
}
