import type { Target } from '../answer.ts'
import { type Answered, baseName, done, failed, type Invocation, stateIn } from '../invocation.ts'
import type { Command, Machine } from '../machine.ts'
import type { Running } from '../model/docker-model.ts'
import { publishedPorts, type StackFile } from '../model/stack-file.ts'
import { compose } from './compose.ts'
import { ask, readStack, unknown } from './docker-parts.ts'
import { type DockerWords, dockerWords } from './docker-words.ts'
import { rendered } from './template.ts'

/** What a call of Docker's engine takes. */
const askMs = 50

type Sub = (words: readonly string[], call: Invocation, machine: Machine) => Promise<Answered>

const quiet = async () => done()

const subs: Readonly<Record<string, Sub>> = {
  'stack deploy': deploy,
  'stack up': deploy,
  'stack rm': removeStacks,
  'stack remove': removeStacks,
  'stack down': removeStacks,
  'stack ls': listStacks,
  'stack services': listServices,
  'stack ps': listTasks,
  'service create': createService,
  'service ls': listServices,
  'service list': listServices,
  'service ps': listTasks,
  'service inspect': (words, call, machine) => inspect('service', words, call, machine),
  'service rm': remove,
  'service update': quiet,
  'service scale': quiet,
  'service rollback': quiet,
  'service logs': quiet,
  'network create': createNetwork,
  'network ls': listNetworks,
  'network list': listNetworks,
  'network inspect': (words, call, machine) => inspect('network', words, call, machine),
  'network rm': removeNetworks,
  'network remove': removeNetworks,
  'network prune': quiet,
  'network connect': quiet,
  'network disconnect': quiet,
  'node ls': async () => done('1 * host Ready Active Leader\n'),
  'node update': quiet,
  'node inspect': async (words, call) =>
    format(words, call, { Status: { State: 'ready' }, ID: 'node' }, 'node\n'),
  'swarm init': quiet,
  'swarm join': quiet,
  'swarm leave': quiet,
  'swarm update': quiet,
  'swarm ca': quiet,
  'secret create': async () => done('secret\n'),
  'secret inspect': async () => done('[]\n'),
  'secret ls': quiet,
  'secret rm': quiet,
  'config create': async () => done('config\n'),
  'config inspect': async () => done('[]\n'),
  'config ls': quiet,
  'config rm': quiet,
  'volume create': async () => done('volume\n'),
  'volume inspect': async () => done('[]\n'),
  'volume ls': quiet,
  'volume rm': quiet,
  'volume prune': quiet,
  'image inspect': async () => done('[]\n'),
  'image ls': quiet,
  'image prune': quiet,
  'image pull': quiet,
  'image load': quiet,
  'image rm': quiet,
  'system prune': quiet,
  'system df': quiet,
  'context ls': quiet,
  'context use': quiet,
  'plugin install': quiet,
  'plugin ls': quiet,
  'buildx build': quiet,
  info,
  'system info': info,
  version: async (words, call) =>
    format(
      words,
      call,
      { Server: { Version: '24.0.7' }, Client: { Version: '24.0.7' } },
      'Docker version 24.0.7\n'
    ),
  run: runContainer,
  create: quiet,
  ps: listContainers,
  ls: listContainers,
  list: listContainers,
  inspect: (words, call, machine) => inspect('any', words, call, machine),
  exec: execute,
  start: startContainers,
  restart: startContainers,
  unpause: quiet,
  pause: quiet,
  stop: remove,
  rm: remove,
  kill: remove,
  wait: quiet,
  logs: quiet,
  port: quiet,
  top: quiet,
  stats: quiet,
  cp: quiet,
  pull: quiet,
  push: quiet,
  build: quiet,
  load: quiet,
  import: quiet,
  save: quiet,
  tag: quiet,
  images: quiet,
  rmi: quiet,
  login: quiet,
  logout: quiet,
  update: quiet,
  rename: quiet,
  attach: quiet,
  compose
}

const globalFlags = new Set(['debug', 'D', 'tls', 'tlsverify', 'version', 'help'])

