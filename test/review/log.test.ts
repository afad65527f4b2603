import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { logDocument } from '../../src/cli/documents.ts'
import { type LogEvent, logEvents, logFields, logLine } from '../../src/review/log.ts'

/** The log: a closed list of events, each documented, and no word of anybody else's unguarded. */

const time = '2026-06-13T05:33:07Z'
const root = resolve(import.meta.dirname, '../..')

/** Every field that the event may have, filled with the same text. */
function full(event: LogEvent, text: string): Readonly<Record<string, string | number>> {
  const { always, sometimes } = logEvents[event]
  return Object.fromEntries(
    [...always, ...sometimes].map(name => [name, logFields[name].type === 'number' ? 7 : text])
  )
}

/** The line of an event whose fields are known only now. */
function lineOf(event: LogEvent, details: Readonly<Record<string, string | number>>): string {
  const write: (time: string, event: LogEvent, details: never) => string = logLine
  return write(time, event, details as never)
}

const names = Object.keys(logEvents) as LogEvent[]

it('has these events and no others: they may be added, and a renamed one keeps its old name in its lines', () => {
  expect(names).toEqual([
    'watcher.started',
    'plans.changed',
    'signers.changed',
    'plans.invalid',
    'claim.malformed',
    'claim.ignored',
    'orientation.started',
    'orientation.published',
    'review.started',
    'review.published',
    'review.dropped',
    'history.rewritten',
    'review.removed',
    'history.unknown',
    'observation.failed',
    'host.unreachable',
    'host.recovered',
    'hunt.finished',
    'task.failed',
    'home.failed',
    'remote.recovered',
    'status.failed',
    'status.recovered',
    'server.started',
    'request.refused',
    'request.failed',
    'build.validated',
    'heartbeat.failed',
    'watcher.stopped'
  ])
})

describe.each(names)('%s', event => {
  it('is one line that the schema takes, whatever anybody said', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 300 }), text => {
        const line = lineOf(event, full(event, `${text}\n\u001b[31mred\u202e`))
        expect(line).not.toMatch(/[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/u)
        logDocument.parse(JSON.parse(line))
      }),
      { numRuns: 30 }
    )
  })

  it('lets no other field through, hides secrets, and is documented', () => {
    const strange = { ...full(event, 'x'), surprise: 'x' }
    expect(logDocument.safeParse(JSON.parse(lineOf(event, strange))).success).toBe(false)
    expect(lineOf(event, full(event, 'https://bot:Wk7vQz2mXr9LpT4sBn8d@git.example.test/'))).not.toContain(
      'Wk7vQz2mXr9LpT4sBn8d'
    )
    expect(readFileSync(join(root, 'docs/log.md'), 'utf8')).toContain(`| \`${event}\` |`)
  })
})
