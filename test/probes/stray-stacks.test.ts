import { describe, expect, it } from 'vitest'
import { strayStacks } from '../../probes/stray-stacks.ts'
import { outcomeOf } from '../../src/probe/run.ts'
import { at, service } from '../support/docker.ts'

const stacks = (...names: readonly (string | null)[]) => ({
  services: names.map((stack, index) =>
    service({ id: `service${index}`, name: `${stack ?? 'loose'}_app`, stack })
  )
})

describe('stray-stacks', () => {
  it.each<[why: string, outcome: string, params: object, facts: ReturnType<typeof stacks>]>([
    ['none forbidden', 'pass', { forbid: ['*-pr*'] }, stacks('shop', 'blog')],
    ['one forbidden', 'fail', { forbid: ['*-pr*'] }, stacks('shop', 'blog-pr7')],
    ['one that almost is', 'pass', { forbid: ['*-pr[0-9]*'] }, stacks('shop', 'blog-prod')],
    ['all allowed', 'pass', { allow: ['shop', 'b*'] }, stacks('shop', 'blog')],
    ['one not allowed', 'fail', { allow: ['shop'] }, stacks('shop', 'shop2')],
    ['a service without a stack is none', 'pass', { allow: ['shop'] }, stacks('shop', null)],
    ['only services without a stack', 'pass', { forbid: ['x'] }, stacks(null)],
    ['only services without a stack, where some are allowed', 'pass', { allow: ['x'] }, stacks(null, null)],
    ['a forbidden stack beside services without one', 'fail', { forbid: ['x'] }, stacks(null, 'x')],
    ['nothing at all', 'unknown', { allow: ['x'] }, stacks()]
  ])('%s: %s', (_, outcome, params, facts) => {
    const wish = strayStacks.params.parse(params)
    expect(outcomeOf(strayStacks.judge(facts, wish))).toBe(outcome)
    if (outcome !== 'pass') return
    const untrue = strayStacks.falsify(facts, wish)
    expect(untrue.length).toBe(1)
    for (const one of untrue) expect(outcomeOf(strayStacks.judge(one, wish))).toBe('fail')
  })

  it('names the stack and its age', () => {
    const services = [
      service({ stack: 'shop' }),
      service({ id: 'a', name: 'blog-pr7_app', stack: 'blog-pr7', createdMicros: at(60.5) }),
      service({ id: 'b', name: 'blog-pr7_db', stack: 'blog-pr7', createdMicros: at(70) })
    ]
    expect(strayStacks.judge({ services }, { forbid: ['*-pr*'] })).toEqual([
      {
        outcome: 'fail',
        saw: 'blog-pr7 (2 services, since 2026-06-13T05:31:00Z)',
        expected: 'no stack matching *-pr*',
        at: 'stack blog-pr7',
        shows: [
          'blog-pr7 (2 services, since 2026-06-13T05:31:00Z)',
          'shop (1 service, since 2026-06-13T05:30:00Z)'
        ]
      }
    ])
  })

  it.each([{}, { allow: ['a'], forbid: ['b'] }, { allow: [] }, { forbid: 'x' }, { forbid: ['x\n'] }])(
    'refuses %j',
    params => {
      expect(strayStacks.params.safeParse(params).success).toBe(false)
    }
  )
})
