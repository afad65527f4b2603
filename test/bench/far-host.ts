import { cp, mkdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { adversaryYaml, planYaml } from '../../src/cli/demo/pvfix.ts'
import type { TestHost } from '../support/host.ts'
import type { Phase } from '../support/phase.ts'
import type { HowToRun } from './processes.ts'
import { run } from './processes.ts'
import { slowLine } from './slow-line.ts'

/** One way on a line with a round trip of 40 ms. */
const farMs = 20

/** The test host as it is reached from some distance, by us and by whatever else speaks SSH. */
export interface Place {
  /** `0 ms` or `40 ms`. */
  readonly roundTrip: string
  readonly address: string
  readonly port: number
  /** A known_hosts file that knows the host by this address. */
  readonly knownHosts: string
  readonly identityFile: string
  readonly user: string
  /** Where its routes are reached. */
  readonly routes: string
  readonly home: string
  /** `ssh` with everything that it needs to log in, up to the host's name. */
  readonly ssh: readonly string[]
  close(): Promise<void>
}

/** The host without any distance, in the home that the phase has. */
export function nearPlace(host: TestHost, home: string): Place {
  const { address, user, identityFile, knownHosts } = host
  const at = { address, port: 22, user, identityFile, knownHosts }
  return { ...at, roundTrip: '0 ms', routes: address, home, ssh: sshWords(at), close: async () => undefined }
}

/** The same host, 40 ms away: its SSH and its routes through a slow line. */
export async function farPlace(host: TestHost, phase: Phase): Promise<Place> {
  const ssh = await slowLine({ to: { address: host.address, port: 22 }, delayMs: farMs })
  // The names of the routes have no port: the port must stay theirs.
  const routes = await slowLine({
    at: { address: '127.77.0.1', port: 443 },
    to: { address: host.address, port: 443 },
    delayMs: farMs
  })
  const dir = join(phase.repo.dir, 'far')
  await mkdir(join(dir, 'plans'), { recursive: true })
  const knownHosts = join(phase.repo.dir, 'far_known_hosts')
  const keys = (await readFile(host.knownHosts, 'utf8')).replaceAll(/^\S+/gm, `[${ssh.address}]:${ssh.port}`)
  await writeFile(knownHosts, keys)
  const at = { ...ssh, user: host.user, identityFile: host.identityFile, knownHosts }
  const home = {
    repoUrl: phase.repo.url,
    signingKey: phase.context.home.identity.signingKey,
    allowedSigners: phase.context.home.gate.allowedSigners ?? '',
    host: [
      `ssh: ${host.user}@${ssh.address}:${ssh.port}`,
      `identityFile: ${host.identityFile}`,
      `knownHosts: ${knownHosts}`
    ],
    route: (name: string) => `https://${name}.example.test/`,
    address: routes.address,
    ca: host.ca,
    poll: '1s',
    retry: '1s'
  }
  await writeFile(join(dir, 'adversary.yaml'), adversaryYaml(home))
  await writeFile(join(dir, 'plans/pvfix.yaml'), planYaml(home))
  return {
    ...at,
    roundTrip: `${2 * farMs} ms`,
    routes: routes.address,
    home: dir,
    ssh: sshWords(at),
    async close() {
      await ssh.close()
      await routes.close()
    }
  }
}

function sshWords(at: {
  readonly address: string
  readonly port: number
  readonly user: string
  readonly identityFile: string
  readonly knownHosts: string
}): readonly string[] {
  const options = [
    'BatchMode=yes',
    'StrictHostKeyChecking=yes',
    `UserKnownHostsFile=${at.knownHosts}`,
    'IdentitiesOnly=yes'
  ]
  const words = options.flatMap(option => ['-o', option])
  return [
    'ssh',
    '-F',
    'none',
    '-T',
    '-i',
    at.identityFile,
    '-p',
    String(at.port),
    ...words,
    `${at.user}@${at.address}`
  ]
}

/** The commands one after another, in one shell over one connection. */
export function oneScript(
  name: string,
  place: Place,
  commands: readonly string[],
  then: readonly string[] = []
) {
  const how: HowToRun = { input: `${commands.join('\n')}\nexit 0\n` }
  return {
    name,
    run: async () => {
      const started = performance.now()
      await run([...place.ssh, 'sh', '-s'], how)
      if (then.length > 0) await run(['sh', '-s'], { input: `${then.join('\n')}\nexit 0\n` })
      return performance.now() - started
    }
  }
}

/** A process for each command, all over the connection that the first one makes. */
export function controlMaster(name: string, place: Place, commands: readonly string[]) {
  const path = join(dirname(place.home), 'control-%C')
  const [ssh = 'ssh', ...words] = place.ssh
  const shared = [
    ssh,
    '-o',
    'ControlMaster=auto',
    '-o',
    'ControlPersist=10',
    '-o',
    `ControlPath=${path}`,
    ...words
  ]
  const any = Array.from({ length: 256 }, (_, code) => code)
  return {
    name,
    run: async () => {
      const started = performance.now()
      try {
        for (const command of commands) await run([...shared, command], { codes: any.slice(0, 255) })
        return performance.now() - started
      } finally {
        await run([ssh, '-O', 'exit', '-o', `ControlPath=${path}`, ...words], { codes: any })
      }
    }
  }
}

/** Makes the plan's home anew elsewhere, with another plan. */
export async function homeBeside(place: Place, name: string, plan: string): Promise<string> {
  const dir = join(dirname(place.home), `${name}-${place.roundTrip.replace(' ', '')}`)
  await cp(place.home, dir, { recursive: true, filter: path => !path.includes('.adversary') })
  await writeFile(join(dir, 'plans/pvfix.yaml'), plan)
  return dir
}
