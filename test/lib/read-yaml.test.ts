import { describe, expect, it } from 'vitest'
import { yamlBounds } from '../../src/lib/bounds.ts'
import { readYaml, YamlTooDeep } from '../../src/lib/read-yaml.ts'
import { parseYaml } from '../../src/config/yaml.ts'

const read = (text: string) => readYaml(text, { logLevel: 'silent' })

/** Each nests as deep as it is told to, whether it is closed or not. */
const shapes: Readonly<Record<string, (depth: number) => string>> = {
  lists: depth => `${'['.repeat(depth)}${']'.repeat(depth)}`,
  'mappings in braces': depth => `${'{a: '.repeat(depth)}1${'}'.repeat(depth)}`,
  'lists of lines': depth => `${'- '.repeat(depth)}a`,
  'keys that are mappings': depth => `${'? '.repeat(depth)}a`,
  'keys in braces': depth => `${'{'.repeat(depth)}a${': 1}'.repeat(depth)}`,
  'lines further and further in': depth =>
    Array.from({ length: depth }, (_, at) => `${' '.repeat(at)}a:\n`).join('')
}

describe.each(Object.entries(shapes))('%s', (_, shape) => {
  it('are read up to the bound', () => {
    expect(() => read(shape(yamlBounds.depth))).not.toThrow()
    expect(() => read(shape(yamlBounds.depth + 1))).toThrow(YamlTooDeep)
  })

  it('end no process, however deep they are, and wherever the stack stands', () => {
    const deep = shape(shape === shapes['lines further and further in'] ? 1_500 : 20_000)
    expect(() => read(deep)).toThrow(YamlTooDeep)
    expect(() => read(`a: 1\nb:\n${deep}`.slice(0, 60_000))).not.toThrow(RangeError)
  })
})

it('what never closes is too deep as well, and named by its line', () => {
  const text = `a: 1\nb: 2\nc: ${'[a, '.repeat(8_000)}`
  expect(() => parseYaml(text, 'adversary.yaml')).toThrow(
    `adversary.yaml:3: it nests deeper than ${yamlBounds.depth} levels`
  )
})

it('many beside each other are not deep', () => {
  expect(read(`[${'[[a]], '.repeat(5_000)}]`).errors).toEqual([])
})
