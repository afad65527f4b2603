import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { probes } from '../../probes/index.ts'
import { replay } from '../../src/review/replay.ts'
import { type RecordedHost, recordedHosts } from '../support/recordings.ts'

/** The evidence of reviews of the real host (test/real/asked.test.ts), judged again. */
const recordings = fileURLToPath(new URL('../host/recordings/', import.meta.url))
const asked = (host: RecordedHost) =>
  readdirSync(`${recordings}${host}/asked`).map(name => `${host}/asked/${name}`)

it.each(recordedHosts.flatMap(asked))('%s', name => {
  const { differences, decision, checks } = replay(readFileSync(`${recordings}${name}`, 'utf8'), probes)
  expect(differences).toEqual([])
  const wanted = /right|good/.test(name) ? 'PASS' : /journal/.test(name) ? 'INCONCLUSIVE' : 'FAIL'
  expect(decision.verdict).toBe(wanted)
  const outcome = { PASS: 'pass', FAIL: 'fail', INCONCLUSIVE: 'unknown' }[wanted]
  expect(checks.map(check => check.outcome)).toEqual(checks.map(() => outcome))
})

it.each(recordedHosts)('what each of them was asked about (%s)', host => {
  const probed = asked(host).flatMap(name =>
    replay(readFileSync(`${recordings}${name}`, 'utf8'), probes).checks.map(({ probe }) => probe)
  )
  expect([...new Set(probed)].sort()).toEqual([
    'address-exhaustion',
    'claim-table',
    'image-drift',
    'journal-silent',
    'network-addresses',
    'network-services',
    'orphan-networks',
    'repo-file',
    'stray-stacks',
    'tls-expiry',
    'undeclared-change',
    'unit-activation'
  ])
})
