import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { probes } from '../../probes/index.ts'
import { replay } from '../../src/run/replay.ts'

/** The evidence of reviews of the real host (test/real/asked.test.ts), judged again. */
const folder = fileURLToPath(new URL('../host/recordings/asked/', import.meta.url))

it.each(readdirSync(folder))('%s', name => {
  const { differences, decision, checks } = replay(readFileSync(`${folder}${name}`, 'utf8'), probes)
  expect(differences).toEqual([])
  const wanted = /right|good/.test(name) ? 'PASS' : /journal/.test(name) ? 'INCONCLUSIVE' : 'FAIL'
  expect(decision.verdict).toBe(wanted)
  const outcome = { PASS: 'pass', FAIL: 'fail', INCONCLUSIVE: 'unknown' }[wanted]
  expect(checks.map(check => check.outcome)).toEqual(checks.map(() => outcome))
})

it('what each of them was asked about', () => {
  const asked = readdirSync(folder).flatMap(name =>
    replay(readFileSync(`${folder}${name}`, 'utf8'), probes).checks.map(({ probe }) => probe)
  )
  expect([...new Set(asked)].sort()).toEqual([
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
