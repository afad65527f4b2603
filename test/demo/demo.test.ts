import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { recordedPhase } from '../../src/cli/demo/recording.ts'
import { setStage, writeHome } from '../../src/cli/demo/stage.ts'
import { nowMs } from '../../src/os/clock.ts'
import { type Recording, serveRecordedHost } from '../../src/ssh/recorded-host.ts'
import { runCli } from '../support/cli.ts'
import { stepsOf, unseenLines } from '../support/page.ts'
import { testGit } from '../support/repo.ts'

let dir: string
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'adversary-demo-test-'))
})
afterAll(() => rm(dir, { recursive: true, force: true }))

it('plays the phase: context, PASS, a look before the claim, FAIL, PASS, and the gate is open', async () => {
  const { code, stdout } = await runCli(['demo', '--keep', 'played'], { cwd: dir })
  expect(code).toBe(0)
  expect(stdout).toContain('pvfix-M2: open')
  const shown = (await stepsOf('README.md')).find(step => step.commands.includes('npm run demo'))
  if (shown === undefined) throw new Error('README.md does not show the demo')
  expect(shown.shown.length).toBeGreaterThan(8)
  expect(unseenLines({ ...shown, output: stdout })).toEqual([])
  const text = await testGit(join(dir, 'played/repo.git'), ['show', 'main:machine-docs/REVIEW-pvfix.md'])
  expect(text.match(/^## .*$/gm)?.map(line => line.replace(/\d{4}-\S+Z/, '<time>'))).toEqual([
    '## Phase context (initial orientation, <time>)',
    '## M1: PASS @<time>',
    '## Pre-verification probe (<time> — before M2 claimed)',
    '## M2: FAIL @<time>',
    '## M2: PASS @<time>',
    expect.stringMatching(/^## \[adversary\] A1: .*deploy-proxy/)
  ])
  // Where the finding comes from is shown as it was played.
  expect(text).toMatch(/ \*\*Origin:\*\* introduced$/m)
  expect(text).toMatch(
    /^\*\*How it came in:\*\* .*M2: FAIL at .*`proxy: deploy-proxy is up when the dashboard/m
  )
  // Who is called at night reads what is wrong first, and a PASS on one screen.
  const sections = text.split(/^(?=## )/m)
  const failing = sections.find(section => section.startsWith('## M2: FAIL')) ?? ''
  expect(failing.split('\n').slice(2, 5).join('\n')).toMatch(
    /^\*\*What is wrong:\*\* 2 of 6 checks failed\.\n\n- \*\*Check 1:\*\* proxy is 10\.0\.1\.0\/24; expected .* \*\*What to do:\*\* /
  )
  expect(sections.find(section => section.startsWith('## M2: PASS'))).toMatch(
    /^\*\*Since the last look\*\* \(M2: FAIL, .*\): ✗ → ✓ check 1 \(.*\), ✗ → ✓ check 5 \(.*\)\.$/m
  )
  for (const section of sections.filter(each => /^## M\d: PASS/.test(each)))
    expect(section.replace(/^<details>[^]*^<\/details>$/m, '').split('\n').length).toBeLessThan(30)
  // Every read that the checks and the hunt make was recorded: nothing was left unseen.
  expect(text).not.toMatch(/not recorded|\*\* \?$/m)
  const subjects = await testGit(join(dir, 'played/repo.git'), ['log', '--format=%s', 'main'])
  expect(subjects.split('\n').filter(line => line.startsWith('review('))).toEqual([
    'review(pvfix-M2): M2 PASS + [adversary] A1 health gate deadlock',
    'review(pvfix-M2): M2 FAIL',
    'review(pvfix): M2 looked at before it is claimed',
    'review(pvfix-M1): M1 PASS',
    'review(pvfix): phase context'
  ])
})

describe('a recording with a lie in it that no host can be made to tell', () => {
  /** The recorded answers after the maintenance, with one text in place of another in one command's output. */
  async function answer(command: string, change: (stdout: string) => string) {
    const recording = await recordedPhase()
    const stage = await setStage(await mkdtemp(join(dir, 'stage-')), new AbortController().signal)
    const doctored = (all: readonly Recording[]) =>
      all.map(read =>
        read.argv.join(' ').startsWith(command) ? { ...read, stdout: change(read.stdout) } : read
      )
    const host = await serveRecordedHost({ recordings: doctored(recording.after(nowMs())) })
    try {
      await writeHome(stage, host)
      await stage.build('as it is', { 'nix/modules/swarm.nix': recording.patched })
      const { stdout } = await runCli(
        ['probe', 'network-addresses', '--with', 'network=proxy', '--json', '--home', stage.home],
        { cwd: dir }
      )
      return JSON.parse(stdout) as {
        outcome: string
        findings: { outcome: string; saw?: string; at?: string }[]
      }
    } finally {
      await host.close()
      await stage.close()
    }
  }

  it('as recorded, every address is inside', async () => {
    expect(await answer('docker inspect --type task', text => text)).toMatchObject({ outcome: 'pass' })
  })

  it('a task address outside the subnet is a FAIL that names it', async () => {
    const { outcome, findings } = await answer('docker inspect --type task', text =>
      text.replace(/"10\.10\.0\.([1-9]\d*)\/16"/, '"10.99.0.$1/16"')
    )
    expect(outcome).toBe('fail')
    expect(JSON.stringify(findings)).toMatch(/10\.99\.0\.\d+/)
  })

  it('an address that two tasks have is a FAIL that names it', async () => {
    const { outcome, findings } = await answer('docker inspect --type task', text => {
      const [first = ''] = /10\.10\.0\.\d+(?=\/16)/.exec(text) ?? []
      return text.replaceAll(/10\.10\.0\.\d+(?=\/16)/g, first)
    })
    expect(outcome).toBe('fail')
    expect(JSON.stringify(findings)).toMatch(/10\.10\.0\.\d+/)
  })
})
