import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { sayBoard } from '../../src/cli/watch/status-lines.ts'
import { loadWorkspace } from '../../src/config/workspace.ts'
import { board } from '../../src/board/summary.ts'
import { boardModel } from '../../src/board/read-model.ts'
import { openReviewContext, snapshot } from '../../src/review/context/review-context.ts'
import { metricsText } from '../../src/server/metrics.ts'
import type { Scene } from './gate.ts'

/** What everything but the gate says of a milestone, by a home that watches the same remote. */
export interface Mouths {
  /** Null: it does not name the milestone. */
  readonly status: { readonly code: number; readonly reasons: readonly string[] } | null
  /** Its line on a terminal. */
  readonly line: string | null
  readonly board: { readonly open: boolean; readonly reasons: readonly string[] } | null
  /** 1 or 0; null: there is no such series. */
  readonly metric: number | null
}

/** @param now milliseconds since 1970. */
export async function mouthsOf(
  scene: Scene,
  milestone: string,
  now: number,
  { allowed }: { readonly allowed: string }
): Promise<Mouths> {
  const dir = await mkdtemp(join(dirname(scene.remote), 'mouths-'))
  await mkdir(join(dir, 'plans'))
  await writeFile(
    join(dir, 'adversary.yaml'),
    [
      `repo: { url: ${scene.remote}, branch: main, review: 'machine-docs/REVIEW-{phase}.md' }`,
      `identity: { name: adversary, email: adversary@example.test, signingKey: ${scene.keys.reviewer.path} }`,
      'hosts: { here: { transport: local } }',
      ''
    ].join('\n')
  )
  const checks = '[{ probe: repo-file, with: { path: a, exists: true } }]'
  const milestones = ['M1', 'M2', 'D8'].map(name => `  ${name}: { title: ${name}, checks: ${checks} }`)
  await writeFile(
    join(dir, 'plans/pvfix.yaml'),
    ['phase: pvfix', 'milestones:', ...milestones, ''].join('\n')
  )
  const { probes } = await import('../../probes/index.ts')
  const home = await loadWorkspace(dir, {
    userHome: homedir(),
    library: async () => probes,
    facts: async () => ({})
  })
  const opened = await openReviewContext(home, {
    userHome: homedir(),
    signal: new AbortController().signal,
    log: () => undefined
  })
  const context = { ...opened, trust: { reviewer: 'adversary', allowed } }
  try {
    const at = await snapshot(context)
    const seen = await board(context, at, now)
    const phase = seen.phases.find(each => each.phase === 'pvfix')
    const stone = phase?.milestones.find(each => each.milestone === milestone) ?? null
    const model = await boardModel(context, at, now, { version: '1' })
    const shown = model.phases
      .find(each => each.phase === 'pvfix')
      ?.milestones.find(each => each.milestone === milestone)
    const lines = sayBoard(seen, { color: false, columns: Number.POSITIVE_INFINITY })
    const label = `adversary_gate_open{phase="pvfix",milestone="${milestone}"} `
    const series = metricsText('1', null, model)
      .split('\n')
      .find(line => line.startsWith(label))
    return {
      status: stone === null ? null : { code: stone.gate.code, reasons: stone.gate.reasons },
      line: lines.find(line => new RegExp(`^ {2}\\S .*\\b${milestone}\\b`).test(line)) ?? null,
      board: shown?.gate ?? null,
      metric: series === undefined ? null : Number(series.slice(label.length))
    }
  } finally {
    await context.git.close()
    await rm(dir, { recursive: true, force: true })
  }
}
