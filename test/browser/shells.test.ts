import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { runCli } from '../support/cli.ts'
import { inCheckout } from '../support/root.ts'

/** What zsh, fish and a formatter of man pages themselves make of what is printed for them. */
describe.skipIf(inject('browserObstacle') !== null)('completion', () => {
  let dir: string
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'shells-'))
    for (const shell of ['zsh', 'fish']) {
      const { stdout } = await runCli(['completion', shell], { cwd: dir })
      await writeFile(join(dir, `adversary.${shell}`), stdout)
    }
    await writeFile(join(dir, 'record.json'), '')
  })
  afterAll(() => rm(dir, { recursive: true, force: true }))

  /** What fish offers for the end of a line. */
  function fish(line: string): readonly string[] {
    const program = 'source adversary.fish; complete --do-complete $argv[1]'
    const env = { ...process.env, HOME: dir, XDG_CONFIG_HOME: dir }
    const text = execFileSync('/usr/bin/fish', ['--no-config', '-c', program, line], {
      cwd: dir,
      env,
      encoding: 'utf8'
    })
    return text
      .split('\n')
      .filter(each => each !== '')
      .map(each => each.split('\t')[0] ?? '')
  }

  it('by fish', () => {
    expect(fish('adversary ga')).toEqual(['gate'])
    expect(fish('adversary ').length).toBeGreaterThan(20)
    expect(fish('adversary gate --wa')).toEqual(['--wait'])
    expect(fish('adversary status --wa')).toEqual(['--watcher'])
    expect(fish('adversary config ')).toEqual(['check'])
    expect(fish('adversary probe subnet-c')).toEqual(['subnet-collision'])
    expect(fish('adversary replay rec')).toEqual(['record.json'])
  })

  /** The line that an interactive zsh, on a terminal of its own, makes of this one after TAB. */
  async function zsh(line: string): Promise<string> {
    const home = await mkdtemp(join(dir, 'zsh-'))
    const settings = `
      autoload -U compinit; compinit -u -D
      source ${dir}/adversary.zsh
      completed() { zle complete-word; print -r -- $BUFFER > $ZDOTDIR/part; mv $ZDOTDIR/part $ZDOTDIR/line }
      zle -N completed; bindkey '^I' completed
      began() { print > $ZDOTDIR/ready }
      zle -N zle-line-init began
    `
    await writeFile(join(home, '.zshrc'), settings)
    const program = `
      zmodload zsh/zpty
      zpty shell zsh -i
      for ((i = 0; i < 500 && ! $+ready; i++)) { [[ -e $ZDOTDIR/ready ]] && ready=1; sleep 0.1 }
      zpty -w -n shell "$1"$'\\t'
      for ((i = 0; i < 500; i++)) { [[ -e $ZDOTDIR/line ]] && break; sleep 0.1 }
      zpty -d shell
      print -r -- "$(<$ZDOTDIR/line)"
    `
    const env = { ...process.env, ZDOTDIR: home, TERM: 'xterm' }
    const text = execFileSync('/usr/bin/zsh', ['-f', '-c', program, 'zsh', line], {
      cwd: dir,
      env,
      encoding: 'utf8'
    })
    return text.trim()
  }

  it('by zsh', async () => {
    execFileSync('/usr/bin/zsh', ['-n', join(dir, 'adversary.zsh')])
    expect(await zsh('adversary ga')).toBe('adversary gate')
    expect(await zsh('adversary gate --wa')).toBe('adversary gate --wait')
    expect(await zsh('adversary probe subnet-c')).toBe('adversary probe subnet-collision')
  })

  it('the man page is one', () => {
    const page = inCheckout('man/adversary.1')
    // It has no date: the same sources make the same page on every day.
    const lint = spawnSync('/usr/bin/mandoc', ['-T', 'lint', '-W', 'warning', page], { encoding: 'utf8' })
    expect(lint.stdout.split('\n').filter(line => line !== '' && !line.includes('missing date'))).toEqual([])
    const text = execFileSync('/usr/bin/mandoc', ['-T', 'ascii', page], { encoding: 'utf8' })
    // Bold letters are typed twice.
    const plain = text
      .split('\b')
      .map((part, at, parts) => (at === parts.length - 1 ? part : part.slice(0, -1)))
      .join('')
    expect(plain).toMatch(/^ +adversary gate gate \[options\]$/m)
    expect(plain).toMatch(/--allowed-signers file/)
  })
})
