import * as z from 'zod'
import type { FactSource, FactContext } from '../../facts/fact.ts'
import { dockerPattern } from '../docker/reads.ts'
import { swarmPattern, swarmRead } from './reads.ts'
import { askDocker, onOwnDocker } from '../docker/ask.ts'
import { jsonArray } from '../../facts/answers.ts'
import { serviceIds } from './services.ts'

/** What each swarm service sets in its containers' environment, as `NAME=value`; secrets are hidden in it. */
export type ServiceEnvironment = readonly {
  readonly service: string
  readonly variables: readonly string[]
}[]

const shape = z.object({
  Spec: z.object({
    Name: z.string().min(1),
    TaskTemplate: z.object({ ContainerSpec: z.object({ Env: z.array(z.string()).nullish() }).nullish() })
  })
})

export const serviceEnvironment: FactSource<ServiceEnvironment> = {
  key: 'service-environment',
  place: 'host',
  reads: [swarmPattern.dockerServiceList(), dockerPattern.dockerInfo(), swarmPattern.dockerServices()],
  take: look => onOwnDocker(look, () => variables(look))
}

async function variables(look: FactContext): Promise<ServiceEnvironment> {
  const ids = await serviceIds(look)
  if (ids.length === 0) return []
  const { stdout } = await askDocker(look, swarmRead.dockerServices(ids))
  return jsonArray(shape, stdout)
    .map(({ Spec }) => ({ service: Spec.Name, variables: Spec.TaskTemplate.ContainerSpec?.Env ?? [] }))
    .sort((a, b) => (a.service < b.service ? -1 : 1))
}
