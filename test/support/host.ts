/**
 * The real test host: a whole Debian with systemd, a real Docker Swarm and a real sshd, and on it
 * the cast of the reference review. The scripts in test/host make, boot and end it; this module
 * drives it, and really causes what can go wrong with it.
 *
 * A boot takes seconds and starts from nothing, so `reset` is a boot: no state outlives it.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { inCheckout } from './root.ts'

export interface Ran {
  readonly exit: number
  readonly stdout: string
  readonly stderr: string
}

/** What the unit swarm-init is: as the phase found it, or patched with `--subnet 10.10.0.0/16`. */
export type Edition = 'before' | 'after'

/** Whom deploy-proxy asks before it counts as started: the proxy itself, or what is deployed after it. */
export type Gate = 'own' | 'deadlock'

/** Puts right what a cause put wrong, and waits until it is. */
export type Undo = () => Promise<void>

export interface TestHost {
  readonly address: '198.51.100.2'
  readonly user: 'reviewer'
  readonly identityFile: string
  readonly knownHosts: string
  /** The CA of every route, as a PEM file. */
  readonly ca: string
  /** A script for sh, as root in the host. The exit code is 124 if it was ended at its deadline. */
  run(script: string, options?: { readonly timeoutMs?: number }): Promise<Ran>
  /** Waits until 9 of 9 services run and the four routes answer as they should. */
  settle(): Promise<void>
  /** The reference maintenance, really done; ends settled. */
  maintain(): Promise<void>
  /** A host as new: by default as before the maintenance, with `after` as if it had always been so. */
  reset(edition?: Edition): Promise<void>
  /** Installs an edition of deploy-proxy as a system switch does, and restarts the unit. */
  useGate(kind: Gate): Promise<void>
  /** Boots with the deadlocked gate, which gives up after half a minute: then the others start. */
  bootIntoDeadlock(): Promise<void>
  readonly causes: Causes
  stop(): Promise<void>
}

/** Each really causes one defect, waits until it can be seen, and answers how to undo it. */
export interface Causes {
  /** 0/0: nothing is wanted, so nothing is missing. */
  scaledToZero(service?: Service): Promise<Undo>
  /** 0/1 for good: a constraint that no node satisfies. */
  stuckAtZero(service?: Service): Promise<Undo>
  /** N/N by the old task: the update failed and was rolled back. */
  rolledBackUpdate(service?: Service): Promise<Undo>
  /** Mostly N/N, by a task that exits every few seconds. */
  restartLoop(service?: Service): Promise<Undo>
  /** 502 while every service is N/N: the backend listens on another port. */
  route502(host?: RoutedHost): Promise<Undo>
  /** The network is right, and the script that would make it anew is not. Undone by a boot. */
  networkByHand(): Promise<Undo>
  /** Network and script are right; the unit last ran before the network was made. Undone by a boot. */
  unitOlderThanNetwork(): Promise<Undo>
  /** The unit file on the disk is the unpatched one, and systemd was not told to read it. */
  unitNotReloaded(): Promise<Undo>
  /** A unit whose last start failed, while what it had deployed runs on. */
  failedUnit(unit?: Unit): Promise<Undo>
  /** A unit that is stopped, while what it had deployed runs on. */
  stoppedUnit(unit?: Unit): Promise<Undo>
  /** No defect: everything must hold after it. The ended tasks stay in the history until a reset. */
  engineRestart(): Promise<Undo>
  /** A stack that a test of a recipe left behind. */
  strayStack(name?: string): Promise<Undo>
  /** A docker network inside `subnet`. Docker refuses one that overlaps a network it already has. */
  collidingNetwork(subnet?: string): Promise<Undo>
  /** A route of the host inside `subnet`. */
  collidingRoute(subnet?: string): Promise<Undo>
}

