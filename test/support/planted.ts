import { execFile } from 'node:child_process'
import type { Recording } from '../../src/ssh/recorded-host.ts'

/** Secrets as hosts really hold them, none of them real. Put together at run time, so that no scanner takes them for a leak. */

let turn = 0
/** Letters and digits that stand nowhere else. */
function fresh(length: number): string {
  turn += 1
  let seed = 0x9e3779b9 ^ (turn * 0x85ebca6b)
  let out = ''
  while (out.length < length) {
    seed = Math.imul(seed ^ (seed >>> 15), 0x2c1b3c6d) + 0x7f4a7c15
    out += 'abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789'[(seed >>> 8) % 56]
  }
  return out
}

export interface Planted {
  readonly line: string
  /** What must be nowhere else. */
  readonly secret: string
}

const planted = (secret: string, line: (secret: string) => string): Planted => ({
  secret,
  line: line(secret)
})
const password = () => `pw-${fresh(14)}`
const basic = (pair: string) => Buffer.from(pair).toString('base64')
const lines = (count: number) => Array.from({ length: count }, () => fresh(64))

/** One line each. */
export const oneLiners: readonly Planted[] = [
  planted(password(), s => `DB_PASSWORD=${s}`),
  planted(password(), s => `export PGPASSWORD='${s}'`),
  planted(password(), s => `app --db-password ${s} --verbose`),
  planted(password(), s => `app --client-secret=${s}`),
  planted(password(), s => `DATABASE_URL=postgres://app:${s}@db:5432/app`),
  planted(password(), s => `curl -fsS https://ci:${s}@git.example.test/x`),
  planted(password(), s => `curl -u ci:${s} https://git.example.test/x`),
  planted(password(), s => `docker login -u ci -p ${s} registry.example.test`),
  planted(password(), s => `sshpass -p ${s} ssh root@db`),
  planted(password(), s => `DRONE_RPC_SECRET=${s}`),
  planted(password(), s => `{"smtp":{"user":"a","password":"${s}"}}`),
  planted(fresh(40), s => `Authorization: Bearer ${s}`),
  planted(basic(`ci:${password()}`), s => `-H "Authorization: Basic ${s}"`),
  planted(basic(`ci:${password()}`), s => `{"auths":{"registry.example.test":{"auth":"${s}"}}}`),
  planted(fresh(43), s => `x=eyJ${fresh(20)}.eyJ${fresh(30)}.${s}`),
  planted(fresh(36), s => `ghp_${s}`),
  planted(fresh(20), s => `glpat-${s}`),
  planted(fresh(16).toUpperCase(), s => `AKIA${s}`),
  planted(fresh(40), s => `aws_secret_access_key = ${s}`),
  planted(fresh(24), s => `xoxb-1234567890-${s}`),
  planted(fresh(24), s => `sk_live_${s}`),
  planted(fresh(50), s => `docker swarm join --token SWMTKN-1-${s}-${fresh(25)} 192.0.2.1:2377`),
  planted(fresh(43), s => `SWMKEY-1-${s}`),
  planted(fresh(58).toUpperCase(), s => `AGE-SECRET-KEY-1${s}`),
  planted(fresh(22), s => `traefik.http.middlewares.a.basicauth.users=admin:$apr1$abcdefgh$${s}`),
  planted(fresh(53), s => `root:$2y$05$${s}`),
  planted(fresh(24), s => `Set-Cookie: session=${s}; Path=/`),
  planted(fresh(32), s => `SESSION_KEY_BASE=${s}`),
  planted(password(), s => `GET /cb?state=1&access_token=${s}&x=1`)
]

/** A few lines each. */
export const blocks: readonly Planted[] = [
  ...lines(2).map(s =>
    planted(
      s,
      line => `-----BEGIN OPENSSH PRIVATE KEY-----\n${line}\n${fresh(64)}\n-----END OPENSSH PRIVATE KEY-----`
    )
  ),
  planted(password(), s => `config:\n  password: |\n    ${s}\n    ${s}2\n  user: a`),
  planted(password(), s => `environment:\n  POSTGRES_PASSWORD: ${s}\n  A: b`),
  planted(password(), s => `<password>${s}</password>`)
]

export const secrets: readonly Planted[] = [...oneLiners, ...blocks]

/** What a host prints, with all of them in every place that can hold them. */
export function withSecrets(recordings: readonly Recording[], exit?: number): readonly Recording[] {
  const all = [...oneLiners, ...blocks].map(({ line }) => line)
  const labels = Object.fromEntries(oneLiners.map(({ line }, index) => [`label.${index}`, line]))
  const plant = (key: string, value: unknown): unknown => {
    if (Array.isArray(value)) return key === 'Args' ? [...value, ...all] : value.map(each => plant('', each))
    if (typeof value !== 'object' || value === null) return value
    const into = Object.entries(value).map(([name, member]) => [name, plant(name, member)] as const)
    if (key === 'Labels') into.push(...Object.entries(labels))
    if (key === 'ContainerSpec') into.push(['Env', all.filter(line => line.includes('='))], ['Command', all])
    if (key === 'Status') into.push(['Err', all.join('; ')], ['Message', all.join('\n')])
    return Object.fromEntries(into)
  }
  const json = (text: string) => {
    try {
      return JSON.stringify(plant('', JSON.parse(text)), null, 2)
    } catch {
      return null
    }
  }
  return recordings.map(recording => {
    const { argv, stdout } = recording
    const [program, verb] = argv
    const said = () => {
      if (program === 'docker' || program === 'ip') {
        const byLine = () =>
          stdout
            .split('\n')
            .map(line => (line === '' ? line : (json(line)?.replaceAll(/\n\s*/g, '') ?? line)))
        return json(stdout) ?? byLine().join('\n')
      }
      if (program === 'systemctl' && verb === 'cat') {
        const environment = oneLiners.map(
          ({ line }) => `Environment=${JSON.stringify(line)}\nExecStartPre=/bin/echo ${line}`
        )
        return `${stdout.trimEnd()}\n${environment.join('\n')}\n# ${all.join('\n# ')}\n`
      }
      if (program === 'systemctl')
        return stdout.replaceAll(
          /^(?=SubState=)/gm,
          () => `StatusText=${oneLiners.map(({ line }) => line).join('; ')}\n`
        )
      return program === 'sed' || program === 'head' ? `${stdout}\n${all.join('\n')}\n` : stdout
    }
    return {
      argv,
      exit: exit ?? recording.exit,
      stdout: said(),
      stderr: `${recording.stderr}${all[argv.length % all.length]}; ${all.join('\n')}`
    }
  })
}

/** Every object of a bare repo, whole. */
export function everyObject(remote: string): Promise<string> {
  return new Promise((done, fail) =>
    execFile(
      'git',
      ['--git-dir', remote, 'cat-file', '--batch-all-objects', '--batch'],
      { encoding: 'latin1', maxBuffer: 512 * 1024 * 1024 },
      (error, stdout) => (error === null ? done(stdout) : fail(error))
    )
  )
}

/** Those of the secrets that the text holds, as they are or as JSON would write them. */
export function leaked(text: string): readonly string[] {
  return secrets.filter(({ secret }) => text.includes(secret)).map(({ line }) => line)
}
