import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseClaim } from '../../src/record/claim.ts'

const person = { name: 'builder', email: 'builder@example.test' }
const parse = (subject: string) =>
  parseClaim({
    sha: 'a'.repeat(40),
    subject,
    author: person,
    committer: person,
    committedAt: '2026-06-13T05:00:00.000Z'
  })

describe('a claim', () => {
  it.each([
    ['claim(pvfix-M1): patch ready', 'pvfix', 'M1', 'patch ready'],
    ['claim(1e-HC2): x', '1e', 'HC2', 'x'],
    ['claim(2-Q4.1): x', '2', 'Q4.1', 'x'],
    ['claim(proxy-fix-2-D8): split at the last hyphen', 'proxy-fix-2', 'D8', 'split at the last hyphen'],
    ['claim(a-M1):  two spaces', 'a', 'M1', ' two spaces'],
    ['claim(a-M1): claim(b-M2): x', 'a', 'M1', 'claim(b-M2): x']
  ])('%s', (subject, phase, milestone, summary) => {
    expect(parse(subject)).toMatchObject({ kind: 'claim', claim: { phase, milestone, summary, subject } })
  })

  it.each([
    'claim(pvfix): x',
    'claim(pvfix-M1):x',
    'claim(pvfix-M1) x',
    'claim(pvfix-M1):',
    'claim(pvfix-M1):   ',
    'claim (pvfix-M1): x',
    'claim: pvfix-M1',
    'claim[pvfix-M1]: x',
    'Claim(pvfix-M1): x',
    ' claim(pvfix-M1): x',
    'claim(pvfix-m1): x',
    'claim(pvfix-M): x',
    'claim(pvfix-M1.): x',
    'claim(PVFIX-M1): x',
    'claim(-M1): x',
    'claim(a_b-M1): x',
    'claim(pvfix-M1 ): x',
    'claim(../../etc-M1): x',
    `claim(${'a'.repeat(65)}-M1): x`,
    `claim(pvfix-M${'1'.repeat(64)}): x`,
    'claim(): x'
  ])('malformed: %j', subject => {
    expect(parse(subject)).toMatchObject({ kind: 'malformed', subject })
  })

  it.each([
    ['Claim(pvfix-M1): x', /`claim\(<phase>-<milestone>\): <summary>`.*`claim` is in lower case/],
    ['CLAIM(pvfix-M1): x', /lower case/],
    ['claim(pvfix-M1) x', /^(?!.*lower case).*one space after the colon/],
    ['claim(pvfixM1): x', /no hyphen between phase and milestone/],
    ['claim(pvfix-m1): x', /the milestone does not match `/],
    ['claim(PVFIX-M1): x', /the phase does not match `/]
  ])('says why: %j', (subject, why) => {
    expect(parse(subject)).toMatchObject({ why: expect.stringMatching(why) })
  })

  it.each([
    '',
    'core: x',
    'claims(pvfix-M1): x',
    'reclaim(pvfix-M1): x',
    'claim to fame',
    'Merge claim(a-M1): x'
  ])('other: %j', subject => {
    expect(parse(subject)).toEqual({ kind: 'other' })
  })

  it('takes other patterns', () => {
    const patterns = { phase: /^[A-Z]+$/, milestone: /^step\d+$/g }
    const commit = {
      sha: 'a',
      subject: 'claim(OPS-step3): x',
      author: person,
      committer: person,
      committedAt: ''
    }
    expect(parseClaim(commit, patterns)).toMatchObject({
      kind: 'claim',
      claim: { phase: 'OPS', milestone: 'step3' }
    })
    expect(parseClaim(commit, patterns)).toMatchObject({ kind: 'claim' })
    expect(parseClaim({ ...commit, subject: 'claim(pvfix-M1): x' }, patterns)).toMatchObject({
      kind: 'malformed'
    })
    const shared = { phase: /^[A-Z]+$/g, milestone: /^step\d+$/y }
    for (const pattern of Object.values(shared)) pattern.lastIndex = 3
    expect(parseClaim(commit, shared)).toMatchObject({ kind: 'claim' })
  })

  it.each(['../x', '.git', '-x', 'a b', 'ä', 'a/b'])('a phase %j, whatever the patterns allow', phase => {
    const commit = { author: person, committer: person, committedAt: '', sha: 'a' }
    const any = { phase: /.*/, milestone: /.*/ }
    const target = phase.replace(' ', '\u00a0')
    expect(parseClaim({ ...commit, subject: `claim(${target}-M1): x` }, any)).toMatchObject({
      kind: 'malformed'
    })
    expect(
      parseClaim({ ...commit, subject: `claim(p-${target.replaceAll('-', '')}/): x` }, any)
    ).toMatchObject({
      kind: 'malformed'
    })
  })

  it('names phases and milestones that are fit for a path whatever the subject holds', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), (target, rest) => {
        const parsed = parse(`claim(${target}): ${rest}`)
        const name = parsed.kind === 'claim' ? `${parsed.claim.phase} ${parsed.claim.milestone}` : 'none M0'
        expect(name).toMatch(/^[a-z0-9][a-z0-9-]{0,63} [A-Z]{1,4}\d+(\.\d+)*$/)
      })
    )
  })
})
