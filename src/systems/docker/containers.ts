import * as z from 'zod'
import { byText, jsonLines, text } from '../../facts/answers.ts'
import type { FactSource } from '../../facts/fact.ts'
import { askDocker, onOwnDocker } from './ask.ts'
import { dockerPattern, dockerRead } from './reads.ts'

/** A container that was made by hand or by compose: no task of a swarm service. */
export interface StandaloneContainer {
  readonly name: string
  readonly image: string
  /** As `docker ps` prints them; a label whose value has a comma in it is cut there. */
  readonly labels: Readonly<Record<string, string>>
  readonly ports: readonly {
    readonly protocol: 'tcp' | 'udp'
    readonly port: number
    readonly target: number
  }[]
}

const row = z.object({ Names: text, Image: text, Labels: text, Ports: text })

/** The containers that no service has, whatever became of them. */
export const standaloneContainers: FactSource<readonly StandaloneContainer[]> = {
  key: 'standalone-containers',
  place: 'host',
  reads: [dockerPattern.dockerContainers(), dockerPattern.dockerInfo()],
  async take(look) {
    const { stdout } = await onOwnDocker(look, () => askDocker(look, dockerRead.dockerContainers()))
    return jsonLines(row, stdout)
      .map(({ Names, Image, Labels, Ports }) => ({
        name: Names.split(',', 1)[0] ?? '',
        image: Image,
        labels: labelsOf(Labels),
        ports: portsOf(Ports)
      }))
      .filter(({ labels }) => !Object.hasOwn(labels, 'com.docker.swarm.service.id'))
      .sort(byText(({ name }) => name))
  }
}

function labelsOf(printed: string): Readonly<Record<string, string>> {
  return Object.fromEntries(
    printed.split(',').flatMap(label => {
      const equals = label.indexOf('=')
      return equals <= 0 ? [] : [[label.slice(0, equals), label.slice(equals + 1)] as const]
    })
  )
}

/** `0.0.0.0:8080->80/tcp, [::]:8080->80/tcp, 9000/tcp`: each published one once. */
function portsOf(printed: string): StandaloneContainer['ports'] {
  const found = printed.split(', ').flatMap(entry => {
    const [, port, target, protocol] = /:(\d{1,5})->(\d{1,5})\/(tcp|udp)$/.exec(entry) ?? []
    if (port === undefined || target === undefined) return []
    return [
      {
        protocol: protocol === 'udp' ? ('udp' as const) : ('tcp' as const),
        port: Number(port),
        target: Number(target)
      }
    ]
  })
  return [...new Map(found.map(each => [JSON.stringify(each), each])).values()]
}
