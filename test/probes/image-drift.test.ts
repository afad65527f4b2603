import { describe, expect, it } from 'vitest'
import { imageDrift } from '../../probes/image-drift.ts'
import { outcomeOf } from '../../src/probe/run.ts'
import { service, task, template } from '../support/docker.ts'

const facts = { services: [service()], tasks: [task()] }
const pinned = { image: 'shop:2@sha256:abc', forced: 0, digest: 'sha256:pinned' }
const update = (state: string) => ({
  services: [service({ update: { state, message: '' }, previousImage: 'shop:3' })]
})

const commit = 'e6349a9'.padEnd(40, '0')
const path = 'stacks/shop.yml'
const repo = (services: Readonly<Record<string, string | null>> | null) => ({
  files: [
    {
      path,
      commit,
      services: services && Object.entries(services).map(([name, image]) => ({ name, image }))
    }
  ]
})
const compose = { compose: [{ stack: 'shop', path }] }
const live = (image: string) => {
  const template = { image, forced: 0, digest: 'sha256:2' }
  return { services: [service({ template })], tasks: [task({ template })] }
}

describe('the repo', () => {
  it.each<
    [why: string, outcome: string, services: Parameters<typeof repo>[0], image?: string, params?: object]
  >([
    ['names the image', 'pass', { app: 'shop:2' }],
    ['names the tag of an image that is pinned', 'pass', { app: 'shop:2' }, 'shop:2@sha256:abc'],
    ['names another tag', 'fail', { app: 'shop:3' }],
    ['names another repository', 'fail', { app: 'ghcr.example.test/shop:2' }],
    ['names the digest', 'pass', { app: 'shop:2@sha256:abc' }, 'shop:2@sha256:abc'],
    ['names another digest', 'fail', { app: 'shop:2@sha256:abd' }, 'shop:2@sha256:abc'],
    ['names a digest where none is live', 'fail', { app: 'shop:2@sha256:abc' }],
    ['names a service that is not there', 'fail', { app: 'shop:2', worker: 'shop:2' }],
    ['names a service of a name like it', 'fail', { app2: 'shop:2' }],
    ['leaves the only image open', 'unknown', { app: 'shop:${TAG}' }],
    ['leaves it open, with a default', 'unknown', { app: 'shop:${TAG:-2}' }],
    [
      'has a default that is live, and is asked for it',
      'pass',
      { app: 'shop:${TAG:-2}' },
      'shop:2',
      { defaults: true }
    ],
    ['has a default that is not live', 'fail', { app: 'shop:${TAG:-3}' }, 'shop:2', { defaults: true }],
    ['leaves one of two open', 'pass', { app: 'shop:2', db: 'db:${TAG}' }],
    ['only builds one of two', 'pass', { app: 'shop:2', db: null }],
    ['has no such file', 'fail', null],
    ['has no service', 'unknown', {}],
    [
      'names another tag of one left aside',
      'pass',
      { app: 'shop:2', db: 'db:3' },
      'shop:2',
      { except: ['*_db'] }
    ]
  ])('%s: %s', (_, outcome, services, image = 'shop:2', params = {}) => {
    const wish = imageDrift.params.parse({ ...compose, ...params })
    const seen = { ...live(image), ...repo(services) }
    expect(outcomeOf(imageDrift.judge(seen, wish))).toBe(outcome)
    if (outcome !== 'pass') return
    const untrue = imageDrift.falsify(seen, wish)
    expect(untrue.length).toBe(2)
    for (const one of untrue) expect(outcomeOf(imageDrift.judge(one, wish))).toBe('fail')
  })

  it('is quoted with its commit, and what it leaves open is said', () => {
    const wish = imageDrift.params.parse(compose)
    expect(imageDrift.judge({ ...live('shop:2'), ...repo({ app: 'shop:3' }) }, wish)).toMatchObject([
      {
        outcome: 'fail',
        saw: 'the spec names shop:2',
        expected: 'shop:3, as in stacks/shop.yml at e6349a9',
        at: 'service shop_app',
        filing: { subject: 'shop_app' }
      }
    ])
    const half = repo({ app: 'shop:2', db: 'db:${TAG:-1}' })
    expect(imageDrift.judge({ ...live('shop:2'), ...half }, wish)).toEqual([
      {
        outcome: 'pass',
        saw: '1 service runs the image of its spec, 1 of them as in the repo; 1 not judged',
        shows: ['shop_app shop:2', 'shop_db: not judged, stacks/shop.yml leaves `db:${TAG:-1}` open']
      }
    ])
  })

  it.each<[over: string | null, outcome: string]>([
    ['shop:2', 'pass'],
    ['shop:4', 'fail'],
    ['shop:${TAG}', 'unknown'],
    [null, 'fail']
  ])('has two files of a stack, of which the later one counts: %s', (over, outcome) => {
    const [base] = repo({ app: 'shop:3' }).files
    const files = [
      { ...base, path: 'base.yml' },
      { ...base, services: [{ name: 'app', image: over }] }
    ].map(file => ({ path, commit, services: null, ...file }))
    const wish = imageDrift.params.parse({
      compose: [{ stack: 'shop', path: 'base.yml' }, ...compose.compose]
    })
    expect(outcomeOf(imageDrift.judge({ ...live('shop:2'), files }, wish))).toBe(outcome)
  })

  it('may have a second file that names no image', () => {
    const [base] = repo({ app: 'shop:2' }).files
    const files = [
      { path, commit, services: null, ...base },
      { path: 'more.yml', commit, services: [{ name: 'app', image: null }] }
    ]
    const wish = imageDrift.params.parse({
      compose: [...compose.compose, { stack: 'shop', path: 'more.yml' }]
    })
    expect(outcomeOf(imageDrift.judge({ ...live('shop:2'), files }, wish))).toBe('pass')
  })

  it('is asked only for the files that a plan names', () => {
    expect(Object.keys(imageDrift.needs({}))).toEqual(['services', 'tasks'])
    expect(imageDrift.needs(imageDrift.params.parse(compose)).files).toMatchObject({
      place: 'repo',
      watches: [path]
    })
    expect(imageDrift.params.safeParse({ compose: [{ stack: 'shop', path: '../x' }] }).success).toBe(false)
  })
})

