import { describe, expect, it } from 'vitest'
import { imageDrift } from '../../probes/image-drift.ts'
import { outcomeOf } from '../../src/judge/run.ts'
import { service, task, template } from '../support/docker.ts'

const facts = { services: [service()], tasks: [task()] }
const pinned = { image: 'shop:2@sha256:abc', forced: 0, digest: 'sha256:pinned' }
const update = (state: string) => ({
  services: [service({ update: { state, message: '' }, previousImage: 'shop:3' })]
})

describe('image-drift', () => {
  it.each<[why: string, outcome: string, changed: Partial<typeof facts>, params?: object]>([
    ['spec and task agree', 'pass', {}],
    ['a task of another image', 'fail', { tasks: [task({ template: template('1') })] }],
    [
      'a task of another image that ended',
      'pass',
      { tasks: [task(), task({ template: template('1'), state: 'shutdown' })] }
    ],
    ['another digest of the same tag', 'fail', { tasks: [task({ template: pinned })] }],
    ['an update that completed', 'pass', update('completed')],
    ['an update that was rolled back', 'fail', update('rollback_completed')],
    ['an update that paused', 'fail', update('paused')],
    ['an update that goes on', 'unknown', update('updating')],
    ['the image of the plan', 'pass', {}, { images: { shop_app: 'shop:2' } }],
    [
      'the image of the plan, pinned',
      'pass',
      { services: [service({ template: pinned })], tasks: [] },
      { images: { shop_app: 'shop:2' } }
    ],
    ['the pinned image of the plan, not pinned', 'fail', {}, { images: { shop_app: 'shop:2@sha256:abc' } }],
    ["another image than the plan's", 'fail', {}, { images: { shop_app: 'shop:20' } }],
    ['a service of the plan that is not there', 'fail', {}, { images: { blog_app: 'blog:1' } }],
    ['an excepted one', 'not-applicable', update('paused'), { except: ['*'] }]
  ])('%s: %s', (_, outcome, changed, params = {}) => {
    const wish = imageDrift.params.parse(params)
    const seen = { ...facts, ...changed }
    expect(outcomeOf(imageDrift.judge(seen, wish))).toBe(outcome)
    for (const one of outcome === 'pass' ? imageDrift.falsify(seen, wish) : []) {
      expect(outcomeOf(imageDrift.judge(one, wish))).toBe('fail')
    }
  })

  it('names what was refused and what runs instead', () => {
    expect(imageDrift.falsify(facts, {}).length).toBe(1)
    expect(imageDrift.falsify(facts, { images: { shop_app: 'shop:2' } }).length).toBe(2)
    expect(imageDrift.judge({ ...facts, ...update('rollback_completed') }, {})[0]).toMatchObject({
      outcome: 'fail',
      saw: 'shop:3 was not taken: the update is rollback_completed, shop:2 runs',
      expected: 'an update that completed',
      at: 'service shop_app',
      shows: ['task 1 shop:2 running since 2026-06-13T05:30:12Z'],
      filing: { subject: 'shop_app', severity: 'medium' }
    })
  })
})