/** Each service, and the unit that deploys it. */
const deployedBy = {
  backups_ci_example_test_app: 'testhost-backups',
  'ccci-bridge_app': 'deploy-bridge',
  'ccci-dashboard_app': 'deploy-dashboard',
  'ccci-reports_app': 'deploy-reports',
  drone_ci_example_test_app: 'deploy-drone',
  traefik_ci_example_test_app: 'deploy-proxy',
  'traefik_ci_example_test_socket-proxy': 'deploy-proxy',
  'warm-keycloak_ci_example_test_app': 'warm-keycloak',
  'warm-keycloak_ci_example_test_db': 'warm-keycloak'
} as const
export type Service = keyof typeof deployedBy

/** Each routed name, the service behind it, and the name of that service's configuration. */
const routes = {
  'ci.example.test': ['ccci-dashboard_app', 'dashboard'],
  'drone.ci.example.test': ['drone_ci_example_test_app', 'drone'],
  'bridge.ci.example.test': ['ccci-bridge_app', 'bridge'],
  'report.ci.example.test': ['ccci-reports_app', 'reports']
} as const
export type RoutedHost = keyof typeof routes

/** The units of the reference review. */
export const units = [
  'swarm-init',
  'deploy-proxy',
  'deploy-drone',
  'deploy-bridge',
  'deploy-dashboard',
  'deploy-reports',
  'warm-keycloak'
] as const
export type Unit = (typeof units)[number]

const scripts = inCheckout('test/host/')
const cache = process.env['ADVERSARY_TESTHOST_CACHE'] ?? '/var/cache/adversary-testhost'
/** Set while this process or one above it has a host: the folder of the image that it runs. */
const running = 'ADVERSARY_TESTHOST_RUNNING'

/** The release of Debian that the host is; the scripts read the same variable. One at a time: see vitest.config.ts. */
export const release: 'bookworm' | 'trixie' =
  process.env['ADVERSARY_TESTHOST_RELEASE'] === 'trixie' ? 'trixie' : 'bookworm'

/** What keeps this machine from having the host, or null. */
export function hostObstacle(): string | null {
  if (process.platform !== 'linux') return 'the test host needs Linux'
  if (process.getuid?.() !== 0) return 'the test host needs root'
  // CAP_NET_ADMIN and CAP_SYS_ADMIN, which root in a container rarely has.
  const capabilities = /^CapEff:\s*([0-9a-f]+)/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '0'
  const needed = (1n << 12n) | (1n << 21n)
  if ((BigInt(`0x${capabilities}`) & needed) !== needed) {
    return 'the test host needs CAP_NET_ADMIN and CAP_SYS_ADMIN, which this root does not have'
  }
  if (
    !existsSync('/etc/os-release') ||
    !/^VERSION_CODENAME=bookworm$/m.test(readFileSync('/etc/os-release', 'utf8'))
  ) {
    return 'the test hosts are made from the apt sources of a machine with Debian 12 (bookworm)'
  }
  if (!/\boverlay$/m.test(readFileSync('/proc/filesystems', 'utf8'))) {
    return 'the test host needs the overlay filesystem in the kernel'
  }
  return null
}

interface Limits {
  readonly timeoutMs: number
}

/** The groups of what runs now. They end with this process; a host they booted, with the next boot. */
const living = new Set<number>()
process.on('exit', () => living.forEach(killGroup))

function killGroup(group: number): void {
  try {
    process.kill(-group, 'SIGKILL')
  } catch (error) {
    // It has ended in the meantime.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

/** Runs a program to its end. At the deadline its whole process group is killed. */
async function execute(command: string, args: readonly string[], { timeoutMs }: Limits): Promise<Ran> {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], detached: true })
  const group = child.pid
  if (group !== undefined) living.add(group)
  const out: Buffer[] = []
  const err: Buffer[] = []
  child.stdout.on('data', (chunk: Buffer) => out.push(chunk))
  child.stderr.on('data', (chunk: Buffer) => err.push(chunk))
  let late = false
  const timer = setTimeout(() => {
    late = true
    // The group, for nsenter forks: the script itself is not the process that was spawned.
    if (group !== undefined) killGroup(group)
  }, timeoutMs)
  try {
    const [code] = (await once(child, 'close')) as [number | null]
    return {
      exit: late ? 124 : (code ?? 1),
      stdout: Buffer.concat(out).toString(),
      stderr: Buffer.concat(err).toString()
    }
  } finally {
    clearTimeout(timer)
    if (group !== undefined) living.delete(group)
  }
}

