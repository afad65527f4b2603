import type { DockerEnd } from '../answer.ts'
import type { NetworkFact, RehearsalFacts, ServiceFact } from '../rehearsal-facts.ts'
import type { Notes } from '../notes.ts'
import { servicesOfStack } from './stack-file.ts'
import type { HostFiles } from './file-model.ts'

/** Docker as the rehearsal has brought it up so far: at the beginning there is nothing. */
export interface Docker {
  readonly engineUp: (unit: string) => void
  readonly isUp: () => boolean
  readonly end: () => DockerEnd
  readonly networks: () => readonly NetworkFact[]
  readonly services: () => readonly ServiceFact[]
  /** All services that any stack file of this host would bring up, whether or not anything deploys it. */
  readonly everWanted: () => readonly ServiceFact[]
  /** `null`: done; otherwise what Docker says. */
  readonly createNetwork: (unit: string, network: NetworkFact) => string | null
  readonly deploy: (unit: string, stack: string, files: readonly string[]) => string | null
}

export function createDocker(facts: RehearsalFacts, files: HostFiles, notes: Notes): Docker {
  let up = false
  const networks = new Map<string, NetworkFact>()
  const services = new Map<string, ServiceFact>()
  const written = files
    .texts()
    .flatMap(([path, text]) => (/\.ya?ml$/.test(path) ? servicesOfStack('', text).services : []))
    .map(service => ({ ...service, stack: null, ports: [], replicas: 1 }))
  const wanted = [...written, ...facts.docker.services]

  return {
    engineUp: unit => {
      if (up) return
      up = true
      notes.bringUp(unit, { kind: 'engine', key: 'docker' })
    },
    isUp: () => up,
    end: () => ({ networks: [], stacks: [], services: [], containers: [] }),
    networks: () => [...networks.values()],
    services: () => [...services.values()],
    everWanted: () => wanted,
    createNetwork: (unit, network) => {
      if (networks.has(network.name)) return `network with name ${network.name} already exists`
      networks.set(network.name, network)
      notes.bringUp(unit, { kind: 'network', key: network.name })
      return null
    },
    deploy: (unit, stack, paths) => {
      for (const path of paths) {
        const text = files.text(path)
        if (text === null) return `open ${path}: no such file or directory`
        const { services: found, external } = servicesOfStack(stack, text)
        for (const name of external)
          if (!networks.has(name)) return `network "${name}" is declared as external, but could not be found`
        for (const service of found) {
          if (!services.has(service.name)) notes.bringUp(unit, { kind: 'service', key: service.name })
          services.set(service.name, { ...service, stack, ports: [], replicas: 1 })
        }
      }
      notes.bringUp(unit, { kind: 'stack', key: stack })
      return null
    }
  }
}
