import * as z from 'zod'
import type { FactSource, Look } from '../fact.ts'
import { readCommand, readPattern } from '../read-command.ts'
import { askDocker, onOwnDocker, jsonArray } from './docker-json.ts'
import { serviceIds } from './docker-services.ts'

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
  reads: [readPattern.dockerServiceList(), readPattern.dockerInfo(), readPattern.dockerServices()],
  take: look => onOwnDocker(look, () => variables(look))
}

async function variables(look: Look): Promise<ServiceEnvironment> {
  const ids = await serviceIds(look)
  if (ids.length === 0) return []
  const { stdout } = await askDocker(look, readCommand.dockerServices(ids))
  return jsonArray(shape, stdout)
    .map(({ Spec }) => ({ service: Spec.Name, variables: Spec.TaskTemplate.ContainerSpec?.Env ?? [] }))
    .sort((a, b) => (a.service < b.service ? -1 : 1))
}
