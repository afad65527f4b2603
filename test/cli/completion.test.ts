import { execFileSync } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { describeCommandLine } from '../../src/cli/program.ts'
import { completionScript } from '../../src/cli/shell/completion.ts'
import { completionDocument } from '../../src/cli/documents.ts'
import { runCli } from '../support/cli.ts'
import { inCheckout } from '../support/root.ts'

let dir: string
let script: string
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'completion-'))
  await mkdir(join(dir, 'a folder'))
  await writeFile(join(dir, 'a file.json'), '')
  const { stdout } = await runCli(['completion', 'bash'], { cwd: dir })
  script = join(dir, 'adversary.bash')
  await writeFile(script, stdout)
})
afterAll(() => rm(dir, { recursive: true, force: true }))

/** What bash itself offers for the last of these words. */
function offered(...words: readonly string[]): readonly string[] {
  const program = `
    set -u
    source "$1"; shift
    COMP_WORDS=(adversary "$@"); COMP_CWORD=$#
    [[ $(complete -p adversary) == 'complete -F _adversary adversary' ]] || exit 3
    _adversary
    [[ \${#COMPREPLY[@]} == 0 ]] || printf '%s\\n' "\${COMPREPLY[@]}"
  `
  const text = execFileSync('bash', ['--norc', '--noprofile', '-c', program, 'bash', script, ...words], {
    cwd: dir,
    encoding: 'utf8'
  })
  return text === '' ? [] : text.trimEnd().split('\n')
}

