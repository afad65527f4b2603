import { expect, it } from 'vitest'
import { search, searched, wantedPattern, wantedText } from '../../../src/systems/repo/text-search.ts'

function find(path: string, text: string, wanted = wantedText('--subnet 10.0.0.0/8')) {
  const file = searched(path, text)
  if ('why' in file) throw new Error(file.why)
  const { does, may, said, blind } = search(file, wanted)
  return { does: does?.line ?? null, may: may?.line ?? null, said: said?.line ?? null, blind }
}

it.each<[string, string, string, ReturnType<typeof find>]>([
  ['a command', 'a.sh', 'true\ndocker --subnet 10.0.0.0/8\n', { does: 2, may: 2, said: 2, blind: null }],
  ['a comment', 'a.sh', 'true\n# --subnet 10.0.0.0/8\n', { does: null, may: null, said: 2, blind: null }],
  ['an echo', 'a.sh', 'echo --subnet 10.0.0.0/8\n', { does: null, may: null, said: 1, blind: null }],
  ['a near miss', 'a.sh', 'docker --subnet 10.0.0.0/80\n', { does: 1, may: 1, said: 1, blind: null }],
  [
    'another text',
    'a.sh',
    'docker --subnet 10.0.0.0/9\n',
    { does: null, may: null, said: null, blind: null }
  ],
  ['an empty file', 'a.sh', '', { does: null, may: null, said: null, blind: null }]
])('%s', (_, path, text, expected) => {
  expect(find(path, text)).toEqual(expected)
})

it('several lines are found one below the other, moved in alike, and nowhere else', () => {
  const wanted = wantedText('a:\n  b: 1')
  expect(find('a.yaml', 'x:\n  a:\n    b: 1\n', wanted).does).toBe(2)
  expect(find('a.yaml', 'x:\n  a:\n\n    b: 1\n', wanted).does).toBe(2)
  expect(find('a.yaml', 'x:\n  a:\n   b: 1\n', wanted).does).toBeNull()
  expect(find('a.yaml', 'a:\n  c: 2\n  b: 1\n', wanted).does).toBeNull()
})

it('a pattern matches a line, and not across lines', () => {
  expect(find('a.sh', 'docker network\ncreate x\n', wantedPattern('network create')).does).toBeNull()
  expect(find('a.sh', 'docker network create x\n', wantedPattern('network +create')).does).toBe(1)
})

it('of what is not UTF-8 only ASCII is told', () => {
  expect(find('a.sh', 'true \uFFFD\n', wantedText('false')).blind).toBeNull()
  expect(find('a.sh', 'true \uFFFD\n', wantedText('ünreal')).blind).toBe('it is not UTF-8')
})
