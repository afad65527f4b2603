import { cp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { makeScene, type Scene } from './scene.ts'
import { testGit } from './repo.ts'

/** One repo with claims of many milestones, and runners: each a home and a clone of its own, as CI machines have. */
export interface Runners {
  readonly scene: Scene
  /** Commits of the claims, oldest first. */
  readonly claims: readonly string[]
  /** A folder for each runner. */
  readonly homes: readonly string[]
  /** Updates of the branch that were no fast-forward: a forced push. */
  forced(): Promise<readonly string[]>
}

export async function makeRunners(count: number, claims: number): Promise<Runners> {
  const scene = await makeScene()
  await testGit(scene.repo.remote, ['config', 'core.logAllRefUpdates', 'always'])
  const names = Array.from({ length: claims }, (_, index) => `M${index + 1}`)
  const check = 'probe: repo-file, with: { path: README.md, contains: a repo }'
  await scene.plan(
    'fleet',
    `milestones:\n${names.map(name => `  ${name}: { checks: [{ ${check} }] }`).join('\n')}\nhunt: { probes: [] }\n`
  )
  const { builder } = scene.repo
  const shas: string[] = []
  for (const name of names) shas.push(await builder.commit(`claim(fleet-${name}): done`))
  await builder.push()
  const homes = Array.from({ length: count }, (_, index) => join(scene.repo.dir, `runner-${index + 1}`))
  for (const home of homes) await cp(scene.home, home, { recursive: true })
  await rm(scene.home, { recursive: true })
  return {
    scene,
    claims: shas,
    homes,
    async forced() {
      // What the branch was before each update, as the server wrote it down.
      const log = await testGit(scene.repo.remote, ['reflog', 'show', '--format=%H', 'refs/heads/main'])
      const tips = log.split('\n').reverse()
      if (tips.length < 2) throw new Error('the server wrote down no updates')
      const found: string[] = []
      for (const [index, tip] of tips.slice(1).entries()) {
        const before = tips[index] ?? ''
        const base = await testGit(scene.repo.remote, ['merge-base', before, tip]).catch(() => '')
        if (base !== before) found.push(`${before} → ${tip}`)
      }
      return found
    }
  }
}