describe('completion bash', () => {
  it('offers every command that the help names', async () => {
    const { stdout } = await runCli(['--help'], { cwd: dir })
    const named = [...stdout.matchAll(/^ {2}(?<name>[a-z][a-z-]*)(?: [<[|]| {2})/gm)].flatMap(
      ({ groups }) => groups?.['name'] ?? []
    )
    expect(named.length).toBeGreaterThan(20)
    expect(offered('')).toEqual(expect.arrayContaining(named.filter(name => name !== 'help')))
    expect(offered('ga')).toEqual(['gate'])
    expect(offered('--v')).toEqual(['--version'])
  })

  it('offers the options of the command, and of no other', () => {
    expect(offered('gate', '--wa')).toEqual(['--wait'])
    expect(offered('gate', 'pvfix-M2', '--allowed')).toEqual(['--allowed-signers'])
    expect(offered('status', '--wa')).toEqual(['--watcher'])
    expect(offered('nonsense', '--')).toEqual([])
  })

  it('offers what an option or an argument takes', () => {
    expect(offered('status', '--home', 'a')).toEqual(['a folder'])
    expect(offered('replay', 'a').toSorted()).toEqual(['a file.json', 'a folder', 'adversary.bash'])
    expect(offered('config', '')).toEqual(['check'])
    expect(offered('completion', '')).toEqual(['bash', 'zsh', 'fish'])
    expect(offered('finding', '')).toEqual(['open', 'close', 'list'])
    expect(offered('finding', '--severity', 'high', 'o')).toEqual(['open'])
    expect(offered('finding', 'open', 'o')).toEqual([])
    expect(offered('probe', 'subnet-c')).toEqual(['subnet-collision'])
    expect(offered('review', '--retry', '')).toEqual([])
  })

  it('leaves nothing but its function behind', () => {
    const program =
      'before=$(compgen -A function -v); source "$1"; diff <(echo "$before") <(compgen -A function -v) || true'
    const text = execFileSync('bash', ['--norc', '-c', program, 'bash', script], { encoding: 'utf8' })
    expect([...text.matchAll(/^> (?<name>.+)$/gm)].map(({ groups }) => groups?.['name'])).toEqual(
      expect.arrayContaining(['_adversary'])
    )
    expect(text).not.toMatch(/^> (?:word|words|current|command|options)$/m)
  })
})

it('what is said about a command cannot leave its place in a script', () => {
  const about = `it's a "$(touch x)" \`y\` [z]: \\ end`
  const option = { names: ['--odd'], value: 'dir', about }
  const tree = {
    ...describeCommandLine(),
    options: [option],
    commands: [{ name: 'odd', about, arguments: [], options: [option], examples: [] }]
  }
  const bash = completionScript('bash', tree)
  execFileSync('bash', ['-n'], { input: bash })
  expect(bash).not.toContain('touch')
  expect(completionScript('zsh', tree)).toContain(`it'\\''s a "$(touch x)"`)
  expect(completionScript('fish', tree)).toContain(`'it\\'s a "$(touch x)" \`y\` [z]: \\\\ end'`)
})

it('is a document with --json, and an unknown shell is 64', async () => {
  const { code, stdout } = await runCli(['completion', 'fish', '--json'], { cwd: dir })
  expect([code, completionDocument.parse(JSON.parse(stdout)).shell]).toEqual([0, 'fish'])
  const wrong = await runCli(['completion', 'csh'], { cwd: dir })
  expect(wrong).toMatchObject({
    code: 64,
    stdout: '',
    stderr: expect.stringMatching(/got `csh`, expected bash, zsh, fish/)
  })
})

describe('man/adversary.1', () => {
  it('describes every command with every option, in plain ASCII', async () => {
    const page = await readFile(inCheckout('man/adversary.1'), 'utf8')
    expect(page).toMatch(/^[\n\x20-\x7e]*$/)
    const { commands } = describeCommandLine()
    expect(commands.length).toBeGreaterThan(20)
    for (const { name, options } of commands) {
      const section =
        page.split(`.SS "adversary ${name.replaceAll('-', '\\-')}"\n`)[1]?.split('\n.S')[0] ?? ''
      for (const option of options)
        expect([name, section]).toEqual([
          name,
          expect.stringContaining(option.names[0]?.replaceAll('-', '\\-') ?? '?')
        ])
    }
    const { man, files } = JSON.parse(await readFile(inCheckout('package.json'), 'utf8'))
    expect([man, files]).toEqual(['man/adversary.1', expect.arrayContaining(['man'])])
  })

  it('has no line that a formatter of man pages would take for an unknown request', async () => {
    const page = await readFile(inCheckout('man/adversary.1'), 'utf8')
    const requests = new Set([...page.matchAll(/^\.(?<name>\S+)/gm)].map(({ groups }) => groups?.['name']))
    const known = ['\\"', 'TH', 'SH', 'SS', 'TP', 'PP', 'B', 'I', 'RI', 'BR', 'nf', 'fi', 'RS', 'RE']
    expect([...requests].filter(name => !known.includes(name ?? ''))).toEqual([])
    expect(page).not.toMatch(/^'/m)
  })
})

describe('--version --verbose', () => {
  it('says the versions that a bug report needs, and nothing of the person or the folder', async () => {
    const { code, stdout, stderr } = await runCli(['--version', '--verbose'], {
      cwd: dir,
      env: { ADVERSARY_FORGE_TOKEN: 'sesame-open' }
    })
    expect([code, stderr]).toEqual([0, ''])
    expect(stdout).toMatch(
      /^adversary 1\.2\.3\nnode \d+\.\d+\.\d+\ngit \d+\.\d+\S*\nssh OpenSSH_\S+.*\nplatform Linux \S+ \S+(?:, .+)?\n$/
    )
    for (const secret of [
      dir,
      tmpdir(),
      'sesame',
      process.env['HOME'] ?? 'home',
      process.env['HOSTNAME'] ?? 'host-name'
    ])
      expect(stdout).not.toContain(secret)
    expect(await runCli(['--verbose', '-V'], { cwd: dir })).toEqual({ code, stdout, stderr })
  })

  it.each([
    [['--version'], 0, /^1\.2\.3\n$/],
    [['--verbose'], 64, /^$/],
    [['status', '--verbose'], 64, /^$/]
  ])('%j', async (words, code, expected) => {
    const run = await runCli(words, { cwd: dir })
    expect([run.code, run.stdout]).toEqual([code, expect.stringMatching(expected)])
  })
})
