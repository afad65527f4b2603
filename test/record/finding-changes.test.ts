import { expect, it } from 'vitest'
import {
  clear,
  type FindingState,
  findingChanges,
  freeNumbers,
  keyOf
} from '../../src/record/finding-changes.ts'
import type { CheckResult } from '../../src/probe/verdict.ts'
import type { Finding } from '../../src/probe/probe.ts'
import { outcomeOf } from '../../src/probe/run.ts'

function hunted(probe: string, ...findings: Finding[]): { check: CheckResult; severity: 'low' } {
  const check: CheckResult = {
    probe,
    title: probe,
    on: 'h',
    with: {},
    outcome: outcomeOf(findings),
    why: null,
    attempts: 1,
    flapped: false,
    findings,
    evidence: [1]
  }
  return { check, severity: 'low' }
}

const overlap = (at: string): Finding => ({ outcome: 'fail', saw: 'an overlap', expected: 'none', at })
const fine: Finding = { outcome: 'pass', saw: 'no overlap' }
const blind: Finding = { outcome: 'unknown', why: 'no docker' }

const known: FindingState = {
  id: 'A3',
  key: 'subnets/a',
  probe: 'subnets',
  title: 'a overlaps',
  severity: 'high',
  status: 'open',
  blocks: ['D8'],
  origin: 'introduced'
}

const rest = { baseline: null, blocks: ['D8'] }
const changes = (input: Partial<Parameters<typeof findingChanges>[0]>) =>
  findingChanges({ known: [], hunted: [], file: null, ...rest, ...input }).map(({ change, finding }) => [
    change,
    finding.id,
    finding.key,
    finding.origin
  ])

it('numbers go on where the file stopped', () => {
  expect(changes({ known: [known], hunted: [hunted('subnets', overlap('a'), overlap('b'))] })).toEqual([
    ['opened', 'A4', 'subnets/b', 'unknown']
  ])
})

it('the same defect is filed once, however often it is seen', () => {
  expect(changes({ known: [known], hunted: [hunted('subnets', overlap('a'), overlap('a'))] })).toEqual([])
})

it('what is seen twice in one look is filed once, under one number', () => {
  expect(
    changes({ hunted: [hunted('subnets', overlap('a'), overlap('a')), hunted('subnets', overlap('a'))] })
  ).toEqual([['opened', 'A1', 'subnets/a', 'unknown']])
  const closed: FindingState = { ...known, status: 'closed' }
  expect(changes({ known: [closed], hunted: [hunted('subnets', overlap('a'), overlap('a'))] })).toEqual([
    ['reopened', 'A3', 'subnets/a', 'introduced']
  ])
})

it('what is closed is not closed again', () => {
  expect(changes({ known: [{ ...known, status: 'closed' }], hunted: [hunted('subnets', fine)] })).toEqual([])
})

it('a look that failed and could not see all closes nothing, whatever it opens', () => {
  expect(changes({ known: [known], hunted: [hunted('subnets', overlap('b'), blind)] })).toEqual([
    ['opened', 'A4', 'subnets/b', 'unknown']
  ])
  expect(changes({ known: [known], hunted: [hunted('subnets', overlap('b'), fine)] })).toEqual([
    ['opened', 'A4', 'subnets/b', 'unknown'],
    ['closed', 'A3', 'subnets/a', 'introduced']
  ])
})

it('gone is closed, by a clear look of its own probe', () => {
  expect(changes({ known: [known], hunted: [hunted('subnets', fine)] })).toEqual([
    ['closed', 'A3', 'subnets/a', 'introduced']
  ])
})

it.each<[name: string, hunted: ReturnType<typeof hunted>[]]>([
  ['nobody looked', []],
  ['another probe looked', [hunted('units', fine)]],
  ['the probe could not see', [hunted('subnets', blind)]],
  ['the probe returned nothing', [hunted('subnets')]],
  ['the probe saw only a part', [hunted('subnets', overlap('a'), blind)]]
])('not closed when %s', (_, looks) => {
  expect(changes({ known: [known], hunted: looks })).toEqual([])
})

it('a finding by hand is closed by hand', () => {
  expect(changes({ known: [{ ...known, probe: 'hand' }], hunted: [hunted('subnets', fine)] })).toEqual([])
})

it('back is reopened under its old number', () => {
  expect(
    changes({ known: [{ ...known, status: 'closed' }], hunted: [hunted('subnets', overlap('a'))] })
  ).toEqual([['reopened', 'A3', 'subnets/a', 'introduced']])
})

it('back, it blocks what it blocked and what the plan blocks now, each once', () => {
  const [change] = findingChanges({
    known: [{ ...known, status: 'closed', blocks: ['D8', 'M2'] }],
    hunted: [hunted('subnets', overlap('a'))],
    file: null,
    baseline: null,
    blocks: ['M2', 'M3']
  })
  expect(change?.finding).toEqual({ ...known, status: 'open', blocks: ['D8', 'M2', 'M3'] })
})

it.each<[origin: string, then: ReturnType<typeof hunted>[]]>([
  ['pre-existing', [hunted('subnets', overlap('a'))]],
  ['introduced', [hunted('subnets', fine)]],
  ['unknown', [hunted('subnets', blind)]],
  ['unknown', []]
])('origin is %s by what the baseline saw', (origin, then) => {
  const baseline = {
    keys: new Set(
      then.flatMap(({ check }) =>
        check.findings.flatMap(found => (found.outcome === 'fail' ? [keyOf(check.probe, found.at)] : []))
      )
    ),
    clear: new Set(then.filter(({ check }) => clear(check)).map(({ check }) => check.probe))
  }
  expect(changes({ hunted: [hunted('subnets', overlap('a'))], baseline })).toEqual([
    ['opened', 'A1', 'subnets/a', origin]
  ])
})

it('what the baseline itself sees was there before', () => {
  expect(changes({ hunted: [hunted('subnets', overlap('a'), blind)], baseline: 'now' })).toEqual([
    ['opened', 'A1', 'subnets/a', 'pre-existing']
  ])
})

it('a number that the file shows is used by no new finding, whoever wrote it there', () => {
  const hunt = [hunted('subnets', overlap('b')), hunted('routes', overlap('c'))]
  const file = Buffer.from('# REVIEW\n\n## [adversary] A4: by hand\n\n> ## [Adversary]  A5: in a quote\n')
  const ids = (input: Partial<Parameters<typeof findingChanges>[0]>) =>
    changes({ hunted: hunt, ...input }).flatMap(([change, id]) => (change === 'opened' ? [id] : []))
  expect(ids({ known: [known], file })).toEqual(['A6', 'A7'])
  expect(ids({ known: [known], file: null })).toEqual(['A4', 'A5'])
  expect(ids({ file: Buffer.from('## [adversary] A1: by hand') })).toEqual(['A2', 'A3'])
})

it('the highest number does not keep the reviewer from filing', () => {
  expect(freeNumbers(['A999999', 'A1'], Buffer.from('[adversary] A2'))()).toBe(3)
})

it('what differs in the mark of a hidden secret alone is the same defect', () => {
  const at = (mark: string) => `TOKEN=«redacted:token:${mark}»`
  const before = { ...known, key: keyOf('subnets', at('1f')) }
  expect(changes({ known: [before], hunted: [hunted('subnets', overlap(at('2e')))] })).toEqual([])
})