export const docker: Command = async (call, machine) => {
  const words = call.argv.slice(1)
  for (let word = words[0]; word?.startsWith('-') === true; word = words[0]) {
    words.shift()
    if (word === '-v' || word === '--version') return done('Docker version 24.0.7\n')
    if (!word.includes('=') && !globalFlags.has(word.replace(/^-+/, ''))) words.shift()
  }
  if (words[0] === 'container') words.shift()
  const pair = words.slice(0, 2).join(' ')
  const name = Object.hasOwn(subs, pair) ? pair : (words[0] ?? '')
  const sub = Object.hasOwn(subs, name) ? subs[name] : undefined
  const rest = words.slice(name.split(' ').length)
  await call.self.sleep(askMs, stateIn(call, 'docker'))
  if (!(await hasEngine(call, machine)))
    return failed(
      1,
      'Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?\n'
    )
  if (sub !== undefined) return sub(rest, call, machine)
  return unknown(call, machine, `docker ${pair.trim()}`)
}

/**
 * Whether the engine answers. Where its socket is a unit of this boot, or its start does not wait for who asks, it comes
 * while they wait; systemd holds the connection.
 */
export async function hasEngine(call: Invocation, machine: Machine): Promise<boolean> {
  const { docker: engine, systemd, notes, self } = { ...machine, self: call.self }
  const target: Target = { kind: 'engine', key: 'docker' }
  const unit = systemd.idOf('docker.service')
  const where = { unit, place: null, argv: [] }
  for (;;) {
    const job = systemd.state(unit)
    // Its program is none that the model knows, or another one runs it: it is up once its unit is.
    if (job?.state === 'active' || (job === null && !systemd.isKnown(unit))) engine.engineUp(where)
    if (engine.isUp()) return true
    const hasSocket = systemd.hasJob('docker.socket')
    const refused = () => {
      notes.ask(call, { target, answer: 'refused', by: null })
      return false
    }
    if (job === null) {
      if (!hasSocket) return refused()
      await systemd.request(self, unit, 'start', {
        block: true,
        ignoreOrder: false,
        state: stateIn(call, 'engine')
      })
      if (systemd.state(unit)?.state !== 'active') return refused()
      continue
    }
    if (job.ended !== null || (!hasSocket && systemd.isAfter(unit, call.unit))) return refused()
    notes.ask(call, { target, answer: 'starting', by: null })
    await self.sleep(100, stateIn(call, 'engine'))
  }
}

const deployFlags = new Set(['with-registry-auth', 'prune', 'quiet', 'detach', 'd', 'q'])

async function deploy(words: readonly string[], call: Invocation, machine: Machine): Promise<Answered> {
  const { values, plain } = dockerWords(words, deployFlags)
  const [stack = ''] = plain
  const found: StackFile[] = []
  for (const path of values.get('compose-file') ?? []) {
    const file = await readStack(path, call, machine)
    if (file === 'missing') return failed(1, `open ${path}: no such file or directory\n`)
    if (file !== null) found.push(file)
  }
  const wrong = machine.docker.deploy(call, stack, found)
  return wrong === null ? done(`Creating service ${stack}\n`) : failed(1, `${wrong}\n`)
}

async function removeStacks(
  words: readonly string[],
  _: Invocation,
  { docker: engine }: Machine
): Promise<Answered> {
  for (const name of words) if (!name.startsWith('-')) engine.removeStack(name)
  return done()
}

async function remove(words: readonly string[], _: Invocation, machine: Machine): Promise<Answered> {
  const { plain } = dockerWords(words, new Set(['force', 'f', 'volumes', 'v', 'link']), undefined, {})
  let code = 0
  for (const name of plain) {
    const one = machine.docker.wanted().find(each => isNamed(each, name))
    if (one === undefined || !machine.docker.remove(one.name)) code = 1
  }
  return code === 0 ? done() : failed(1, 'Error: No such container\n')
}

