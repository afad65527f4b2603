import { absolute, type Answered, done, failed, type Invocation } from '../invocation.ts'
import type { Machine } from '../machine.ts'
import type { Running } from '../model/docker-model.ts'
import type { StackFile, StackService } from '../model/stack-file.ts'
import { ask, readStack, unknown } from './docker-parts.ts'
import { dockerWords } from './docker-words.ts'

const globalFlags = new Set(['verbose', 'compatibility', 'dry-run', 'all-resources', 'no-ansi', 'version'])

const upFlags = new Set(
  'detach wait build no-build force-recreate no-recreate no-deps remove-orphans quiet-pull no-start always-recreate-deps renew-anon-volumes abort-on-container-exit no-color no-log-prefix attach-dependencies V watch timestamps menu yes y'.split(
    ' '
  )
)

/** `docker compose …`; the standalone `docker-compose` has the same words. */
export async function compose(
  words: readonly string[],
  call: Invocation,
  machine: Machine
): Promise<Answered> {
  const { values, plain, flags } = dockerWords(words, globalFlags, 1, { f: 'file', p: 'project-name' })
  if (flags.has('version') || plain[0] === 'version') return done('Docker Compose version v2.24.0\n')
  const [verb = '', ...rest] = plain
  const folder = absolute(values.get('project-directory')?.[0] ?? '.', call.cwd)
  const read = await files(values.get('file') ?? [], folder, call, machine)
  if (read === 'missing') return failed(14, 'no configuration file provided: not found\n')
  const [path = '', found] = read
  const project = projectOf(
    values.get('project-name')?.[0] ?? call.env['COMPOSE_PROJECT_NAME'] ?? found?.name ?? folderOf(path)
  )
  switch (verb) {
    case 'up':
      return up(rest, project, found, call, machine)
    case 'start':
    case 'restart':
    case 'create':
      return found === null ? done() : raise(project, found, [], call, machine)
    case 'down':
    case 'stop':
    case 'rm':
    case 'kill':
      machine.docker.removeStack(project)
      return done()
    case 'pull':
    case 'push':
    case 'build':
    case 'config':
    case 'logs':
    case 'images':
    case 'pause':
    case 'unpause':
      return done()
    case 'ps': {
      const own = machine.docker.running().filter(one => one.stack === project)
      ask(call, machine, { kind: 'container', key: own[0]?.name ?? project }, own[0])
      const quiet = rest.some(word => /^-[a-z]*q|^--quiet/.test(word))
      return done(own.map(one => (quiet ? `${one.name}\n` : `${one.name} running (healthy)\n`)).join(''))
    }
    default:
      return unknown(call, machine, `docker compose ${verb}`)
  }
}

const usual = ['compose.yaml', 'compose.yml', 'docker-compose.yaml', 'docker-compose.yml']

/** Its files as one; null: they could not be read, which is noted. */
async function files(
  given: readonly string[],
  folder: string,
  call: Invocation,
  machine: Machine
): Promise<readonly [path: string, file: StackFile | null] | 'missing'> {
  const fromEnv = (call.env['COMPOSE_FILE'] ?? '').split(':').filter(Boolean)
  const paths = given.length > 0 ? given : fromEnv.map(path => absolute(path, folder))
  if (paths.length === 0) {
    for (const name of usual) {
      const read = await readStack(`${folder}/${name}`, call, machine)
      if (read !== 'missing') return [`${folder}/${name}`, read]
    }
    return 'missing'
  }
  const found: StackFile[] = []
  for (const path of paths) {
    const read = await readStack(path, call, machine)
    if (read === 'missing') return 'missing'
    if (read !== null) found.push(read)
  }
  const first = absolute(paths[0] ?? '', call.cwd)
  if (found.length === 0) return [first, null]
  const services = new Map<string, StackService>()
  for (const file of found)
    for (const one of file.services) {
      const before = services.get(one.key)
      services.set(one.key, before === undefined ? one : merged(before, one))
    }
  return [
    first,
    {
      name: found.find(({ name }) => name !== null)?.name ?? null,
      services: [...services.values()],
      networks: found.flatMap(({ networks }) => networks),
      unclear: false
    }
  ]
}

