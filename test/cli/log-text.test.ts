import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { logText } from '../../src/cli/watch/log-text.ts'
import { widthOf } from '../../src/lib/text/wrap.ts'
import { type LogEvent, logEvents, logFields } from '../../src/review/log.ts'
import { golden } from '../render/golden.ts'

const time = '2026-06-13T05:49:31Z'
const sha = (digit: string) => digit.repeat(40)

/** Each event with every field that it may have. */
function all(text: string): readonly (readonly [LogEvent, Readonly<Record<string, string | number>>])[] {
  return (Object.keys(logEvents) as LogEvent[]).map(event => {
    const { always, sometimes } = logEvents[event]
    const fields = [...always, ...sometimes].map(
      field => [field, logFields[field].type === 'number' ? 90_000 : text] as const
    )
    return [event, Object.fromEntries(fields)] as const
  })
}

function told(event: LogEvent, details: Readonly<Record<string, string | number>>, columns: number) {
  // The fields are those of the list, whatever the compiler can see of them here.
  return logText(time, event, details as never, { color: false, columns })
}

/** A round as a person at a terminal reads it. */
function round(columns: number): string {
  const terminal = { color: false, columns }
  const which = { phase: 'pvfix', milestone: 'M2', claim: sha('7') }
  return [
    logText(
      time,
      'watcher.started',
      { repo: 'ssh://git@git.example.test/ops/infra.git', branch: 'main', poll_ms: 30_000 },
      terminal
    ),
    logText(time, 'orientation.published', { phase: 'pvfix', commit: sha('a') }, terminal),
    logText(
      time,
      'claim.malformed',
      { commit: sha('b'), subject: 'Claim(pvfix-M2): done', why: '`claim` is in lower case' },
      terminal
    ),
    logText(time, 'review.started', which, terminal),
    logText(
      time,
      'observation.failed',
      { about: 'pvfix-M2', why: 'the login of reader at 198.51.100.7 was refused', again_in_ms: 10_000 },
      terminal
    ),
    logText(time, 'review.published', { ...which, verdict: 'FAIL', commit: sha('c') }, terminal),
    logText(time, 'review.published', { ...which, verdict: 'PASS', commit: sha('d') }, terminal),
    logText(time, 'watcher.stopped', { reviews: 2 }, terminal, '~/homes/infra')
  ].join('\n')
}

describe('the log for a person at the terminal', () => {
  it.each([60, 80])('at %i columns: when, of what, what happened, the verdict, what to do next', columns => {
    const text = round(columns)
    expect(text).toBe(golden(`log-${columns}.txt`, text))
    for (const line of text.split('\n')) expect(widthOf(line)).toBeLessThanOrEqual(columns)
  })

  it.each([60, 80])('breaks no word at %i columns, whatever the event', columns => {
    for (const [event, details] of all('some words of an ordinary length')) {
      const wide = told(event, details, Number.POSITIVE_INFINITY)
      const narrow = told(event, details, columns)
      expect(narrow.replace(/(?: \\)?\s+/g, ' ')).toBe(wide.replace(/\s+/g, ' '))
      for (const line of narrow.split('\n')) expect(widthOf(line)).toBeLessThanOrEqual(columns)
    }
  })

  it('obeys nothing that a host or a claim says, and hides a password', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 60 }), text => {
        for (const [event, details] of all(`${text}\u001b[2J\r\n\u202e`)) {
          const line = told(event, details, Number.POSITIVE_INFINITY)
          // One line, and what is to be done next on another.
          expect(line.split('\n').length).toBeLessThanOrEqual(2)
          // oxlint-disable-next-line no-control-regex -- what is looked for are codes of a terminal
          expect(line).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e]/)
        }
      }),
      { numRuns: 30 }
    )
    // Nothing that a shell would run stands in a command that somebody pastes.
    const published = {
      phase: 'p"; rm -rf ~ #',
      milestone: 'M1',
      claim: sha('a'),
      verdict: 'FAIL',
      commit: sha('b')
    }
    expect(told('review.published', published, 200)).toContain('-m "claim(…): …" && git push')
    const why = 'https://bot:hunter2secret@git.example.test/ refused'
    expect(told('task.failed', { why, again_in_ms: 1 }, 80)).not.toContain('hunter2secret')
  })
})