async function startContainers(
  words: readonly string[],
  call: Invocation,
  machine: Machine
): Promise<Answered> {
  const live = machine.facts.docker.containers
  for (const name of words.filter(word => !word.startsWith('-'))) {
    const one = live.find(each => each.name === name)
    if (one !== undefined)
      machine.docker.bringUp(call, {
        ...one,
        kind: 'container',
        stack: one.labels['com.docker.compose.project'] ?? null,
        hostNetwork: false
      })
    else if (!machine.docker.wanted().some(each => isNamed(each, name)))
      return failed(1, `Error response from daemon: No such container: ${name}\n`)
  }
  return done()
}

const serviceFlags = new Set([
  'detach',
  'd',
  'quiet',
  'q',
  'tty',
  't',
  'init',
  'read-only',
  'with-registry-auth',
  'no-healthcheck',
  'no-resolve-image'
])

async function createService(
  words: readonly string[],
  call: Invocation,
  machine: Machine
): Promise<Answered> {
  const { values, plain } = dockerWords(words, serviceFlags, 1)
  const [image = ''] = plain
  const name = values.get('name')?.[0] ?? `service-${machine.docker.ever().length}`
  if (machine.docker.wanted().some(one => one.name === name))
    return failed(
      1,
      `Error response from daemon: rpc error: name conflicts with an existing object: ${name}\n`
    )
  machine.docker.bringUp(call, {
    kind: 'service',
    name,
    stack: null,
    image,
    labels: labelsOf(values.get('label') ?? []),
    ports: (values.get('publish') ?? []).flatMap(portOf),
    hostNetwork: values.get('network')?.includes('host') === true
  })
  return done(`${idOf(name)}\n`)
}

/** `80:80`, or `published=80,target=80,mode=host`. */
function portOf(text: string) {
  const [, published] = /(?:^|,)published=(\d+)/.exec(text) ?? []
  const [, target] = /(?:^|,)(?:target|dst)=(\d+)/.exec(text) ?? []
  if (target === undefined) return publishedPorts(text)
  const protocol = /protocol=udp/.test(text) ? ('udp' as const) : ('tcp' as const)
  return [{ protocol, port: Number(published ?? 0), target: Number(target) }]
}

function labelsOf(words: readonly string[]): Readonly<Record<string, string>> {
  return Object.fromEntries(
    words.map(word => {
      const at = word.indexOf('=')
      return at < 0 ? [word, ''] : [word.slice(0, at), word.slice(at + 1)]
    })
  )
}

const runFlags = new Set(
  'detach rm interactive tty init privileged read-only no-healthcheck publish-all P oom-kill-disable sig-proxy quiet it'.split(
    ' '
  )
)

async function runContainer(words: readonly string[], call: Invocation, machine: Machine): Promise<Answered> {
  const { flags, values, plain } = dockerWords(words, runFlags, 1)
  const [image = '', ...command] = plain
  const name = values.get('name')?.[0] ?? `container-${machine.docker.ever().length}`
  const hostNetwork = [...(values.get('network') ?? []), ...(values.get('net') ?? [])].includes('host')
  if (flags.has('detach')) {
    if (machine.docker.wanted().some(one => one.name === name))
      return failed(
        125,
        `docker: Error response from daemon: Conflict. The container name "/${name}" is already in use\n`
      )
    machine.docker.bringUp(call, {
      kind: 'container',
      name,
      stack: null,
      image,
      labels: labelsOf(values.get('label') ?? []),
      ports: (values.get('publish') ?? []).flatMap(portOf),
      hostNetwork
    })
    return done(`${idOf(name)}\n`)
  }
  const entry = values.get('entrypoint')?.[0]
  return inContainer([...(entry === undefined ? entryOf(image) : [entry]), ...command], image, call, machine)
}

/** The program that an image runs, where its name says it. */
function entryOf(image: string): readonly string[] {
  const [named = ''] = image.split('@', 1)
  const [repository = ''] = baseName(named).split(':', 1)
  return /^(?:curl|wget)$/.test(repository) ? [repository] : []
}

/** A command in a container: tools and shells do there what they do anywhere, everything else is the image's. */
function inContainer(
  argv: readonly string[],
  image: string,
  call: Invocation,
  machine: Machine
): Promise<Answered> {
  const [first = ''] = argv
  if (/^(?:curl|wget|sh|bash|ash|nc|test|true|false|sleep|cat|echo|timeout|env)$/.test(baseName(first)))
    return machine.run({ ...call, argv: [baseName(first), ...argv.slice(1)] })
  return Promise.resolve(unknown(call, machine, `${first === '' ? 'what runs' : first} in ${image}`))
}

