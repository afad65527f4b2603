import { mkdir, writeFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { probes } from '../../probes/index.ts'
import { loadWorkspace } from '../../src/config/workspace.ts'
import { suggestedPlan } from '../../src/config/plan/suggested-plan.ts'
import { nowhere } from '../../src/review/one-probe.ts'
import { prove } from '../../src/probe/prove.ts'
import { factsOf } from '../../src/review/assessed.ts'
import { observe } from '../../src/review/review.ts'
import { viewsOf } from '../../src/review/context/views.ts'
import { suggest } from '../../src/cli/setup/suggest.ts'
import { snapshot } from '../../src/review/context/review-context.ts'
import { bootHost } from '../support/host.ts'
import { type Phase, playPhase } from '../support/phase.ts'

const budget = { budgetMs: 60_000 }

describe.skipIf(inject('hostObstacle') !== null)('plans and the real host', () => {
  let phase: Phase

  beforeAll(async () => {
    const host = await bootHost()
    await host.settle()
    phase = await playPhase(host)
    await phase.answer()
  })
  afterAll(() => phase?.dispose())

  it('what is suggested passes on the host, and every check of it can fail', async () => {
    const { context } = phase
    const suggested = await suggest(context, nowhere, 'cc-ci', budget)
    expect(suggested.left).toEqual([])
    const dir = join(phase.repo.dir, 'suggested')
    await mkdir(join(dir, 'plans'), { recursive: true })
    const { repo, identity, hosts } = context.home
    const host = hosts.get('cc-ci')
    await writeFile(
      join(dir, 'adversary.yaml'),
      `repo: { url: ${repo.url}, branch: main }
identity: { name: ${identity.name}, email: ${identity.email}, signingKey: ${identity.signingKey} }
hosts: { cc-ci: { ssh: ${host?.ssh}, identityFile: ${host?.identityFile}, knownHosts: ${host?.knownHosts} } }
`
    )
    await writeFile(join(dir, 'plans/p1.yaml'), suggestedPlan('cc-ci', 'p1', suggested.suggestions))
    const home = await loadWorkspace(dir, {
      userHome: homedir(),
      library: async () => probes,
      facts: async () => ({})
    })
    const checks = home.plans.get('p1')?.milestones[0]?.checks ?? []
    expect(checks.length).toBeGreaterThan(15)
    const observed = await observe({ ...context, home }, nowhere, { phase: 'p1', checks, hunts: [] }, budget)
    expect(observed.checks.filter(({ check }) => check.outcome !== 'pass')).toEqual([])
    expect(checks.map(({ probe }, index) => prove(probe, factsOf(observed, index)).kind)).toEqual(
      checks.map(() => 'can fail')
    )
  })

  it('every check of the reference plan that can be seen can fail, and so can every hunting probe', async () => {
    const { context } = phase
    const at = await snapshot(context)
    const plan = context.home.plans.get('pvfix')
    const checks = [
      ...(plan?.milestones.flatMap(milestone => milestone.checks) ?? []),
      ...(plan?.hunt.checks ?? [])
    ]
    const subject = { phase: 'pvfix', commit: at.tip, checks, hunts: [] }
    const observed = await observe(
      context,
      viewsOf(context, { ...subject, record: at.record }),
      subject,
      budget
    )
    const proofs = checks.map(({ probe, title }, index) => [
      title,
      prove(probe, factsOf(observed, index)).kind
    ])
    // Without a review of M1 there is no time that the network could have been made after.
    expect(proofs.filter(([, kind]) => kind !== 'can fail')).toEqual([
      ['The proxy network is 10.10.0.0/16 and new', 'unseen']
    ])
  })
})
