import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import type { TestProject } from 'vitest/node'

declare module 'vitest' {
  interface ProvidedContext {
    /** Why this machine lacks one of the programs below; null where it has all. */
    readonly browserObstacle: string | null
  }
}

export const chromiumPath = '/usr/bin/chromium'
const programs = {
  [chromiumPath]: 'chromium',
  '/usr/bin/promtool': 'prometheus',
  '/usr/sbin/nginx': 'nginx',
  '/usr/sbin/haproxy': 'haproxy',
  '/usr/bin/zsh': 'zsh',
  '/usr/bin/fish': 'fish',
  '/usr/bin/mandoc': 'mandoc'
}

/** Debian's own packages: where this is root on Debian they are installed if they are not there. */
export function setup(project: TestProject): void {
  project.provide('browserObstacle', obstacle())
}

function obstacle(): string | null {
  const missing = () => Object.entries(programs).filter(([path]) => !existsSync(path))
  if (missing().length === 0) return null
  const packages = missing().map(([, name]) => name)
  const debian = existsSync('/etc/os-release') && /^ID=debian$/m.test(readFileSync('/etc/os-release', 'utf8'))
  if (!debian || process.getuid?.() !== 0) return `not root on Debian, and without ${packages.join(', ')}`
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  const apt = (...words: readonly string[]) =>
    execFileSync('apt-get', ['-qq', '-y', ...words], { env, stdio: ['ignore', 'ignore', 'inherit'] })
  apt('update')
  apt('install', '--no-install-recommends', ...packages)
  const still = missing().map(([path]) => path)
  return still.length === 0
    ? null
    : `apt installed ${packages.join(', ')}, and ${still.join(', ')} is not there`
}