const execFlags = new Set(['detach', 'interactive', 'tty', 'privileged', 'it', 'T'])

async function execute(words: readonly string[], call: Invocation, machine: Machine): Promise<Answered> {
  const { flags, plain } = dockerWords(words, execFlags, 1)
  const [name = '', ...argv] = plain
  const one = machine.docker.running().find(each => isNamed(each, name))
  ask(call, machine, { kind: one?.kind ?? 'container', key: one?.name ?? name }, one)
  if (one === undefined) return failed(1, `Error: No such container: ${name}\n`)
  return flags.has('detach') ? done() : inContainer(argv, one.name, call, machine)
}

async function info(
  words: readonly string[],
  call: Invocation,
  { facts, docker: engine }: Machine
): Promise<Answered> {
  const state = 'active'
  return format(
    words,
    call,
    {
      ServerVersion: '24.0.7',
      Name: facts.host.hostname,
      Swarm: { LocalNodeState: state, ControlAvailable: true, NodeAddr: facts.host.addresses[1] ?? '' },
      Containers: engine.running().length
    },
    `Server Version: 24.0.7\n Swarm: ${state}\n  Is Manager: true\n`
  )
}

const listFlags = new Set([
  'quiet',
  'no-trunc',
  'all',
  'latest',
  'size',
  'no-resolve',
  'verbose',
  'orchestrator'
])

/** In lists `-f` is a filter. */
const listNames = { f: 'filter', q: 'quiet', a: 'all', l: 'latest', n: 'last', s: 'size' }

/** A list as `--format`, `-q` or a table show it. */
function list(
  { flags, values }: DockerWords,
  rows: readonly Readonly<Record<string, string>>[],
  id: string
): Answered {
  const template = values.get('format')?.[0]
  if (template !== undefined && template !== 'table' && template !== 'json') {
    const lines = rows.map(row => rendered(template.replace(/^table /, ''), row))
    if (lines.includes(null)) return failed(1, 'template parsing error\n')
    return done(lines.map(line => `${line}\n`).join(''))
  }
  if (template === 'json') return done(rows.map(row => `${JSON.stringify(row)}\n`).join(''))
  if (flags.has('quiet')) return done(rows.map(row => `${row[id] ?? ''}\n`).join(''))
  const keys = Object.keys(rows[0] ?? {})
  const head = keys.map(key => key.toUpperCase()).join('   ')
  return done([head, ...rows.map(row => Object.values(row).join('   '))].map(line => `${line}\n`).join(''))
}

function format(words: readonly string[], _: Invocation, data: unknown, plain: string): Answered {
  const { values } = dockerWords(words, new Set(['help']), undefined, { f: 'format' })
  const template = values.get('format')?.[0]
  if (template === undefined) return done(plain)
  if (template === 'json') return done(`${JSON.stringify(data)}\n`)
  const text = rendered(template, data)
  return text === null ? failed(1, 'template parsing error\n') : done(`${text}\n`)
}

function filters({ values }: DockerWords): ReadonlyMap<string, readonly string[]> {
  const found = new Map<string, string[]>()
  for (const text of values.get('filter') ?? []) {
    const at = text.indexOf('=')
    const key = text.slice(0, at)
    found.set(key, [...(found.get(key) ?? []), text.slice(at + 1)])
  }
  return found
}

function passes(one: Running, wanted: ReadonlyMap<string, readonly string[]>): boolean {
  return [...wanted].every(([key, values]) => {
    if (key === 'name') return values.some(value => matchesName(one, value))
    if (key === 'label') return values.every(value => hasLabel(one.labels, value))
    if (key === 'status') return values.includes('running')
    if (key === 'health') return values.includes('healthy')
    if (key === 'ancestor') return values.some(value => one.image.startsWith(value))
    if (key === 'id') return values.some(value => idOf(one.name).startsWith(value))
    if (key === 'publish' || key === 'expose')
      return one.ports.some(({ port, target }) =>
        values.some(value => [String(port), String(target)].includes(value.replace(/\/.*/, '')))
      )
    return true
  })
}

