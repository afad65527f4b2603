import { z } from 'zod'
import { isoMicros } from '../src/base/instant.ts'
import { patternText } from '../src/base/pattern.ts'
import { defineProbe } from '../src/judge/probe.ts'
import { hostClock } from '../src/observe/sources/clock.ts'
import { type JournalMatch, journalSearch } from '../src/observe/sources/journal.ts'
import { isAfter, moment, momentParam } from '../src/observe/sources/moment.ts'
import { unitParam } from '../src/observe/sources/units.ts'

export const journalSilent = defineProbe({
  id: 'journal-silent',
  asserts: 'The unit has not written what matches since that time, in a journal that covers all of it',
  because:
    'Errors such as "could not find an available IP while allocating VIP" show in no list of services.',
  remedy: 'Read the messages around it (`journalctl -u <unit>`), mend what they name, and claim again.',
  params: z.strictObject({
    unit: unitParam,
    matches: z
      .union([patternText, z.array(patternText).min(1)])
      .describe('linear-time regular expression (RE2) that no message may match'),
    since: momentParam.describe('since when: an ISO time, or that of a review, claim, network or unit')
  }),

  needs: ({ unit, matches, since }) => ({
    search: journalSearch(unit, [matches].flat(), since),
    since: moment(since),
    clock: hostClock
  }),

  judge({ search, since, clock }, { matches }) {
    const { unit } = search
    const wanted = [matches]
      .flat()
      .map(text => `\`${text}\``)
      .join(' or ')
    const orders = search.matches.map(match => ({ match, ...isAfter(match.micros, since, clock) }))
    const after = orders.filter(({ order }) => order === 'after')
    const [first] = after
    if (first !== undefined) {
      // Those beyond the kept ones are later still.
      const count = after.length + search.found - search.matches.length
      return [
        {
          outcome: 'fail',
          saw: `${count} ${count === 1 ? 'message matches' : 'messages match'} ${wanted}, the first ${first.why}`,
          expected: `none since ${since.said}`,
          at: unit,
          shows: after.slice(0, 5).map(({ match }) => line(match))
        }
      ]
    }
    const close = orders.find(({ order }) => order === 'too-close')
    const blind = blindness()
    if (blind !== null) return [{ outcome: 'unknown', why: blind }]
    const saw = `${search.searched} messages of ${unit} since ${since.said}, none matches ${wanted}; the journal reaches back to ${reach()}`
    return [{ outcome: 'pass', saw }]

    function blindness(): string | null {
      if (search.found > search.matches.length) return 'more matches around that time than were kept'
      if (close !== undefined) return `a message that matches is ${close.why}`
      if (search.reachesMicros === null) return 'the host keeps no system journal that the login can read'
      const { order } = isAfter(search.reachesMicros, since, clock)
      if (order !== 'before') return `the journal reaches back to ${reach()} only, not to ${since.said}`
      if (!search.knowsUnit) return `the journal holds no message of ${unit} at all: it may log elsewhere`
      if (search.unreadable > 0) return `${search.unreadable} messages of ${unit} could not be read as text`
      const [dropped] = search.dropped
      return dropped === undefined ? null : `journald dropped messages: ${dropped}`
    }
    function reach() {
      return search.reachesMicros === null ? 'nothing' : isoMicros(search.reachesMicros)
    }
  },

  falsify({ search, since, clock }) {
    const dayLater = since.micros + Math.abs(clock.skewMs * 2000) + 86_400_000_000
    const match = { micros: dayLater, message: 'falsified' }
    return [{ search: { ...search, found: 1, matches: [match] }, since, clock }]
  }
})

function line({ micros, message }: JournalMatch): string {
  return `${isoMicros(micros)} ${message.slice(0, 300)}`
}
