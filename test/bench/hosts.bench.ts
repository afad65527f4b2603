import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { connect, createServer, type Socket } from 'node:net'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import type { Client } from 'ssh2'
import type { HostAddress } from '../../src/facts/session.ts'
import { openClient } from '../../src/ssh/ssh2-session.ts'
import { allowedSigners, makeRepo } from '../support/repo.ts'
import { keyPair } from '../support/ssh-server.ts'
import type { Bench, Group } from './bench.ts'
import { program, run } from './processes.ts'

/** One milestone over many hosts: as many addresses of loopback, all answered by one real sshd. */

const many = 200
/** So many more that take the connection and never say a word. */
const mute = 20
/** As many at once as the home says by default. */
const atOnce = 16

interface Answer {
  readonly verdict: string
  readonly stats: { readonly connections: number }
  readonly evidence: readonly {
    readonly on: string
    readonly exit: number | null
    readonly why?: string
  }[]
}

export const group: Group = {
  name: 'Many hosts',
  obstacle: async () => {
    if (process.platform !== 'linux') return 'all of 127.0.0.0/8 is loopback on Linux alone'
    return existsSync('/usr/sbin/sshd') ? null : 'it needs sshd'
  },
  async prepare() {
    const repo = await makeRepo()
    const dir = await mkdtemp(join(tmpdir(), 'adversary-hosts-'))
    const sshd = await startSshd(dir)
    const silent = await silentHost()
    const addresses = Array.from({ length: many }, (_, n) => `127.0.1.${n + 1}`)
    const hosts = addresses.map(
      (address, n): HostAddress => ({
        name: `web-${n + 1}`,
        ssh: `${userInfo().username}@${address}:${sshd.port}`,
        transport: 'ssh2',
        identityFile: sshd.identityFile,
        knownHosts: sshd.knownHosts,
        timeoutMs: 60_000,
        configFile: null
      })
    )
    await writeFile(
      sshd.knownHosts,
      addresses.map(address => `[${address}]:${sshd.port} ${sshd.hostKey}\n`).join('')
    )
    const key = await repo.key('reviewer')
    const signers = join(dir, 'allowed_signers')
    await writeFile(signers, allowedSigners([['adversary@example.test', key]]))
    const home = async (name: string, more: readonly string[], probe = 'disk-headroom') => {
      const at = join(dir, name)
      await mkdir(join(at, 'plans'), { recursive: true })
      const listed = hosts.map(
        each =>
          `  ${each.name}: { ssh: "${each.ssh}", identityFile: ${sshd.identityFile}, knownHosts: ${sshd.knownHosts}, timeout: 60s }`
      )
      await writeFile(
        join(at, 'adversary.yaml'),
        `repo: { url: ${repo.remote}, branch: main }
identity: { name: adversary-bot, email: adversary@example.test, signingKey: ${key.path} }
gate: { allowedSigners: ${signers} }
hosts:
${[...more, ...listed].join('\n')}
`
      )
      await writeFile(
        join(at, 'plans/p1.yaml'),
        `phase: p1
milestones: { M1: { checks: [{ probe: ${probe}, on: 'web-*' }] } }
hunt: { probes: [] }
`
      )
      return at
    }
    await repo.builder.commit('claim(p1-M1): rolled out')
    await repo.builder.push()
    const plain = await home('plain', [])
    const clocks = await home('clocks', [], 'clock-skew')
    const review = (at: string) =>
      run(
        [
          process.execPath,
          program,
          'review',
          'p1-M1',
          '--dry-run',
          '--json',
          '--budget',
          '300s',
          '--home',
          at
        ],
        {
          codes: [0, 1, 2],
          memory: true
        }
      )
    // Whatever the disks are like: every host that has a voice must have been asked and have answered.
    const seen = async (at: string) => {
      const ended = await review(at)
      const { stats, evidence } = JSON.parse(ended.stdout) as Answer
      const answered = new Set(evidence.flatMap(({ on, exit }) => (exit === null ? [] : [on])))
      if (stats.connections !== many || answered.size !== many) {
        const whys = new Set(evidence.flatMap(({ why }) => why ?? []))
        throw new Error(`${answered.size} of ${many} hosts answered: ${[...whys].slice(0, 5).join('; ')}`)
      }
      return ended
    }
    // No read is cited for a clock, which each session tells.
    const agreed = async (at: string) => {
      const ended = await review(at)
      const { stats, verdict } = JSON.parse(ended.stdout) as Answer
      if (stats.connections !== many || verdict !== 'PASS') throw new Error(`not a PASS: ${ended.stdout}`)
      return ended
    }
    const own = { name: `review --dry-run over ${many} hosts`, run: async () => (await seen(plain)).ms }
    const withSilent = await home(
      'silent',
      Array.from(
        { length: mute },
        (_, n) =>
          `  web-0-${n}: { ssh: "nobody@127.0.2.1:${silent.port}", identityFile: ${sshd.identityFile}, knownHosts: ${sshd.knownHosts} }`
      )
    )
    const logins = {
      name: `${many} logins by ssh2, ${atOnce} at once, nothing asked`,
      run: () => loginsOnly(hosts),
      limit: 1.5
    }
    const benches: readonly Bench[] = [
      {
        name: `${many} hosts, one question each (clock-skew)`,
        unit: 'ms',
        rounds: 3,
        ours: { ...own, run: async () => (await agreed(clocks)).ms },
        baselines: [
          logins,
          {
            name: `${many} logins by ssh2 that ask the same (\`date\`)`,
            run: () => loginsOnly(hosts, 'date +%s%N')
          },
          { name: `${many} × \`ssh host true\`, ${atOnce} at once`, run: () => sshEach(hosts) }
        ],
        note: 'One address each, one real sshd: what the hosts compute for the handshake, the session and each read is computed by the same cores.'
      },
      {
        name: `${many} hosts, three questions each (disk-headroom)`,
        unit: 'ms',
        rounds: 3,
        ours: own,
        baselines: [
          logins,
          {
            name: `${many} logins by ssh2 that ask the same, in one shell`,
            run: () => loginsOnly(hosts, "docker info --format '{{json .}}'; df -P -k; df -P -i")
          }
        ]
      },
      {
        name: `${many} hosts, memory`,
        unit: 'MB',
        rounds: 2,
        atMost: 300,
        ours: { name: 'most at any time', run: async () => (await seen(plain)).peakMb },
        baselines: []
      },
      {
        name: `${many} hosts and ${mute} that never answer`,
        unit: 'ms',
        rounds: 2,
        ours: {
          name: 'review --dry-run, the silent hosts given up after 10 s each',
          run: async () => (await seen(withSilent)).ms
        },
        baselines: [{ ...own, name: 'without them' }]
      }
    ]
    return {
      benches,
      async dispose() {
        sshd.stop()
        silent.close()
        await repo.dispose()
        await rm(dir, { recursive: true, force: true })
      }
    }
  }
}