function merged(one: StackService, other: StackService): StackService {
  return {
    ...one,
    ...other,
    image: other.image || one.image,
    labels: { ...one.labels, ...other.labels },
    ports: [...one.ports, ...other.ports],
    health: other.health ?? one.health,
    dependsOn: [...one.dependsOn, ...other.dependsOn],
    hostNetwork: one.hostNetwork || other.hostNetwork
  }
}

function folderOf(path: string): string {
  return path.split('/').at(-2) ?? ''
}

function projectOf(name: string): string {
  return name.toLowerCase().replaceAll(/[^a-z0-9_-]/g, '')
}

async function up(
  words: readonly string[],
  project: string,
  file: StackFile | null,
  call: Invocation,
  machine: Machine
): Promise<Answered> {
  const { flags, plain, values } = dockerWords(words, upFlags, undefined, { d: 'detach', t: 'timeout' })
  if (file === null) {
    // What it would bring up is taken from what runs.
    for (const one of machine.facts.docker.containers)
      if (one.labels['com.docker.compose.project'] === project)
        machine.docker.bringUp(call, { ...one, kind: 'container', stack: project, hostNetwork: false })
    return done()
  }
  const answer = await raise(project, file, plain, call, machine)
  if (answer.code !== 0) return answer
  if (flags.has('wait')) {
    const limit = Number(values.get('wait-timeout')?.[0] ?? Number.POSITIVE_INFINITY) * 1_000
    const own = machine.docker.wanted().filter(one => one.stack === project)
    for (const one of own) {
      const healthy = await isHealthy(one, limit, call, machine)
      if (!healthy) return failed(1, `container ${one.name} is unhealthy\n`)
    }
    return done()
  }
  if (flags.has('detach') || flags.has('no-start')) return done()
  await call.self.sleep(Number.POSITIVE_INFINITY)
  return done()
}

/** Brings up its services, each after those that it depends on are as it wants them. */
async function raise(
  project: string,
  file: StackFile,
  only: readonly string[],
  call: Invocation,
  machine: Machine
): Promise<Answered> {
  const conditions = new Map(
    file.services.flatMap(({ dependsOn }) => dependsOn.map(one => [one.key, one.condition] as const))
  )
  const first = file.services.filter(({ key }) => conditions.get(key) === 'service_healthy')
  if (first.length > 0) {
    const wrong = machine.docker.compose(call, project, { ...file, services: first }, [])
    if (wrong !== null) return failed(1, `${wrong}\n`)
    for (const one of machine.docker.wanted().filter(({ stack }) => stack === project)) {
      const healthy = await isHealthy(one, Number.POSITIVE_INFINITY, call, machine)
      if (!healthy) return failed(1, `dependency failed to start: container ${one.name} is unhealthy\n`)
    }
  }
  const wrong = machine.docker.compose(call, project, file, only)
  await call.self.sleep(500)
  return wrong === null ? done() : failed(1, `${wrong}\n`)
}

/** Runs a container's health check until it succeeds, or has failed as often as it may. */
async function isHealthy(one: Running, limit: number, call: Invocation, machine: Machine): Promise<boolean> {
  const { health } = one
  const began = machine.kernel.now()
  await call.self.sleep(Math.max(0, one.upAt - began))
  if (health === null) return true
  for (let failures = 0; failures < health.retries; failures++) {
    const state = call.state === null ? null : `${call.state} ${one.name} ${failures}`
    const { code } = await machine.run({ ...call, state, argv: health.argv, stdin: '' })
    if (code === 0) return true
    if (machine.kernel.now() - began > limit) return false
    await call.self.sleep(health.everyMs)
  }
  return false
}