const named = live
const nginx = (image: string) => ({ images: { shop_app: image } })

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
    ['a completed update', 'pass', update('completed')],
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
    [
      'an old task that is to go',
      'pass',
      { tasks: [task(), task({ template: template('1'), desired: 'shutdown' })] }
    ],
    [
      'the image of the plan, with its registry',
      'pass',
      {},
      { images: { shop_app: 'docker.io/library/shop:2' } }
    ],
    [
      'the image of the plan, of another registry',
      'fail',
      {},
      { images: { shop_app: 'ghcr.io/library/shop:2' } }
    ],
    [
      'the image of the plan, without a tag, where the newest is live',
      'pass',
      named('nginx:latest@sha256:abc'),
      nginx('nginx')
    ],
    [
      'the newest image of the plan, where none is written live',
      'pass',
      named('docker.io/library/nginx'),
      nginx('nginx:latest')
    ],
    [
      'the image of the plan, without a tag, where another is live',
      'fail',
      named('nginx:1.25'),
      nginx('nginx')
    ],
    [
      'the image of the plan by a digest alone',
      'pass',
      named('nginx:1.25@sha256:abc'),
      nginx('nginx@sha256:abc')
    ],
    [
      'the image of the plan, of a registry with a port',
      'fail',
      named('reg:5000/nginx:1'),
      nginx('reg/nginx:1')
    ],
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
      saw: 'shop:3 was rejected: the update is rollback_completed, shop:2 runs',
      expected: 'a completed update',
      at: 'service shop_app',
      shows: ['task 1 shop:2 running since 2026-06-13T05:30:12Z'],
      filing: { subject: 'shop_app', severity: 'medium' }
    })
  })

  it.each<[running: readonly string[], state: string, saw: string]>([
    [[], 'paused', 'the update to shop:2 is paused: nothing is running'],
    [['1'], 'paused', 'the update to shop:2 is paused: shop:1 runs'],
    [['1', '2'], 'paused', 'the update to shop:2 is paused: shop:1 and shop:2 run'],
    [[], 'rollback_paused', 'shop:3 was rejected: the update is rollback_paused, nothing is running'],
    [['2'], 'rollback_completed', 'shop:3 was rejected: the update is rollback_completed, shop:2 runs']
  ])('says what runs, of which spec: %j, %s', (running, state, saw) => {
    const tasks = running.map(version => task({ id: `task${version}`, template: template(version) }))
    const ended = task({ id: 'ended', template: template('2'), state: 'rejected', desired: 'shutdown' })
    expect(imageDrift.judge({ ...update(state), tasks: [...tasks, ended] }, {})).toMatchObject([{ saw }])
  })
})
