import { redact } from '../lib/secrets/redact.ts'
import { oneLine } from '../lib/text/clean.ts'
import type { Statuses } from '../watch/commit-statuses.ts'
import type { Io } from './io.ts'

/** For what is still to be posted when everything else is done, in milliseconds. */
const postingMs = 10_000

/**
 * Ends the posting of statuses.
 *
 * @param wait whether what is left is waited for, a while.
 * @param io where it is said what is left after that: it changes nothing, and the next run finds it.
 */
export async function finishStatuses(statuses: Statuses, wait: boolean, io?: Io): Promise<void> {
  if (wait) {
    const { left, why } = await statuses.settled(postingMs)
    if (left > 0 && io !== undefined) {
      const many = left === 1 ? 'a commit status was' : `${left} commit statuses were`
      io.err(`adversary: ${many} not posted: ${oneLine(redact(why ?? 'there was no time').text, 400)}`)
      io.err('  the review stands; the next run of adversary watch or review posts it')
    }
  }
  await statuses.stop()
}
