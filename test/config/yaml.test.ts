import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { probes } from '../../probes/index.ts'
import { AdversaryError } from '../../src/lib/errors.ts'
import { readConfig } from '../../src/config/config.ts'
import { readPlan } from '../../src/config/plan/plan.ts'
import { parseYaml, typedValues } from '../../src/config/yaml.ts'
import { defaultPatterns } from '../../src/record/claim.ts'

/** Whatever a file holds, the answer is a value or one line that names the file: never a crash. */
function told(read: () => unknown): void {
  try {
    read()
  } catch (error) {
    if (!(error instanceof AdversaryError)) throw error
    expect(error.kind).toBe('usage')
    expect(error.message).toMatch(/^\S*f\.yaml[^\n]*$/)
    expect(error.message).not.toMatch(/[\p{Cc}\u202A-\u202E\u2066-\u2069]/u)
  }
}

const around = { claims: defaultPatterns, hosts: new Map([['web1', {}]]), probes }
const word = fc.constantFrom(
  'repo',
  'url',
  'branch',
  'hosts',
  'phase',
  'p',
  'milestones',
  'M1',
  'checks',
  'probe',
  'with',
  'repo-file',
  'route-status',
  'routes',
  'needs',
  'hunt',
  'probes',
  'all',
  '__proto__',
  'constructor',
  '<<',
  '&a',
  '*a',
  '!x',
  '- ',
  ': ',
  '\n',
  '\n  ',
  '\n    ',
  '{',
  '}',
  '[',
  ']',
  ',',
  '"',
  "'",
  '|',
  '>',
  '#',
  '\t',
  '---',
  '5',
  '1e999',
  'null',
  '\u0000',
  '\u001B[31m',
  '\u202E',
  '\uFEFF',
  '%YAML 1.1',
  '? ',
  '~',
  '2026-07-01',
  '0x1F'
)
const scraps = fc.array(word, { maxLength: 40 }).map(words => words.join(''))

describe('hostile files', () => {
  it.each([
    ['scraps of YAML', scraps],
    ['any text', fc.string({ unit: 'binary', maxLength: 200 })]
  ])('%s', (_, texts) => {
    fc.assert(
      fc.property(texts, text => {
        told(() => readConfig(parseYaml(text, 'f.yaml'), '/home', '/user'))
        told(() => readPlan(parseYaml(text, 'f.yaml'), 'p', around))
      }),
      { numRuns: 300 }
    )
  })

  it('any data, where a plan is expected', () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 4 }), fc.json({ maxDepth: 3 }), (data, params) => {
        told(() => readPlan(parseYaml(data, 'f.yaml'), 'p', around))
        for (const { id } of probes) {
          const plan = `{"phase":"p","milestones":{"M1":{"checks":[{"probe":"${id}","with":${params}}]}}}`
          told(() => readPlan(parseYaml(plan, 'f.yaml'), 'p', around))
        }
      }),
      { numRuns: 60 }
    )
  })
})

describe('values on a command line', () => {
  it('are read as YAML each, and known by their keys', () => {
    const words = ['subnet=10.10.0.0/16', 'services=9', 'routes={https://a.example.test/: 200}', 'empty=']
    expect(typedValues(words, '--with').data).toEqual({
      subnet: '10.10.0.0/16',
      services: 9,
      routes: { 'https://a.example.test/': 200 },
      empty: null
    })
    expect(typedValues(['since=0123'], '--with').typed(['since'])).toBe('0123')
  })

  it.each([
    [['subnet'], '--with: got `subnet`, expected `key=value`, each key once'],
    [['a=1', 'a=2'], '--with: got `a=2`, expected `key=value`, each key once'],
    [['a=[1'], /^--with a:1:\d+: /]
  ])('%j', (words, error) => {
    expect(() => typedValues(words, '--with')).toThrow(error)
  })
})