function matchesName(one: Running, pattern: string): boolean {
  const names = [one.name, containerName(one)]
  const bare = pattern.replace(/^\^?\/?/, '').replace(/\$$/, '')
  const exact = pattern.startsWith('^') && pattern.endsWith('$')
  return names.some(name => {
    if (exact) return name === bare
    if (pattern.startsWith('^')) return name.startsWith(bare)
    return pattern.endsWith('$') ? name.endsWith(bare) : name.includes(bare.replaceAll('.*', ''))
  })
}

function hasLabel(labels: Readonly<Record<string, string>>, wanted: string): boolean {
  const at = wanted.indexOf('=')
  const key = at < 0 ? wanted : wanted.slice(0, at)
  return Object.hasOwn(labels, key) && (at < 0 || labels[key] === wanted.slice(at + 1))
}

function askByFilter(
  call: Invocation,
  machine: Machine,
  kind: 'service' | 'container',
  words: DockerWords,
  found: readonly Running[]
): void {
  const name = filters(words).get('name')?.[0]?.replaceAll(/[\^$]/g, '')
  if (name !== undefined)
    ask(call, machine, { kind: found[0]?.kind ?? kind, key: found[0]?.name ?? name }, found[0])
  else askForAll(call, machine, kind, found)
}

/** Who looks at all of them, and picks out one by other means. */
function askForAll(
  call: Invocation,
  { notes, kernel }: Machine,
  kind: 'service' | 'container',
  found: readonly Running[]
): void {
  const up = found.filter(({ upAt }) => upAt <= kernel.now())
  // Who asks does not wait for what it brought up itself.
  const others = up.filter(({ unit }) => unit !== call.unit)
  const [last] = (others.length > 0 ? others : up).toSorted((one, other) => other.upAt - one.upAt)
  notes.ask(call, {
    target: { kind, key: '*' },
    answer: up.map(({ name }) => name).join(' ') || 'none',
    by: last?.unit ?? null
  })
}

async function listContainers(
  words: readonly string[],
  call: Invocation,
  machine: Machine
): Promise<Answered> {
  const parsed = dockerWords(words, listFlags, undefined, listNames)
  const found = machine.docker.running().filter(one => passes(one, filters(parsed)))
  askByFilter(call, machine, 'container', parsed, found)
  const rows = found.map(one => ({
    ID: idOf(one.name),
    Image: one.image,
    Status: one.health === null ? 'Up 1 second' : 'Up 1 second (healthy)',
    Ports: one.ports.map(({ port, target }) => `0.0.0.0:${port}->${target}/tcp`).join(', '),
    Names: containerName(one),
    State: 'running',
    Health: one.health === null ? '' : 'healthy',
    Labels: Object.entries(one.labels)
      .map(([key, value]) => `${key}=${value}`)
      .join(',')
  }))
  return list(parsed, rows, 'ID')
}

async function listServices(words: readonly string[], call: Invocation, machine: Machine): Promise<Answered> {
  const parsed = dockerWords(words, listFlags, undefined, listNames)
  const [stack] = parsed.plain
  const all = machine.docker
    .wanted()
    .filter(one => one.kind === 'service' && (stack === undefined || one.stack === stack))
  const found = all.filter(one => passes(one, filters(parsed)))
  askByFilter(call, machine, 'service', parsed, found)
  const running = new Set(machine.docker.running())
  const rows = found.map(one => {
    const wanted = one.replicas ?? 1
    return {
      ID: idOf(one.name),
      Name: one.name,
      Mode: one.replicas === null ? 'global' : 'replicated',
      Replicas: `${running.has(one) ? wanted : 0}/${wanted}`,
      Image: one.image,
      Ports: ''
    }
  })
  return list(parsed, rows, 'ID')
}

