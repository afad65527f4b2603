import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { probes } from '../../probes/index.ts'
import { adversaryYaml, type PhaseHome, planYaml } from '../../src/cli/demo/pvfix.ts'
import type { OpenSession } from '../../src/facts/session.ts'
import { loadWorkspace } from '../../src/config/workspace.ts'
import type { Draft, Observed } from '../../src/review/assessed.ts'
import { assess, observe, publishReview, type PublishResult } from '../../src/review/review.ts'
import { viewsOf } from '../../src/review/context/views.ts'
import { watch } from '../../src/watch/watch.ts'
import { openReviewContext, snapshot, type ReviewContext } from '../../src/review/context/review-context.ts'
import type { TestHost } from './host.ts'
import { allowedSigners, makeRepo, type TestRepo } from './repo.ts'
import { inCheckout } from './root.ts'

/** The reference phase on a real host: a real repo, a builder, and the reviewer that watches it. */
export interface Phase {
  readonly repo: TestRepo
  readonly context: ReviewContext
  /** The builder's commit, dated now and pushed; answers its sha. */
  build(message: string, files?: Readonly<Record<string, string>>): Promise<string>
  /** Answers everything that is owed; the drafts of the reviews, oldest first. */
  answer(): Promise<readonly { readonly draft: Draft; readonly told: PublishResult }[]>
  preVerify(milestone: string): Promise<Observed>
  /** Looks with every hunting probe of the plan, and publishes what that changes. */
  hunt(): Promise<{ readonly observed: Observed; readonly told: PublishResult }>
  /** The review file as it stands on the remote. */
  review(): Promise<string>
  dispose(): Promise<void>
}

const repoFiles = inCheckout('test/host/repo/')

/** `nix/modules/swarm.nix` without and with the patch. */
export const swarmNix = (edition: 'before' | 'after') =>
  readFile(`${repoFiles}${edition}/nix/modules/swarm.nix`, 'utf8')

export async function playPhase(
  host: TestHost,
  options: { readonly openSession?: OpenSession; readonly plan?: (yaml: string) => string } = {}
): Promise<Phase> {
  const repo = await makeRepo()
  const key = await repo.key('reviewer')
  const signers = join(repo.dir, 'allowed_signers')
  await writeFile(signers, allowedSigners([['adversary@example.test', key]]))
  const dir = join(repo.dir, 'home')
  await mkdir(join(dir, 'plans'), { recursive: true })
  const home: PhaseHome = {
    repoUrl: repo.url,
    signingKey: key.path,
    allowedSigners: signers,
    host: [
      `ssh: ${host.user}@${host.address}`,
      `identityFile: ${host.identityFile}`,
      `knownHosts: ${host.knownHosts}`
    ],
    route: name => `https://${name}.example.test/`,
    address: host.address,
    ca: host.ca,
    poll: '1s',
    retry: '1s'
  }
  await writeFile(join(dir, 'adversary.yaml'), adversaryYaml(home))
  await writeFile(join(dir, 'plans/pvfix.yaml'), (options.plan ?? (yaml => yaml))(planYaml(home)))
  const context = await openReviewContext(
    await loadWorkspace(dir, { userHome: homedir(), library: async () => probes, facts: async () => ({}) }),
    {
      userHome: homedir(),
      signal: new AbortController().signal,
      log: () => undefined,
      ...(options.openSession === undefined ? {} : { openSession: options.openSession })
    }
  )
  const now = () => new Date().toISOString()
  await repo.builder.commit('swarm: as it is', {
    files: { 'nix/modules/swarm.nix': await swarmNix('before') },
    date: now()
  })
  await repo.builder.push()

  return {
    repo,
    context,
    async build(message, files = {}) {
      await repo.builder.pull()
      const sha = await repo.builder.commit(message, { files, date: now() })
      await repo.builder.push()
      return sha
    },
    async answer() {
      const answers: { draft: Draft; told: PublishResult }[] = []
      await watch(
        context,
        {
          reviewed: (draft, told) => answers.push({ draft, told }),
          oriented: () => undefined,
          hunted: () => undefined
        },
        { once: true }
      )
      return answers
    },
    async preVerify(name) {
      const at = await snapshot(context)
      const { plan, milestone } = planned(context, name)
      const subject = { phase: 'pvfix', commit: at.tip, checks: milestone.checks, hunts: [] }
      const views = viewsOf(context, { ...subject, record: at.record })
      const observed = await observe(context, views, subject, { budgetMs: 60_000 })
      await publishReview(context, { ...observed, kind: 'pre-verification', plan, milestone })
      return observed
    },
    async hunt() {
      const at = await snapshot(context)
      const { plan } = planned(context, 'M1')
      const observed = await assess(context, at, { kind: 'hunt', plan }, { budgetMs: 60_000 })
      return { observed, told: await publishReview(context, observed) }
    },
    async review() {
      await repo.builder.pull()
      return repo.builder.read('machine-docs/REVIEW-pvfix.md')
    },
    async dispose() {
      await context.git.close()
      await repo.dispose()
    }
  }
}

function planned({ home }: ReviewContext, name: string) {
  const plan = home.plans.get('pvfix')
  const milestone = plan?.milestones.find(({ id }) => id === name)
  if (plan === undefined || milestone === undefined) throw new Error(`no milestone ${name} in the plan`)
  return { plan, milestone }
}

/** The titles of the checks that failed. */
export function failed(draft: Draft): readonly string[] {
  return draft.checks.filter(({ check }) => check.outcome === 'fail').map(({ check }) => check.title)
}

/** Everything a failing check said, as one text. */
export function said(draft: Draft): string {
  return draft.checks
    .flatMap(({ check }) => check.findings)
    .flatMap(finding =>
      finding.outcome === 'fail' ? [`${finding.saw}; expected ${finding.expected} (${finding.at})`] : []
    )
    .join('\n')
}