async function must(what: string, work: Promise<Ran>): Promise<string> {
  const { exit, stdout, stderr } = await work
  if (exit !== 0)
    throw new Error(`test host: ${what} failed (exit ${exit}): ${stderr.trim() || stdout.trim()}`)
  return stdout
}

/**
 * One host at a time on a machine: there is one address. The lock is a process that ends with this
 * one, so that a killed run holds nothing.
 */
async function lock(): Promise<ChildProcess> {
  await mkdir(cache, { recursive: true })
  const holder = spawn(
    'flock',
    ['--timeout', '600', `${cache}/host.lock`, 'sh', '-c', 'echo held; exec cat'],
    {
      stdio: ['pipe', 'pipe', 'inherit']
    }
  )
  const ended = once(holder, 'exit').then(() => false)
  const held = once(holder.stdout, 'data').then(() => true)
  if (!(await Promise.race([held, ended]))) {
    throw new Error('test host: another run on this machine has had it for ten minutes')
  }
  holder.unref()
  return holder
}

/** Ends whatever host there is and boots one. Answers the folder of its image. */
async function boot(...editions: readonly string[]): Promise<string> {
  // Long enough for the first build, which downloads and unpacks a Debian.
  const said = await must('the boot', execute(`${scripts}up`, editions, { timeoutMs: 900_000 }))
  const [image] = said.split('\n')
  if (image === undefined || image === '') throw new Error('test host: the boot did not say what it booted')
  return image
}

/** Boots the host, or finds the one that this process or one above it has booted. */
export async function bootHost(): Promise<TestHost> {
  const found = process.env[running]
  if (found !== undefined) return testHost(found, undefined)
  const obstacle = hostObstacle()
  if (obstacle !== null) throw new Error(obstacle)
  const holder = await lock()
  try {
    const image = await boot()
    process.env[running] = image
    return testHost(image, holder)
  } catch (error) {
    holder.kill()
    throw error
  }
}

