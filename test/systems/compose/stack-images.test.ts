import { expect, it } from 'vitest'
import type { ComposeFile } from '../../../src/systems/compose/compose-files.ts'
import { imagesOf, unlikeRepo } from '../../../src/systems/compose/stack-images.ts'
import { service } from '../../support/docker.ts'

const file = (path: string, images: Readonly<Record<string, string | null>> | null): ComposeFile => ({
  path,
  commit: 'abcdef0123456789abcdef0123456789abcdef01',
  services: images === null ? null : Object.entries(images).map(([name, image]) => ({ name, image }))
})
const asked = { stack: 'shop', path: 'a.yaml' }
const only = (
  images: Readonly<Record<string, string | null>>,
  defaults = false,
  except: readonly string[] = []
) => imagesOf([file('a.yaml', images)], [asked], defaults, except)

it.each([
  ['an image', 'shop:2', false, ['shop:2'], 0],
  ['a variable', 'shop:${TAG}', true, [], 1],
  ['a variable with a default that counts', 'shop:${TAG:-2}', true, ['shop:2'], 0],
  ['a variable with a default that does not count', 'shop:${TAG:-2}', false, [], 1],
  ['no image', null, false, [], 1]
] as const)('a service with %s', (_, image, defaults, wanted, open) => {
  const [found] = only({ app: image }, defaults)
  expect(found?.wanted.map(one => one.image)).toEqual(wanted)
  expect(found?.open).toHaveLength(open)
})

it('a later file of the same stack has the last word, where it names an image', () => {
  const first = file('a.yaml', { app: 'shop:1', db: 'db:1' })
  const both = (image: string | null) =>
    imagesOf(
      [first, file('b.yaml', { app: image })],
      [asked, { stack: 'shop', path: 'b.yaml' }],
      false,
      []
    ).map(({ wanted }) => wanted.map(one => one.image))
  expect(both('shop:2')).toEqual([['db:1'], ['shop:2']])
  expect(both(null)).toEqual([['shop:1', 'db:1'], []])
})

it('leaves aside what is excepted, and says that a file is not there', () => {
  expect(only({ app: 'shop:2', db: 'db:1' }, false, ['shop_d*'])[0]?.wanted).toEqual([
    { name: 'shop_app', image: 'shop:2' }
  ])
  expect(imagesOf([file('a.yaml', null)], [asked], false, [])).toMatchObject([{ exists: false, wanted: [] }])
})

it.each([
  ['shop:2', 0],
  ['shop:2.0', 1],
  ['shop', 1],
  ['docker.io/library/shop:2', 0]
])('a live image shop:2 beside %s', (image, count) => {
  expect(unlikeRepo([{ name: 'shop_app', image }], [service()], 'a.yaml')).toHaveLength(count)
})

it('a service that is not there is unlike the repo', () => {
  expect(unlikeRepo([{ name: 'shop_web', image: 'shop:2' }], [service()], 'a.yaml')).toMatchObject([
    { saw: 'service shop_web does not exist' }
  ])
})