/** Takes connections and says nothing. */
async function silentHost(): Promise<{ readonly port: number; close(): void }> {
  const sockets = new Set<Socket>()
  const server = createServer(socket => {
    sockets.add(socket)
    socket.on('error', () => undefined)
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.2.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return {
    port: address.port,
    close() {
      for (const socket of sockets) socket.destroy()
      server.close()
    }
  }
}

async function startSshd(dir: string) {
  const [hostKey, client] = [keyPair(), keyPair()]
  const at = (name: string) => join(dir, name)
  await writeFile(at('host_key'), hostKey.private, { mode: 0o600 })
  await writeFile(at('key'), client.private, { mode: 0o600 })
  await writeFile(at('key.pub'), client.public)
  await writeFile(at('authorized_keys'), client.public, { mode: 0o600 })
  const port = await freePort()
  await writeFile(
    at('sshd_config'),
    `Port ${port}
ListenAddress 0.0.0.0
HostKey ${at('host_key')}
AuthorizedKeysFile ${at('authorized_keys')}
PidFile none
StrictModes no
UsePAM no
SetEnv HOME=${dir}
MaxStartups 500
LogLevel ERROR
`
  )
  if (process.getuid?.() === 0) execFileSync('mkdir', ['-p', '/run/sshd'])
  const child = spawn('/usr/sbin/sshd', ['-D', '-e', '-f', at('sshd_config')], { stdio: 'ignore' })
  child.on('error', () => undefined)
  const ended = once(child, 'exit').then(() => {
    throw new Error('sshd ended')
  })
  ended.catch(() => undefined)
  await Promise.race([answers(port), ended])
  return {
    port,
    identityFile: at('key'),
    knownHosts: at('known_hosts'),
    hostKey: hostKey.public,
    stop: () => child.kill()
  }
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>(resolve => server.listen(0, '0.0.0.0', resolve))
  const address = server.address()
  await new Promise<void>(resolve => server.close(() => resolve()))
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}

async function answers(port: number): Promise<void> {
  for (;;) {
    const up = await new Promise<boolean>(resolve => {
      const socket = connect(port, '127.0.0.1')
      socket.once('data', () => {
        socket.destroy()
        resolve(true)
      })
      socket.once('error', () => resolve(false))
    })
    if (up) return
    await new Promise(resolve => setTimeout(resolve, 50))
  }
}

/** Runs the work for all of them, so many at once. */
async function inTurn<T>(all: readonly T[], work: (one: T) => Promise<void>): Promise<void> {
  const waiting = [...all]
  const next = async (): Promise<void> => {
    for (let one = waiting.shift(); one !== undefined; one = waiting.shift()) await work(one)
  }
  await Promise.all(Array.from({ length: atOnce }, next))
}

/** What the handshakes alone cost, or with one command after each: in this process, which is there already. */
async function loginsOnly(hosts: readonly HostAddress[], command?: string): Promise<undefined> {
  await inTurn(hosts, async host => {
    const client = await openClient(host, new AbortController().signal)
    if (command !== undefined) await ran(client, command)
    client.end()
    await once(client, 'close')
  })
  return undefined
}

function ran(client: Client, command: string): Promise<void> {
  return new Promise((resolve, reject) => {
    client.exec(command, (error, channel) => {
      if (error !== undefined) return reject(error)
      channel.stderr.resume()
      channel.resume().on('close', () => resolve())
    })
  })
}

async function sshEach(hosts: readonly HostAddress[]): Promise<undefined> {
  await inTurn(hosts, async ({ ssh, identityFile = '', knownHosts = '' }) => {
    const [where = '', port = ''] = ssh.split(/:(?=\d+$)/)
    const options = [
      'BatchMode=yes',
      'StrictHostKeyChecking=yes',
      `UserKnownHostsFile=${knownHosts}`,
      'IdentitiesOnly=yes'
    ]
    const words = options.flatMap(option => ['-o', option])
    await run(['ssh', '-F', 'none', '-T', '-i', identityFile, '-p', port, ...words, where, 'true'])
  })
  return undefined
}
