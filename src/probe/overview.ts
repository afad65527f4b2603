import { dockerNetworks } from '../systems/docker/networks.ts'
import { type SwarmService, swarmServices } from '../systems/swarm/services.ts'
import { type SwarmTask, swarmTasks } from '../systems/swarm/tasks.ts'
import { type HostAddresses, hostAddresses } from '../systems/linux/addresses.ts'
import { counted } from '../lib/text/counted.ts'
import type { BoundProbe, Finding, Needs, Seen } from './probe.ts'

/**
 * What an orientation writes down of a host before any claim. Nothing here can fail: these are not probes,
 * they only put facts into the few lines that a person wants to read.
 */
export interface Overview {
  readonly title: string
  readonly view: BoundProbe
}

function view<const N extends Needs>(
  title: string,
  id: string,
  needs: N,
  lines: (facts: Seen<N>) => readonly string[]
): Overview {
  return {
    title,
    view: {
      id: `overview ${id}`,
      given: {},
      needs,
      judge(seen): readonly Finding[] {
        // The engine hands over exactly the facts that `needs` declares: see judge/run.ts.
        const shows = lines(seen as Seen<N>)
        return [{ outcome: 'pass', saw: counted(shows.length, 'entry', 'entries'), shows }]
      },
      falsify: () => []
    }
  }
}

/** Every overview of a host that runs a swarm. */
export const overviews: readonly Overview[] = [
  view('Docker networks', 'networks', { networks: dockerNetworks }, ({ networks }) =>
    networks
      .filter(network => network.subnets.length > 0)
      .map(
        ({ name, driver, subnets }) =>
          `${name}: ${subnets.map(({ subnet }) => subnet).join(', ')} (${driver})`
      )
  ),
  view('Addresses of the host', 'addresses', { addresses: hostAddresses }, ({ addresses }) =>
    ownAddresses(addresses)
  ),
  view(
    'Services, their tasks and addresses',
    'services',
    { services: swarmServices, tasks: swarmTasks, networks: dockerNetworks },
    ({ services, tasks, networks }) => {
      const names = new Map(networks.map(({ id, name }) => [id, name]))
      return services.map(service => serviceLine(service, tasks, names))
    }
  ),
  view('Stacks', 'stacks', { services: swarmServices }, ({ services }) => {
    const stacks = new Map<string, number>()
    for (const { stack } of services) {
      if (stack !== null) stacks.set(stack, (stacks.get(stack) ?? 0) + 1)
    }
    return [...stacks].map(([stack, count]) => `${stack}: ${counted(count, 'service')}`)
  })
]

function ownAddresses({ interfaces, routes }: HostAddresses): readonly string[] {
  const addresses = interfaces
    .filter(({ name }) => name !== 'lo' && !name.startsWith('veth'))
    .flatMap(({ name, addresses }) => addresses.map(({ address, length }) => `${name}: ${address}/${length}`))
  const gateways = routes
    .filter(({ to, via }) => via !== null && (to === '0.0.0.0/0' || to === '::/0'))
    .map(({ via, device }) => `default route: via ${via} on ${device ?? 'no device'}`)
  return [...addresses, ...gateways]
}

function serviceLine(
  service: SwarmService,
  tasks: readonly SwarmTask[],
  networks: ReadonlyMap<string, string>
): string {
  const running = tasks.filter(task => task.service === service.id && task.state === 'running')
  const on = running.flatMap(task =>
    task.addresses.map(
      ({ network, addresses }) => `${networks.get(network) ?? network} ${addresses.join(' ')}`
    )
  )
  return `${service.name}: ${running.length} running${on.length > 0 ? `; ${[...new Set(on)].sort().join(', ')}` : ''}`
}
