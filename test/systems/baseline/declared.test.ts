import { expect, it } from 'vitest'
import { type Changed, declaring, followed } from '../../../src/systems/baseline/declared.ts'

const network: Changed = { kind: 'network', name: 'proxy', was: null, is: ['10.10.0.0/16'] }
const service: Changed = { kind: 'service', name: 'shop_app', was: ['shop:1'], is: ['shop:2'] }
const lines = (path: string, ...texts: readonly string[]) =>
  texts.map((text, at) => ({ commit: 'a'.repeat(40), path, line: at + 1, text }))
const declared = (change: Changed, path: string, ...texts: readonly string[]) =>
  declaring(change, followed(lines(path, ...texts))).map(({ line }) => line)

const create = 'docker network create --subnet 10.10.0.0/16 proxy'

it.each<[string, readonly string[], readonly number[]]>([
  ['that makes it so', [create], [1]],
  ['that makes it with another subnet', ['docker network create --subnet 10.10.0.0/17 proxy'], []],
  ['that makes another one so', ['docker network create --subnet 10.10.0.0/16 proxy2'], []],
  ['that makes it so, and one that makes it otherwise', [create, create.replace('/16', '/17')], []],
  ['that makes it so, and a later one that takes it away', [create, 'docker network rm proxy'], []],
  ['that takes it away, and a later one that makes it so', ['docker network rm proxy', create], [2]],
  ['that makes it so, and one that takes another away', [create, 'docker network rm proxy2'], [1]],
  ['that says it only', [`echo ${create}`], []]
])('a network is declared by a line of a shell program %s', (_, texts, expected) => {
  expect(declared(network, 'a.sh', ...texts)).toEqual(expected)
})

it.each<[string, string, string, readonly number[]]>([
  ['an update', 'a.sh', 'docker service update --image shop:2 shop_app', [1]],
  ['an update to another image', 'a.sh', 'docker service update --image shop:3 shop_app', []],
  ['an update of another service', 'a.sh', 'docker service update --image shop:2 shop_app2', []],
  ['a setting', 'a.nix', 'shop_app.image = "shop:2";', [1]],
  ['a setting to another image', 'a.nix', 'shop_app.image = "shop:20";', []],
  ['a setting in a file of prose', 'a.md', 'shop_app.image = "shop:2";', []]
])('the image of a service by %s', (_, path, text, expected) => {
  expect(declared(service, path, text)).toEqual(expected)
})

it('what is gone is declared by nothing', () => {
  expect(declared({ ...network, was: ['10.10.0.0/16'], is: [] }, 'a.sh', create)).toEqual([])
})