async function listTasks(words: readonly string[], call: Invocation, machine: Machine): Promise<Answered> {
  const parsed = dockerWords(words, listFlags, undefined, listNames)
  const found = machine.docker
    .wanted()
    .filter(
      one => one.kind === 'service' && parsed.plain.some(name => one.name === name || one.stack === name)
    )
  const running = new Set(machine.docker.running())
  const [name = ''] = parsed.plain
  ask(call, machine, { kind: found[0]?.name === name ? 'service' : 'stack', key: name }, found[0])
  const rows = found.map(one => ({
    ID: idOf(`${one.name}.1`),
    Name: `${one.name}.1`,
    Image: one.image,
    Node: machine.facts.host.hostname,
    DesiredState: 'Running',
    CurrentState: running.has(one) ? 'Running 1 second ago' : 'Preparing 1 second ago',
    Error: ''
  }))
  return found.length === 0 ? failed(1, `nothing found in stack: ${name}\n`) : list(parsed, rows, 'ID')
}

async function listStacks(
  words: readonly string[],
  _: Invocation,
  { docker: engine }: Machine
): Promise<Answered> {
  const rows = engine.stacks().map(name => ({ Name: name, Services: '1', Orchestrator: 'Swarm' }))
  return list(dockerWords(words, listFlags, undefined, listNames), rows, 'Name')
}

async function listNetworks(words: readonly string[], call: Invocation, machine: Machine): Promise<Answered> {
  const parsed = dockerWords(words, listFlags, undefined, listNames)
  const wanted = filters(parsed)
  const found = machine.docker.networks().filter(({ name, driver }) => {
    const names = wanted.get('name')
    const drivers = wanted.get('driver')
    return (
      (names === undefined ||
        names.some(one =>
          /^\^.*\$$/.test(one) ? name === one.slice(1, -1) : name.includes(one.replaceAll(/[\^$]/g, ''))
        )) &&
      (drivers === undefined || drivers.includes(driver))
    )
  })
  const name = wanted.get('name')?.[0]?.replaceAll(/[\^$]/g, '')
  if (name !== undefined)
    machine.notes.ask(call, {
      target: { kind: 'network', key: name },
      answer: found.length === 0 ? 'missing' : 'there',
      by: found[0]?.unit ?? null
    })
  const rows = found.map(one => ({
    ID: idOf(one.name),
    Name: one.name,
    Driver: one.driver,
    Scope: one.driver === 'overlay' ? 'swarm' : 'local'
  }))
  return list(parsed, rows, 'ID')
}

const createFlags = new Set(['attachable', 'internal', 'ingress', 'ipv6', 'config-only'])

async function createNetwork(
  words: readonly string[],
  call: Invocation,
  { docker: engine }: Machine
): Promise<Answered> {
  const { values, plain } = dockerWords(words, createFlags, undefined, { d: 'driver', o: 'opt', l: 'label' })
  const name = plain[0] ?? values.get('name')?.[0] ?? ''
  const wrong = engine.createNetwork(call, {
    name,
    driver: values.get('driver')?.[0] ?? 'bridge',
    subnets: values.get('subnet') ?? []
  })
  return wrong === null ? done(`${idOf(name)}\n`) : failed(1, `Error response from daemon: ${wrong}\n`)
}

async function removeNetworks(
  words: readonly string[],
  _: Invocation,
  { docker: engine }: Machine
): Promise<Answered> {
  const gone = words.filter(word => !word.startsWith('-')).map(name => engine.removeNetwork(name))
  return gone.every(Boolean) ? done() : failed(1, 'Error response from daemon: network not found\n')
}

