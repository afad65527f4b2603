import { expect, it } from 'vitest'
import { answerText, leadsTo, promiseText } from '../../../src/systems/http/expected.ts'

const url = 'https://ci.example.test/a/b'

it.each([
  ['/login', '/login', true],
  ['/login', 'https://ci.example.test/login', true],
  ['https://ci.example.test/login', '/login', true],
  ['login', '/a/login', true],
  ['/login', '/login/', false],
  ['/login', 'http://ci.example.test/login', false],
  ['/login?next=1', '/login', false],
  ['/login?next=1', '/login?next=*', true],
  ['/login/x', '/login*', true],
  ['/log', '/log?n', false],
  ['/a1', '/a[1]*', false],
  [null, '/login', false],
  [null, '*', false]
])('%s leads to %s: %s', (location, wanted, is) => {
  expect(leadsTo(location, wanted, url)).toBe(is)
})

it('an answer and a promise are said alike', () => {
  const answer = {
    kind: 'answered',
    status: 301,
    version: '2',
    location: '/x',
    body: '',
    bodyCut: false,
    certificate: null,
    address: null
  } as const
  expect(answerText(answer)).toBe('HTTP/2 301, Location /x')
  expect(promiseText({ status: 301, version: '2', location: '/x' })).toBe('HTTP/2 301, Location /x')
  expect(promiseText({ contains: ['a', 'b'] })).toBe('HTTP an answer with `a`, `b` in its body')
})
