import { readdirSync, readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { gather } from '../../../src/facts/gather.ts'
import { composeImages } from '../../../src/systems/compose/compose-files.ts'
import { closedAdapters, closedRepo } from '../../support/doors.ts'

const commit = 'c'.repeat(40)
const path = 'stacks/shop.yml'

async function taken(text: string | null, paths: readonly string[] = [path]) {
  const source = composeImages(paths)
  const adapters = closedAdapters({
    repo: { ...closedRepo, commit, file: async () => text, changes: async () => [] }
  })
  return (await gather([{ host: 'h', sources: [source] }], adapters)).fact('h', source)
}

const value = (services: unknown) => ({ seen: true, value: [{ path, commit, services }] })

it('is read at the commit under review', async () => {
  const text =
    'services:\n  app: { image: "shop:2" }\n  db:\n    image: db:${TAG:-1} # the database\n  own: { build: . }\n'
  expect(await taken(text)).toMatchObject(
    value([
      { name: 'app', image: 'shop:2' },
      { name: 'db', image: 'db:${TAG:-1}' },
      { name: 'own', image: null }
    ])
  )
})

it('follows anchors and merges', async () => {
  const text =
    'x-base: &base\n  image: shop:2\nservices:\n  app:\n    <<: *base\n  web:\n    <<: *base\n    image: web:1\n'
  expect(await taken(text)).toMatchObject(
    value([
      { name: 'app', image: 'shop:2' },
      { name: 'web', image: 'web:1' }
    ])
  )
})

it('that there is no file is a fact', async () => {
  expect(await taken(null)).toMatchObject(value(null))
})

const bomb = `a: &a [x, x]\n${[...'bcdefghijk'].map((key, at) => `${key}: &${key} [${`*${'abcdefghijk'[at]}, `.repeat(9)}]`).join('\n')}\nservices: { app: { image: a, x: *k } }\n`

it.each([
  ['text', 'hello'],
  ['nothing', ''],
  ['no services', 'version: "3"\n'],
  ['a list of services', 'services: [a]\n'],
  ['a service that is none', 'services: { app: shop }\n'],
  ['an image that is a list', 'services: { app: { image: [a] } }\n'],
  ['a key twice', 'services: { app: { image: a, image: b } }\n'],
  ['a template', 'services:\n  {{ range . }}\n'],
  ['a bomb of aliases', bomb],
  ['what nests deeper than is read', `services: ${'[a, '.repeat(10_000)}`],
  ['too long a file', `services: {}\n#${'x'.repeat(1024 * 1024)}`]
])('%s is unseen', async (_, text) => {
  expect(await taken(text)).toMatchObject({ seen: false, why: expect.stringContaining(path) })
})

it.each(readdirSync(new URL('../../host/stacks/', import.meta.url)))(
  'reads %s of the test host',
  async name => {
    const text = readFileSync(new URL(`../../host/stacks/${name}`, import.meta.url), 'utf8')
    const fact = await taken(text)
    expect(fact).toMatchObject(
      value(expect.arrayContaining([{ name: 'app', image: expect.stringMatching(/^[\w-]+:local$/) }]))
    )
  }
)
