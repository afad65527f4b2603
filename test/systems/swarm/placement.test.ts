import { expect, it } from 'vitest'
import { isEligible, isUp } from '../../../src/systems/swarm/placement.ts'
import type { NodeDetail } from '../../../src/systems/swarm/nodes.ts'
import { node, service } from '../../support/docker.ts'

const detail: NodeDetail = {
  id: 'nodeone',
  role: 'manager',
  os: 'linux',
  architecture: 'x86_64',
  address: '198.51.100.2',
  labels: { zone: 'a' },
  engineLabels: {}
}
const eligible = (
  constraint: string,
  details: readonly NodeDetail[] = [detail],
  changed = {},
  wanted = false
) => {
  const swarm = { nodes: [node()], details: { nodes: details, why: '' } }
  return isEligible(service({ constraints: [constraint] }), node(changed), wanted, swarm).is
}

it.each<[constraint: string, is: boolean | null]>([
  ['node.labels.zone == a', true],
  ['node.labels.zone != a', false],
  ['node.labels.rack == ', true],
  ['node.labels.rack != b', true],
  ['node.ip == 198.51.100.0/24', true],
  ['node.ip != 198.51.100.2', false],
  // Engines differ in what they call it: only where both names say the same is it known.
  ['node.platform.arch == amd64', null],
  ['node.platform.arch == x86_64', null],
  ['node.platform.arch != x86_64', null],
  ['node.platform.arch == arm64', false],
  ['node.platform.arch != arm64', true],
  ['node.colour == red', null],
  ['nonsense', null]
])('%s: %s', (constraint, is) => {
  expect(eligible(constraint)).toBe(is)
})

it('what is not known of a node leaves a label open, and not its name', () => {
  expect(eligible('node.labels.zone == a', [])).toBeNull()
  expect(eligible('node.platform.os == linux', [])).toBeNull()
  expect(eligible('node.hostname == one', [])).toBe(true)
  expect(eligible('node.hostname == two', [])).toBe(false)
})

it('a paused node keeps what it has, a drained one and one that is down have nothing', () => {
  const one = 'node.hostname == one'
  expect(eligible(one, [], { availability: 'Pause' }, true)).toBe(true)
  expect(eligible(one, [], { availability: 'Pause' }, false)).toBe(false)
  expect(eligible(one, [], { availability: 'Drain' }, true)).toBe(false)
  expect(eligible(one, [], { status: 'Down' }, true)).toBe(false)
})

it.each<[status: string, up: boolean | null]>([
  ['Ready', true],
  ['Down', false],
  ['Unknown', null],
  ['Disconnected', null]
])('a task on a node that is %s runs: %s', (status, up) => {
  expect(isUp('nodeone', { nodes: [node({ status })], details: { nodes: [], why: '' } })).toBe(up)
})

it('a task on a node that is gone does not run', () => {
  expect(isUp('nodeone', { nodes: [], details: { nodes: [], why: '' } })).toBe(false)
})
