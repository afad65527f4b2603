import { blockOrNull, contains } from '../../lib/cidr.ts'
import type { NodeDetail, NodeDetails, SwarmNode } from './nodes.ts'
import type { Platform, SwarmService } from './services.ts'

/** Which nodes a service may run on, as the swarm's own orchestrator decides it. */

/** The nodes of a swarm, with what is known of each beyond the list. */
export interface SwarmNodes {
  readonly nodes: readonly SwarmNode[]
  readonly details: NodeDetails
}

export type Eligible = { readonly is: boolean } | { readonly is: null; readonly why: string }

/** Whether a task on this node runs: nothing is known of what a node does that does not answer. */
export function isUp(node: string, { nodes }: SwarmNodes): boolean | null {
  const found = nodes.find(({ id }) => id === node)
  if (found === undefined || found.status === 'Down') return false
  return found.status === 'Ready' ? true : null
}

/**
 * Whether a service that runs on every node wants a task on this one.
 *
 * @param wanted whether the swarm wants one there already: on a paused node that one stays, and none is added.
 */
export function isEligible(
  service: SwarmService,
  node: SwarmNode,
  wanted: boolean,
  { details }: SwarmNodes
): Eligible {
  const { status, availability } = node
  if (status === 'Down' || availability === 'Drain') return { is: false }
  if (availability === 'Pause' && !wanted) return { is: false }
  const detail = details.nodes.find(({ id }) => id === node.id) ?? null
  const why = details.why === '' ? `docker reports nothing about node ${node.hostname}` : details.why
  const { constraints = [], platforms = [] } = service
  const said = [
    ...constraints.map(text => meets(text, node, detail)),
    platforms.length === 0 ? true : detail === null ? null : platforms.some(one => runs(one, detail))
  ]
  if (said.includes(false)) return { is: false }
  return said.includes(null) ? { is: null, why } : { is: true }
}

/** What an image is built for, on what a node is. An empty word is any. */
function runs({ architecture, os }: Platform, node: NodeDetail): boolean {
  const fits = (wanted: string, has: string) => wanted === '' || wanted.toLowerCase() === has.toLowerCase()
  return fits(asGo(architecture), asGo(node.architecture)) && fits(os, node.os)
}

function asGo(architecture: string): string {
  if (architecture === 'x86_64') return 'amd64'
  return architecture === 'aarch64' ? 'arm64' : architecture
}

/** A placement constraint on a node: `node.labels.zone!=a`. Null where it is not known. */
function meets(constraint: string, node: SwarmNode, detail: NodeDetail | null): boolean | null {
  const [, key = '', operator = '', wanted = ''] = /^\s*([\w.-]+)\s*([!=]=)(.*)/s.exec(constraint) ?? []
  const values = valuesOf(key, node, detail)
  if (operator === '' || values === null) return null
  const equal = values.map(value => isValue(key, value, wanted.trim()))
  // Engines differ in whether `amd64` is `x86_64` here.
  if (new Set(equal).size > 1) return null
  return (equal[0] ?? false) === (operator === '==')
}

function isValue(key: string, value: string, wanted: string): boolean {
  const [has, wants] = [blockOrNull(value), blockOrNull(wanted)]
  if (key.toLowerCase() === 'node.ip' && has !== null && wants !== null) return contains(wants, has)
  return value.toLowerCase() === wanted.toLowerCase()
}

/** What a node has under a constraint's key; a label that it does not have is empty. Null where it is not known. */
function valuesOf(key: string, node: SwarmNode, detail: NodeDetail | null): readonly string[] | null {
  const [, kind = '', label = ''] = /^(node|engine)\.labels\.(.+)$/i.exec(key) ?? []
  if (kind !== '') {
    if (detail === null) return null
    const labels = kind.toLowerCase() === 'node' ? detail.labels : detail.engineLabels
    return [Object.hasOwn(labels, label) ? (labels[label] ?? '') : '']
  }
  switch (key.toLowerCase()) {
    case 'node.id':
      return [node.id]
    case 'node.hostname':
      return [node.hostname]
    case 'node.role':
      return [node.manager === '' ? 'worker' : 'manager']
    case 'node.platform.os':
      return detail === null ? null : [detail.os]
    case 'node.platform.arch':
      return detail === null ? null : [detail.architecture, asGo(detail.architecture)]
    case 'node.ip':
      return detail === null || detail.address === '' ? null : [detail.address]
    default:
      return null
  }
}
