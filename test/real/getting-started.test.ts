import { execFile } from 'node:child_process'
import { chmod, copyFile, mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { bootHost, type TestHost } from '../support/host.ts'
import { runPage, type StepRun, unseenLines } from '../support/page.ts'
import { makeRepo, type TestRepo } from '../support/repo.ts'
import { inCheckout } from '../support/root.ts'
import { pace } from '../support/pace.ts'

const run = promisify(execFile)

/** A fresh user with an empty home, a checkout of the repo, a login to `prod`, and the package's tarball. */
interface FreshUser {
  readonly repo: TestRepo
  readonly options: {
    readonly cwd: string
    readonly env: Readonly<Record<string, string>>
    readonly timeoutMs: number
  }
}

async function freshUser(): Promise<FreshUser> {
  const host = await bootHost()
  await host.settle()
  const repo = await makeRepo()
  const user = join(repo.dir, 'user')
  await account(user, host)
  await mkdir(join(user, 'src'), { recursive: true })
  await run('git', ['clone', '--quiet', repo.remote, join(user, 'src/infra')])
  await run('npm', ['pack', '--silent', '--pack-destination', user], { cwd: inCheckout('.') })
  // The machine's own way to the registry, which another home and prefix would hide.
  const [userconfig, globalconfig, cache] = await Promise.all(
    ['userconfig', 'globalconfig', 'cache'].map(async key =>
      (await run('npm', ['config', 'get', key])).stdout.trim()
    )
  )
  return {
    repo,
    options: {
      cwd: user,
      env: {
        PATH: `${user}/.npm-global/bin:${dirname(process.execPath)}:${process.env['PATH'] ?? ''}`,
        HOME: user,
        npm_config_prefix: `${user}/.npm-global`,
        npm_config_userconfig: userconfig ?? '',
        npm_config_globalconfig: globalconfig ?? '',
        npm_config_cache: cache ?? '',
        GIT_CONFIG_NOSYSTEM: '1'
      },
      timeoutMs: 240_000
    }
  }
}

/** Who follows the page word for word, with the package as it would be published. */
describe.skipIf(inject('hostObstacle') !== null)('docs/getting-started.md', () => {
  let user: FreshUser
  let steps: readonly StepRun[]
  let seconds: number

  beforeAll(async () => {
    user = await freshUser()
    const started = performance.now()
    steps = await runPage('docs/getting-started.md', '', user.options)
    seconds = (performance.now() - started) / 1000
  })
  afterAll(() => user?.repo.dispose())

  it('shows what is seen', () => {
    expect(steps.length).toBeGreaterThan(6)
    expect(steps.filter(({ shown }) => shown.length > 0).length).toBeGreaterThan(5)
    for (const step of steps)
      expect({ unseen: unseenLines(step), output: step.output }).toMatchObject({ unseen: [] })
  })

  it('takes less than the five minutes that it promises', () => {
    process.stderr.write(`\ngetting started, from npm install to the gate: ${seconds.toFixed(0)} s\n`)
    // Of a machine that has nothing else to do.
    expect(seconds).toBeLessThan(300 * pace)
  })
})

/** The lines of the first page, from the installation to a claim that the watcher answers. */
describe.skipIf(inject('hostObstacle') !== null)('README.md', () => {
  let user: FreshUser
  afterAll(() => user?.repo.dispose())

  it('leads from nothing to a first review', async () => {
    user = await freshUser()
    // What it says of a checkout of the product is done: the tarball is there. The watcher goes on beside the rest, and
    // is ended once it has answered; a dry run before any claim proves nothing yet (2).
    const setUp = `
npm() { case "$1" in ci|pack) ;; *) command npm "$@" ;; esac; }
adversary() {
  case "$1" in
    watch) command adversary watch >watch.log 2>&1 & watcher=$! ;;
    review) command adversary "$@" || [ $? -eq 2 ] ;;
    *) command adversary "$@" ;;
  esac
}
answered() {
  for _ in $(seq 100); do
    git -C ~/src/infra pull -q
    git -C ~/src/infra log --format='answered by %s' | grep '^answered by review(p1-M1)' && return
    sleep 1
  done
  cat ~/src/infra-adversary/watch.log
  return 1
}
watcher=
trap '[ -z "$watcher" ] || { answered; kill "$watcher"; wait "$watcher"; }' EXIT`
    const steps = await runPage('README.md', setUp, {
      ...user.options,
      runs: commands => !commands.includes('npm run demo')
    })
    expect(steps.length).toBeGreaterThan(2)
    const { stdout } = await run('git', ['-C', join(user.options.cwd, 'src/infra'), 'log', '--format=%s'])
    expect(stdout).toMatch(/^review\(p1-M1\): M1 PASS/m)
  }, 600_000)
})

/** An account that can log in to `prod`, as somebody has who starts. */
async function account(user: string, host: TestHost): Promise<void> {
  const ssh = join(user, '.ssh')
  await mkdir(ssh, { recursive: true, mode: 0o700 })
  await copyFile(host.identityFile, join(ssh, 'id_ed25519'))
  await chmod(join(ssh, 'id_ed25519'), 0o600)
  await copyFile(host.knownHosts, join(ssh, 'known_hosts'))
  await writeFile(join(ssh, 'config'), `Host prod\n  HostName ${host.address}\n  User ${host.user}\n`)
  await writeFile(join(user, '.gitconfig'), '[user]\n  name = Builder\n  email = builder@example.test\n')
}