function testHost(image: string, holder: ChildProcess | undefined): TestHost {
  const run: TestHost['run'] = (script, { timeoutMs = 60_000 } = {}) =>
    execute(`${scripts}shell`, ['/bin/sh', '-c', script], { timeoutMs })

  /** The same, where failing is not an answer. */
  const sh = (what: string, script: string, timeoutMs = 120_000): Promise<string> =>
    must(what, run(`set -eu\n${script}`, { timeoutMs }))

  const settle = async (): Promise<void> => {
    await sh('settling', 'testhost-settle 90')
  }

  const reset = async (edition: Edition = 'before'): Promise<void> => {
    await boot(`swarm-init.${edition}`)
  }

  const editionNow = async (): Promise<Edition> => {
    const unit = await sh('reading the edition', 'readlink /etc/systemd/system/swarm-init.service')
    const after = await sh('reading the edition', 'readlink /etc/testhost/editions/swarm-init.after')
    return unit === after ? 'after' : 'before'
  }

  /** What makes a service as its unit would make it anew, without a trace in the unit's own times. */
  const deploy = (service: Service): string =>
    `$(sed -n 's/^ExecStart=//p' /etc/systemd/system/${deployedBy[service]}.service)`

  const restored =
    (service: Service): Undo =>
    async () => {
      await sh(`restoring ${service}`, `docker service rm ${service}\n${deploy(service)}\ntesthost-settle 90`)
    }

  const causes: Causes = {
    async scaledToZero(service = 'ccci-bridge_app') {
      await sh(
        'scaling to zero',
        `docker service scale --detach ${service}=0\n${until(`[ -z "$(${containers(service)})" ]`)}`
      )
      return restored(service)
    },

    async stuckAtZero(service = 'ccci-bridge_app') {
      // Made anew rather than updated: an update that cannot end would be a second defect.
      await sh(
        'making a service that no node may run',
        `script=${deploy(service)}
stack=$(grep -o '/nix/store/[^ ]*-stack.yml' "$script" || echo /etc/testhost/backups.yml)
cat >/run/testhost-stuck.yml <<'END'
version: "3.8"
services:
  ${service.slice(service.lastIndexOf('_') + 1)}:
    deploy:
      placement:
        constraints: ["node.labels.rack == none"]
END
docker service rm ${service}
docker stack deploy --resolve-image never -c "$stack" -c /run/testhost-stuck.yml ${service.slice(0, service.lastIndexOf('_'))}
${until(`[ -z "$(${containers(service)})" ]`)}
${until(`docker service ps --format '{{.CurrentState}}' ${service} | grep -q ^Pending`)}`
      )
      return restored(service)
    },

    async rolledBackUpdate(service = 'ccci-bridge_app') {
      await sh(
        'an update that is rolled back',
        `docker service update --detach --no-resolve-image --image cast:broken --update-order start-first \\
  --update-monitor 1s --update-failure-action rollback ${service}
${until(`[ "$(docker service inspect --format '{{.UpdateStatus.State}}' ${service})" = rollback_completed ]`)}
testhost-settle 30`
      )
      return restored(service)
    },

    async restartLoop(service = 'warm-keycloak_ci_example_test_db') {
      await sh(
        'a restart loop',
        `docker service update --detach --no-resolve-image --args "sh -c 'sleep 4; exit 1'" --restart-delay 0s \\
  --update-monitor 1s --update-failure-action continue ${service}
${until(`[ "$(docker service ps --format '{{.CurrentState}}' ${service} | grep -c ^Failed)" -ge 3 ]`)}
${until(`docker service ps --format '{{.CurrentState}}' ${service} | grep -q ^Running`)}`
      )
      return restored(service)
    },

    async route502(host = 'report.ci.example.test') {
      const [service, name] = routes[host]
      const listen = (from: number, to: number): string =>
        `docker exec "$(${containers(service)})" sh -c 'sed -i s/listen.${from}/listen\\ ${to}/ /etc/nginx/${name}.conf; kill -HUP 1'`
      const answers502 = `[ "$(curl -s -o /dev/null -w '%{http_code}' --cacert /etc/testhost/tls/ca.pem https://${host}/)" = 502 ]`
      await sh('moving a backend to another port', `${listen(80, 8081)}\n${until(answers502)}`)
      return async () => {
        await sh('moving a backend back', `${listen(8081, 80)}\ntesthost-settle 30`)
      }
    },

    async networkByHand() {
      const edition = await editionNow()
      await sh(
        'making the network by hand',
        `testhost-unproxy
testhost-use swarm-init before
docker network create --driver overlay --attachable --subnet 10.10.0.0/16 proxy
systemctl restart swarm-init
testhost-redeploy
testhost-settle 60`
      )
      return () => reset(edition)
    },

    async unitOlderThanNetwork() {
      const edition = await editionNow()
      await sh(
        'making the network after the unit ran',
        `testhost-use swarm-init after
systemctl restart swarm-init
testhost-unproxy
docker network create --driver overlay --attachable --subnet 10.10.0.0/16 proxy
testhost-redeploy
testhost-settle 60`
      )
      return () => reset(edition)
    },

    async unitNotReloaded() {
      const other = (await editionNow()) === 'after' ? 'before' : 'after'
      await sh(
        'changing a unit without a reload',
        `mv /etc/systemd/system/swarm-init.service /run/
ln -s "$(readlink /etc/testhost/editions/swarm-init.${other})" /etc/systemd/system/swarm-init.service`
      )
      return async () => {
        // The link itself, with its time: one that is made anew is a change.
        await sh(
          'putting the unit back',
          'mv /run/swarm-init.service /etc/systemd/system/\nsystemctl daemon-reload'
        )
      }
    },

    async failedUnit(unit = 'deploy-reports') {
      // The unit's own script, with an engine that is not there: nothing on the host is changed.
      await sh(
        'failing a unit',
        `systemctl set-environment DOCKER_HOST=unix:///run/nobody.sock
systemctl restart ${unit} 2>/dev/null && failed=no || failed=yes
systemctl unset-environment DOCKER_HOST
[ $failed = yes ]`
      )
      return async () => {
        await sh('starting a unit again', `systemctl restart ${unit}\ntesthost-settle 30`)
      }
    },

    async stoppedUnit(unit = 'deploy-reports') {
      await sh('stopping a unit', `systemctl stop ${unit}`)
      return async () => {
        await sh('starting a unit again', `systemctl start ${unit}\ntesthost-settle 30`)
      }
    },

    async engineRestart() {
      await sh('restarting the engine', 'systemctl restart docker\ntesthost-settle 90')
      return async () => {
        await settle()
      }
    },

    async strayStack(name = 'hedgedoc-pr42_ci_example_test') {
      await sh(
        'leaving a stack behind',
        `docker stack deploy --resolve-image never -c /etc/testhost/backups.yml ${name}
${until(`[ -n "$(${containers(`${name}_app`)})" ]`)}`
      )
      return async () => {
        await sh('removing a stack', `docker stack rm ${name}\ntesthost-settle 60`)
      }
    },

    async collidingNetwork(subnet = '10.10.32.0/20') {
      await sh('making a colliding network', `docker network create --subnet ${subnet} testhost-colliding`)
      return async () => {
        await sh('removing the colliding network', 'docker network rm testhost-colliding')
      }
    },

    async collidingRoute(subnet = '10.10.32.0/20') {
      await sh('adding a colliding route', `ip route add ${subnet} via 198.51.100.1`)
      return async () => {
        await sh('removing the colliding route', `ip route del ${subnet}`)
      }
    }
  }

  return {
    address: '198.51.100.2',
    user: 'reviewer',
    identityFile: `${image}/identity`,
    knownHosts: `${image}/known_hosts`,
    ca: `${image}/ca.pem`,
    run,
    settle,
    reset,
    causes,

    async maintain() {
      await sh(
        'the maintenance',
        `testhost-unproxy
testhost-use swarm-init after
systemctl restart swarm-init
testhost-redeploy
testhost-settle 60`
      )
    },

    async useGate(kind) {
      await sh(
        'changing the gate',
        `testhost-use deploy-proxy ${kind}\nsystemctl restart deploy-proxy\ntesthost-settle 30`
      )
    },

    async bootIntoDeadlock() {
      await boot('deploy-proxy.bounded')
    },

    async stop() {
      // Only who booted it may end it.
      if (holder === undefined) return
      delete process.env[running]
      await must('the end', execute(`${scripts}down`, [], { timeoutMs: 60_000 }))
      holder.kill()
    }
  }
}

/** The ids of the running containers of a service. */
export function containers(service: string): string {
  return `docker ps --quiet --filter label=com.docker.swarm.service.name=${service}`
}

/** A line of shell that waits until a condition holds, up to a minute. */
export function until(condition: string): string {
  return `n=0; until ${condition}; do n=$((n + 1)); [ $n -lt 300 ] || { echo 'still not: '${quoted(condition)} >&2; exit 1; }; sleep 0.2; done`
}

function quoted(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`
}
