import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { configCheckDocument } from '../../src/cli/documents.ts'
import { runCli } from '../support/cli.ts'

let dir: string
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'config-check-'))
})
afterEach(() => rm(dir, { recursive: true, force: true }))

const config = `repo: { url: ssh://git@192.0.2.1/ops/infra.git, branch: main }
identity: { name: adversary-bot, email: adversary@example.test, signingKey: ./no-such-key }
hosts: { prod: { ssh: deploy@192.0.2.7 } }
`
const plan = (phase: string, ...checks: readonly string[]) =>
  `phase: ${phase}\nmilestones:\n  M1:\n    checks:\n${checks.map(each => `      - ${each}\n`).join('')}`

async function home(files: Readonly<Record<string, string>>): Promise<void> {
  for (const [name, text] of Object.entries(files)) {
    await mkdir(join(dir, dirname(name)), { recursive: true })
    await writeFile(join(dir, name), text)
  }
}

const check = (...words: readonly string[]) => runCli(['config', 'check', ...words], { cwd: dir })
async function document(...words: readonly string[]) {
  const { code, stdout, stderr } = await check('--json', ...words)
  return { code, stderr, said: configCheckDocument.parse(JSON.parse(stdout)) }
}

describe('config check', () => {
  it('accepts a valid home whose remote, host, key and clone do not exist, and leaves nothing behind', async () => {
    await home({
      'adversary.yaml': config,
      'plans/p1.yaml': plan('p1', 'probe: clock-skew'),
      'plans/p2.yaml': plan('p2', 'probe: repo-file\n        with: { path: a, exists: true }')
    })
    const { code, stdout, stderr } = await check()
    expect([code, stderr]).toEqual([0, ''])
    expect(stdout).toBe('adversary.yaml, plans/p1.yaml, plans/p2.yaml: valid\n')
    expect((await readdir(dir)).sort()).toEqual(['adversary.yaml', 'plans'])
    expect((await document()).said).toEqual({
      home: dir,
      ok: true,
      checked: ['adversary.yaml', 'plans/p1.yaml', 'plans/p2.yaml'],
      unchecked: [],
      errors: []
    })
  })

  it('reports an error of each file, where others stop at the first', async () => {
    await home({
      'adversary.yaml': config,
      'plans/a.yaml': plan('a', 'probe: no-such-probe'),
      'plans/b.yaml': 'phase: b\nphase: b\n',
      'plans/c.yml': plan('c', 'probe: clock-skew'),
      'plans/d.yaml': plan('d', 'probe: clock-skew'),
      'probes/mine.mjs': 'export default 1\n',
      'plans/e.yaml': plan('e', 'probe: mine')
    })
    const { code, said, stderr } = await document()
    expect(code).toBe(64)
    expect(said.ok).toBe(false)
    expect(said.errors.map(({ file, line, key }) => [file, line, key])).toEqual([
      ['probes/mine.mjs', null, null],
      ['plans/a.yaml', 5, 'milestones.M1.checks[0].probe'],
      ['plans/b.yaml', 2, 'phase'],
      ['plans/c.yml', null, null]
    ])
    expect(said.errors.map(({ message }) => message)).toEqual([
      expect.stringMatching(/^probes\/mine\.mjs: /),
      expect.stringMatching(/^plans\/a\.yaml:5: milestones\.M1\.checks\[0\]\.probe: .*no-such-probe/),
      expect.stringMatching(/^plans\/b\.yaml:2:/),
      expect.stringMatching(/^plans\/c\.yml: expected the ending/)
    ])
    for (const { message } of said.errors) expect(stderr).toContain(`${message}\n`)
    expect(said.checked).toContain('plans/d.yaml')
    // Whether its probe exists is known when the file with the probe is right.
    expect(said.unchecked).toEqual(['plans/e.yaml'])
  })

  it('with an error in adversary.yaml checks the YAML of the plans, and says what it did not check', async () => {
    await home({
      'adversary.yaml': config.replace('branch: main', 'brunch: main'),
      'plans/a.yaml': plan('a', 'probe: clock-skew'),
      'plans/b.yaml': '\tphase: b\n'
    })
    const { code, said } = await document()
    expect(code).toBe(64)
    expect(said.errors).toMatchObject([
      {
        file: 'adversary.yaml',
        line: 1,
        key: 'repo.brunch',
        message: expect.stringMatching(/unknown key.*branch/)
      },
      { file: 'plans/b.yaml', line: 1 }
    ])
    expect(said.unchecked).toEqual(['plans/a.yaml'])
  })

  it.each([
    ['no home at all', {}, ['config', 'check'], /no adversary\.yaml/],
    ['a folder that is no home', {}, ['config', 'check', '--home', 'x'], /no adversary\.yaml/],
    ['another action', { 'adversary.yaml': config }, ['config', 'chek'], /expected `check`/]
  ])('%s is 64', async (_, files, words, expected) => {
    await home(files)
    const { code, stdout, stderr } = await runCli(words, { cwd: dir })
    expect([code, stdout === '' || stdout.startsWith('1 error in ')]).toEqual([64, true])
    expect(stderr).toMatch(expected)
  })

  it('keeps what a file says on its line, without control characters and secrets', async () => {
    await home({
      'adversary.yaml': config.replace('branch: main', `"a\\nb\\e[31m": ${'x'.repeat(5)}`),
      'plans/a\u001B[31m.yml': 'x'
    })
    const { stderr } = await check()
    expect(stderr).not.toContain('\u001B')
    expect(stderr.split('\n').filter(line => line !== '' && !line.startsWith('  try:'))).toHaveLength(2)
  })

  it('a home inside the watched repo is refused', async () => {
    await home({
      'adversary.yaml': config.replace('ssh://git@192.0.2.1/ops/infra.git', dir),
      '.git/config': ''
    })
    const { code, said } = await document()
    expect(code).toBe(64)
    expect(said.errors).toMatchObject([{ message: expect.stringMatching(/inside a working tree/) }])
  })
})
