import * as z from 'zod'
import { patternText } from '../src/lib/text/pattern.ts'
import { defineProbe } from '../src/probe/probe.ts'
import { silence } from '../src/systems/journal/silence.ts'
import { hostClock } from '../src/systems/linux/host-clock.ts'
import { journalSearch } from '../src/systems/journal/journal.ts'
import { moment, momentParam } from '../src/systems/baseline/moment.ts'
import { unitParam } from '../src/systems/systemd/units.ts'

export const journalSilent = defineProbe({
  id: 'journal-silent',
  asserts: 'No message of the unit since the given time matches, in a journal that covers the whole period',
  because:
    'Errors such as "could not find an available IP while allocating VIP" appear in the journal and in no list of services.',
  remedy: 'Read the messages around it (`journalctl -u <unit>`), fix the cause, and claim again.',
  fails: ['a message of the unit since that time matches'],
  example: { unit: 'docker', matches: 'could not find an available IP', since: { review: 'M1' } },
  params: z.strictObject({
    unit: unitParam,
    matches: z
      .union([patternText, z.array(patternText).min(1)])
      .describe('linear-time regular expression (RE2) that no message may match'),
    since: momentParam.describe(
      'start of the period: an ISO time, or the time of a review, claim, network or unit'
    )
  }),

  needs: ({ unit, matches, since }) => ({
    search: journalSearch(unit, [matches].flat(), since, { voice: true }),
    since: moment(since),
    clock: hostClock
  }),

  judge({ search, since, clock }, { matches }) {
    const wanted = [matches]
      .flat()
      .map(text => `\`${text}\``)
      .join(' or ')
    const found = silence(search, since, clock)
    switch (found.kind) {
      case 'unknown':
        return [{ outcome: 'unknown', why: found.why }]
      case 'silent':
        return [
          {
            outcome: 'pass',
            saw: `${found.searched}, none matches ${wanted}; the journal reaches back to ${found.reach}`
          }
        ]
      case 'matched': {
        const some = found.count === 1 ? '1 message matches' : `${found.count} messages match`
        const saw = `${some} ${wanted}, the first ${found.first}`
        return [
          { outcome: 'fail', saw, expected: `none since ${since.said}`, at: search.unit, shows: found.lines }
        ]
      }
    }
  },

  falsify({ search, since, clock }) {
    const dayLater = since.micros + Math.abs(clock.skewMs * 2000) + 86_400_000_000
    const match = { micros: dayLater, message: 'falsified' }
    const later = { ...clock, hostMicros: Math.max(clock.hostMicros, dayLater) }
    return [{ search: { ...search, found: 1, matches: [match] }, since, clock: later }]
  }
})
