import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { probes } from '../../probes/index.ts'
import { probeExplainDocument, probeListDocument } from '../../src/cli/documents.ts'
import { createIo } from '../../src/cli/io.ts'
import { main } from '../../src/cli/program.ts'
import { Kept, runCli } from '../support/cli.ts'

let cwd: string
beforeEach(async () => {
  cwd = await mkdtemp(join(tmpdir(), 'cli-'))
})
afterEach(() => rm(cwd, { recursive: true, force: true }))

const commands = [
  'demo',
  'init',
  'doctor',
  'watch',
  'review',
  'orient',
  'hunt',
  'probe',
  'rehearse',
  'gate',
  'status',
  'board',
  'replay',
  'prove',
  'finding',
  'veto',
  'accept',
  'lockdown'
]

describe('help', () => {
  it('of the program names every command and exit code', async () => {
    const { code, stdout, stderr } = await runCli(['--help'], { cwd })
    expect([code, stderr]).toEqual([0, ''])
    for (const command of commands) expect(stdout).toMatch(new RegExp(`^  ${command}\\b`, 'm'))
    expect(stdout).toContain('64  usage or configuration error')
  })

  it.each(commands)('of %s has examples and exit codes', async command => {
    const { code, stdout } = await runCli([command, '--help'], { cwd })
    expect(code).toBe(0)
    expect(stdout).toMatch(new RegExp(`^  \\$ adversary ${command}`, 'm'))
    for (const option of ['--home', '--json', '--quiet', 'Exit codes:']) expect(stdout).toContain(option)
  })

  it('and the version', async () => {
    expect(await runCli(['--version'], { cwd })).toEqual({ code: 0, stdout: '1.2.3\n', stderr: '' })
  })
})

describe('words that are not understood end with 64, and say nothing on stdout', () => {
  it.each([
    [[], /Usage: adversary/],
    [['frobnicate'], /unknown command 'frobnicate'/],
    [['stats'], /Did you mean status\?/],
    [['review'], /missing required argument 'target'/],
    [['review', 'p-M1', 'p-M2'], /too many arguments/],
    [['review', 'p-M1', '--retry', '15'], /Expected a duration such as/],
    [['review', 'p-M1', '--retry', '0s'], /Expected a duration such as/],
    [['gate', 'p', '--waite', '30m'], /Did you mean --wait\?/],
    [['status', '--json', '--nope'], /unknown option '--nope'/],
    [['status'], /no adversary\.yaml in .* or a parent folder/],
    [['status', '--home', 'nowhere'], /no adversary\.yaml in .*nowhere/],
    [['probe'], /expected the id of a probe/],
    [['probe', '--explain', 'subnet-colision'], /did you mean `subnet-collision`\?/]
  ])('%j', async (argv, said) => {
    const { code, stdout, stderr } = await runCli(argv, { cwd })
    expect([code, stdout]).toEqual([64, ''])
    expect(stderr).toMatch(said)
    expect(stderr).not.toMatch(/^\s+at /m)
  })

  it('a broken home is one line with the place', async () => {
    await writeFile(join(cwd, 'adversary.yaml'), 'repo:\n  url: 5\n')
    const { code, stderr } = await runCli(['status'], { cwd })
    expect(code).toBe(64)
    expect(stderr.trimEnd()).toMatch(/^adversary: adversary\.yaml:\d+: \S+: .*$/)
  })
})

describe('probe', () => {
  it('--list needs no home', async () => {
    const { code, stdout } = await runCli(['probe', '--list'], { cwd })
    expect(code).toBe(0)
    const lines = stdout
      .trimEnd()
      .split('\n')
      .map(line => line.split(/ {2,}/))
    expect(lines).toEqual(probes.map(({ id, asserts }) => [id, asserts]))
  })

  it('--list --json is the document of its schema', async () => {
    const { stdout, stderr } = await runCli(['probe', '--list', '--json'], { cwd })
    const document = probeListDocument.parse(JSON.parse(stdout))
    expect(document.probes.map(({ id }) => id)).toEqual(probes.map(({ id }) => id))
    expect(stderr).toBe('')
  })

  it.each(probes.map(({ id }) => id))('--explain %s', async id => {
    const { stdout } = await runCli(['probe', id, '--explain'], { cwd })
    expect(stdout).toMatch(/^Asserts .+\nWhy .+\nWhen it fails .+/m)
    const json = await runCli(['probe', id, '--explain', '--json'], { cwd })
    expect(probeExplainDocument.parse(JSON.parse(json.stdout)).id).toBe(id)
  })
})

describe('a fault of our own', () => {
  it('ends with 70 and its stack on stderr', async () => {
    const stdout = new Kept()
    const stderr = new Kept()
    const around = { cwd, userHome: cwd, env: {}, signal: new AbortController().signal }
    const code = await main(['probe', '--list'], {
      version: async () => '1',
      node: '20.19.0',
      io: manner => ({
        ...createIo({ stdout, stderr }, manner, around),
        out() {
          throw new TypeError('the cat sat on it')
        }
      })
    })
    expect([code, stdout.text]).toEqual([70, ''])
    expect(stderr.text).toMatch(/^adversary: internal error: TypeError: the cat sat on it\n\s+at /)
  })
})
