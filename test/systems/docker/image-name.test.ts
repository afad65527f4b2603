import fc from 'fast-check'
import { expect, it } from 'vitest'
import { filledIn, isWrittenImage } from '../../../src/systems/docker/image-name.ts'

it.each<[live: string, written: string, same: boolean]>([
  ['nginx:1.27', 'nginx:1.27', true],
  ['nginx:1.27@sha256:a', 'nginx:1.27', true],
  ['nginx:1.27@sha256:a', 'nginx:1.27@sha256:a', true],
  ['nginx:1.27@sha256:a', 'nginx@sha256:a', true],
  ['nginx:latest@sha256:a', 'nginx', true],
  ['nginx', 'nginx:latest', true],
  ['nginx:1.27', 'docker.io/library/nginx:1.27', true],
  ['reg.example.test:5000/shop', 'reg.example.test:5000/shop:latest', true],
  ['nginx:1.27@sha256:a', 'nginx:1.27@sha256:b', false],
  ['nginx:1.27', 'nginx:1.27@sha256:a', false],
  ['nginx:1.27', 'nginx', false],
  ['nginx:1.27', 'nginx:1.2', false],
  ['nginx:1.27', 'shop/nginx:1.27', false],
  ['reg.example.test:5000/shop:2', 'reg.example.test/shop:2', false],
  ['nginx@sha256:a', 'nginx', false]
])('%s is %s: %s', (live, written, same) => {
  expect(isWrittenImage(live, written)).toBe(same)
})

it.each<[value: string, open: string | null, withDefaults: string | null]>([
  ['shop:2', 'shop:2', 'shop:2'],
  ['shop:${TAG}', null, null],
  ['shop:$TAG', null, null],
  ['shop:${TAG:-2}', null, 'shop:2'],
  ['shop:${TAG-2}', null, 'shop:2'],
  ['shop:${TAG:-}', null, 'shop:'],
  ['${REGISTRY:-ghcr.io/}shop:${TAG}', null, null],
  ['${REGISTRY:-ghcr.io/}shop:${TAG:-2}', null, 'ghcr.io/shop:2'],
  ['shop:${TAG:?wanted}', null, null],
  ['shop:${TAG:+2}', null, null],
  ['shop:${TAG:-${OTHER}}', null, null],
  ['shop:${TAG:-$OTHER}', null, null],
  ['a$$b', 'a$b', 'a$b'],
  ['a$', null, null],
  ['${', null, null]
])('%s', (value, open, withDefaults) => {
  const said = (text: string | null) => (text === null ? { unfilled: value } : { text })
  expect(filledIn(value, false)).toEqual(said(open))
  expect(filledIn(value, true)).toEqual(said(withDefaults))
})

it('has an answer for any text', () => {
  fc.assert(
    fc.property(fc.string(), fc.string(), fc.boolean(), (a, b, defaults) => {
      expect(isWrittenImage(a, a)).toBe(true)
      expect(typeof isWrittenImage(a, b)).toBe('boolean')
      expect(Object.keys(filledIn(a, defaults))).toHaveLength(1)
    })
  )
})
