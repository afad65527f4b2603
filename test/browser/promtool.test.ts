import { execFileSync } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { runCli } from '../support/cli.ts'
import { inCheckout } from '../support/root.ts'

/** What Prometheus itself says to our metrics. */
describe.skipIf(inject('browserObstacle') !== null)('promtool', () => {
  let dir: string
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'adversary-metrics-'))
  })
  afterAll(() => rm(dir, { recursive: true, force: true }))

  /** What `promtool check metrics` prints, and its exit code. */
  function check(text: string): { readonly code: number; readonly said: string } {
    try {
      execFileSync('/usr/bin/promtool', ['check', 'metrics'], { input: text, stdio: 'pipe' })
      return { code: 0, said: '' }
    } catch (error) {
      if (!(error instanceof Error && 'status' in error && 'stderr' in error)) throw error
      return { code: Number(error.status), said: String(error.stderr) }
    }
  }

  it('has nothing against a gate that is closed', async () => {
    await runCli(['gate', 'one-M1', '--remote', 'nowhere', '--report', 'prometheus=gate.prom'], { cwd: dir })
    expect(check(await readFile(join(dir, 'gate.prom'), 'utf8'))).toEqual({ code: 0, said: '' })
  })

  it('is asked: a counter without its suffix is found', () => {
    expect(check('# HELP a A.\n# TYPE a counter\na 1\n').said).toContain('_total')
    expect(check('a{ 1\n').code).not.toBe(0)
  })

  it('reads the alert rules, which fire when they should and not before', () => {
    const cwd = inCheckout('examples/monitoring')
    const run = (...words: readonly string[]) =>
      execFileSync('/usr/bin/promtool', words, { cwd, encoding: 'utf8' })
    expect(run('check', 'rules', 'alerts.yaml')).toMatch(/SUCCESS: 10 rules found/)
    expect(run('test', 'rules', 'alerts.test.yaml')).toContain('SUCCESS')
  })

  it('reads every expression of the dashboard', async () => {
    const { panels } = JSON.parse(await readFile(inCheckout('examples/monitoring/dashboard.json'), 'utf8'))
    const expressions: readonly string[] = panels.flatMap(
      ({ targets }: { readonly targets: readonly { readonly expr: string }[] }) =>
        targets.map(({ expr }) => expr)
    )
    expect(expressions.length).toBeGreaterThan(10)
    const rules = expressions.map((expr, index) => ({ record: `panel:${index}`, expr }))
    const file = join(dir, 'dashboard.rules.yaml')
    await writeFile(file, JSON.stringify({ groups: [{ name: 'dashboard', rules }] }))
    execFileSync('/usr/bin/promtool', ['check', 'rules', file], { stdio: 'pipe' })
  })
})
