import { expect, it } from 'vitest'
import type { Appended } from '../../src/gate/append-only.ts'
import { parsingBudget } from '../../src/lib/effort.ts'
import { withUnsignedEdits } from '../../src/gate/unsigned-edits.ts'
import type { Commit } from '../../src/git/git-types.ts'

const who = { name: 'x', email: 'x@example.test' }
const at = '2026-06-13T06:00:00Z'
const trust = { allowed: '', reviewer: 'adversary' }

function commit(sha: string, parents: readonly string[], committedAt = at): Commit {
  const people = { author: who, committer: who, authoredAt: at, committedAt }
  return { sha, tree: sha, signed: true, parents, ...people, subject: '', message: '' }
}

type Part = [by: string, text: string, committedAt?: string]

/** Appends by hand, one commit after the other, each by the person named. */
async function heard(...parts: Part[]) {
  let bytes = ''
  const appended = new Map<string, Appended>()
  const history: Commit[] = []
  for (const [index, [principal, text, committedAt]] of parts.entries()) {
    const one = commit(`${index}`, index === 0 ? [] : [`${index - 1}`], committedAt)
    const from = Buffer.byteLength(bytes)
    bytes += text
    history.push(one)
    const touch = { commit: one, principal, review: null }
    appended.set(one.sha, { touch, path: 'REVIEW.md', from, bytes: Buffer.from(bytes) })
  }
  return withUnsignedEdits([], appended, history, trust, parsingBudget(1e9))
}

const vetoesOf = async (...parts: Part[]) =>
  (await heard(...parts)).reviews.flatMap(({ principal, message }) =>
    message.vetoes.map(({ milestone, status }) => `${principal} ${milestone} ${status}`)
  )

it('a veto on a line that somebody else began is of who wrote it', async () => {
  expect(await vetoesOf(['alice', '# REVIEW\n\n## '], ['carol', 'VETO M2: wait\n'])).toEqual([
    'carol M2 open'
  ])
})

it('a veto in another form of heading is before the lift that stands behind it, and behind the one before it', async () => {
  const html = '<h2>VETO M2: wait</h2>\n'
  const lift = '## VETO LIFTED M2: tested\n'
  expect(await vetoesOf(['alice', `# REVIEW\n\n${html}\n${lift}`])).toEqual([
    'alice M2 open',
    'alice M2 lifted'
  ])
  expect(await vetoesOf(['alice', `# REVIEW\n\n${lift}\n${html}`])).toEqual([
    'alice M2 lifted',
    'alice M2 open'
  ])
})

it('a lift and a closing by hand need a heading of the second level that the file shows', async () => {
  const hidden = (text: string) => `# REVIEW\n\n\`\`\`\n${text}\n\`\`\`\n`
  expect(await vetoesOf(['alice', hidden('## VETO LIFTED M2: tested')])).toEqual([])
  expect(await vetoesOf(['alice', '# REVIEW\n\n### VETO LIFTED M2: tested\n'])).toEqual([])
  const findings = async (text: string) =>
    (await heard(['alice', text])).reviews.flatMap(({ message }) =>
      message.findings.map(({ status }) => status)
    )
  expect(await findings('# REVIEW\n\n## [adversary] A1: CLOSED\n')).toEqual(['closed'])
  expect(await findings(hidden('## [adversary] A1: CLOSED'))).toEqual([])
})

it('what an open fence before it hides puts and opens; it lifts and closes nothing', async () => {
  const fence: Part = ['carol', '# REVIEW\n\n```\n']
  expect(await vetoesOf(fence, ['alice', '## VETO M2: wait\n'])).toEqual(['alice M2 open'])
  expect(await vetoesOf(fence, ['alice', '## VETO LIFTED M2: tested\n'])).toEqual([])
  const findings = async (text: string) =>
    (await heard(fence, ['alice', text])).reviews.flatMap(({ message }) =>
      message.findings.map(({ status }) => status)
    )
  expect(await findings('## [adversary] A1: the disk is full\n')).toEqual(['open'])
  expect(await findings('## [adversary] A1: CLOSED\n')).toEqual([])
})

it('what is written by hand is in the order of the history, whatever its dates', async () => {
  const early = '2020-01-01T00:00:00Z'
  expect(
    await vetoesOf(['alice', '# REVIEW\n\n## VETO M2: a\n'], ['carol', '\n## VETO M3: c\n', early])
  ).toEqual(['alice M2 open', 'carol M3 open'])
})

it('a verdict by hand that is no PASS is heard, in any form of heading; a PASS is not', async () => {
  const verdicts = async (text: string) =>
    (await heard(['alice', `# REVIEW\n\n${text}\n`])).verdicts.map(
      each => `${each.milestone} ${each.verdict}`
    )
  expect(await verdicts('## M2: FAIL')).toEqual(['M2 FAIL'])
  expect(await verdicts('<h2>M2: FAIL</h2>')).toEqual(['M2 FAIL'])
  expect(await verdicts('## M2: INCONCLUSIVE')).toEqual(['M2 INCONCLUSIVE'])
  expect(await verdicts('## M2: PASS')).toEqual([])
})