async function inspect(
  kind: 'service' | 'network' | 'any',
  words: readonly string[],
  call: Invocation,
  machine: Machine
): Promise<Answered> {
  const parsed = dockerWords(words, new Set(['pretty', 'size', 's', 'verbose', 'v']), undefined, {
    f: 'format'
  })
  const type = parsed.values.get('type')?.[0]
  const found: unknown[] = []
  let missing = ''
  if (parsed.plain.length === 0) return failed(1, '"docker inspect" requires at least 1 argument.\n')
  for (const name of parsed.plain) {
    const network = machine.docker
      .networks()
      .find(one => one.name === name || idOf(one.name).startsWith(name))
    const isNetwork =
      kind === 'network' ||
      type === 'network' ||
      (kind === 'any' && network !== undefined && type === undefined)
    if (isNetwork) {
      machine.notes.ask(call, {
        target: { kind: 'network', key: name },
        answer: network === undefined ? 'missing' : 'there',
        by: network?.unit ?? null
      })
      if (network === undefined) missing ||= name
      else
        found.push({
          Name: network.name,
          Id: idOf(network.name),
          Driver: network.driver,
          Scope: network.driver === 'overlay' ? 'swarm' : 'local',
          IPAM: { Driver: 'default', Config: network.subnets.map(Subnet => ({ Subnet })) },
          Containers: {},
          Labels: {}
        })
      continue
    }
    const one = (kind === 'service' ? machine.docker.wanted() : machine.docker.running()).find(
      each => isNamed(each, name) && (kind !== 'service' || each.kind === 'service')
    )
    ask(
      call,
      machine,
      { kind: one?.kind ?? (kind === 'service' ? 'service' : 'container'), key: one?.name ?? name },
      one
    )
    if (one === undefined) missing ||= name
    else found.push(kind === 'service' ? serviceData(one) : containerData(one))
  }
  const template = parsed.values.get('format')?.[0]
  if (template === undefined)
    return missing === ''
      ? done(`${JSON.stringify(found, null, 4)}\n`)
      : failed(1, `Error: No such object: ${missing}\n`, '[]\n')
  const lines = found.map(one => rendered(template, one))
  if (lines.includes(null)) return unknown(call, machine, `docker inspect -f ${template}`)
  const stdout = lines.map(line => `${line}\n`).join('')
  return missing === ''
    ? done(stdout)
    : failed(1, `Error: No such object: ${missing}\n`, stdout === '' ? '\n' : stdout)
}

function serviceData(one: Running): unknown {
  return {
    ID: idOf(one.name),
    Spec: {
      Name: one.name,
      Labels: one.labels,
      Mode: one.replicas === null ? { Global: {} } : { Replicated: { Replicas: one.replicas } },
      TaskTemplate: { ContainerSpec: { Image: one.image } }
    },
    UpdateStatus: { State: 'completed' },
    Endpoint: { Ports: one.ports.map(({ port, target }) => ({ PublishedPort: port, TargetPort: target })) }
  }
}

function containerData(one: Running): unknown {
  return {
    Id: idOf(one.name),
    Name: `/${containerName(one)}`,
    Config: { Image: one.image, Labels: one.labels },
    Image: one.image,
    RestartCount: 0,
    State: {
      Status: 'running',
      Running: true,
      Paused: false,
      Restarting: false,
      ExitCode: 0,
      // Whether it has a health check is not always known: who asks for its health waits for `healthy`.
      Health: { Status: 'healthy', FailingStreak: 0 }
    },
    NetworkSettings: { IPAddress: '172.17.0.2', Networks: {}, Ports: {} },
    HostConfig: { RestartPolicy: { Name: 'always' } }
  }
}

function isNamed(one: Running, name: string): boolean {
  const bare = name.replace(/^\//, '')
  return (
    one.name === bare || containerName(one) === bare || (bare.length >= 4 && idOf(one.name).startsWith(bare))
  )
}

/** Of the one task of a service; of a container its own. */
function containerName({ kind, name }: Running): string {
  return kind === 'service' ? `${name}.1.${idOf(name).slice(0, 8)}` : name
}

/** Twelve hexadecimal digits that a name always has, and hardly another one. */
function idOf(name: string): string {
  let one = 0x81_1c_9d_c5
  let other = 0x12_34_56_78
  for (let at = 0; at < name.length; at++) {
    one = Math.imul(one ^ name.charCodeAt(at), 0x01_00_01_93)
    other = Math.imul(other ^ name.charCodeAt(at), 0x01_9b_46_f5) + 7
  }
  return `${(one >>> 0).toString(16).padStart(8, '0')}${(other >>> 0).toString(16).padStart(8, '0')}`.slice(
    0,
    12
  )
}
