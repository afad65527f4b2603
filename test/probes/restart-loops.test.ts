import { describe, expect, it } from 'vitest'
import { restartLoops } from '../../probes/restart-loops.ts'
import { outcomeOf } from '../../src/probe/run.ts'
import { at, engine, service, task, template } from '../support/docker.ts'

const failed = { state: 'failed', desired: 'shutdown', error: 'task: non-zero exit (1)' }
const ends = (...seconds: readonly number[]) =>
  seconds.map(from => task({ ...failed, id: `t${from}`, createdMicros: at(from), stateMicros: at(from + 5) }))
const now = task({ id: 'now', createdMicros: at(45), stateMicros: at(46) })
const facts = {
  services: [service()],
  tasks: [...ends(10, 20, 30), now],
  engine: engine(at(50)),
  since: at(0)
}

const waits = (seconds: number) => service({ times: { healthy: null, restartDelay: seconds * 1e6 } })
const done = (seconds = 5) => ({
  services: [waits(seconds)],
  tasks: [...ends(10, 20, 30).map(task => ({ ...task, state: 'complete', error: '' })), now]
})

describe('restart-loops', () => {
  it.each<[why: string, outcome: string, changed: Partial<typeof facts>, params?: object]>([
    ['three ends', 'fail', {}],
    ['two ends', 'unknown', { tasks: [...ends(20, 30), now] }],
    ['two ends, outlasted', 'pass', { tasks: [...ends(20, 30), now], engine: engine(at(46 + 30)) }],
    ['one end', 'pass', { tasks: [...ends(30), now] }],
    [
      'three ends, and the next one starts',
      'fail',
      { tasks: [...ends(10, 20, 30), task({ state: 'ready', desired: 'ready' })] }
    ],
    ['three ends, and nothing more is wanted', 'pass', { tasks: ends(10, 20, 30) }],
    ['three ends before the engine started', 'pass', { since: at(40) }],
    ['three ends of another spec', 'pass', { services: [service({ template: template('3') })] }],
    ['three ends, outlasted', 'pass', { engine: engine(at(46 + 120)) }],
    ['three ends, almost outlasted', 'fail', { engine: engine(at(46 + 119)) }],
    // what ends well, and is to wait before it starts again, does its work in turns
    ['three ends with exit 0', 'fail', done()],
    ['three ends with exit 0, each restarted after half a minute', 'pass', done(30)],
    ['the same, a second less', 'fail', done(29)],
    ['three ends with exit 1, each restarted after half a minute', 'fail', { services: [waits(30)] }],
    [
      'two ends with exit 1 and one with exit 0, each restarted after half a minute',
      'unknown',
      { services: [waits(30)], tasks: [...ends(10, 20), ...done().tasks.slice(2)] }
    ],
    ['a job', 'not-applicable', { services: [service({ mode: { kind: 'global job', iteration: 0 } })] }],
    ['an excepted service', 'not-applicable', {}, { except: ['shop_*'] }],
    ['no service', 'not-applicable', { services: [] }]
  ])('%s: %s', (_, outcome, changed, params = {}) => {
    const wish = restartLoops.params.parse(params)
    const seen = { ...facts, ...changed }
    expect(outcomeOf(restartLoops.judge(seen, wish))).toBe(outcome)
    const untrue = restartLoops.falsify(seen, wish)
    expect(untrue.length).toBe(outcome === 'not-applicable' ? 0 : 1)
    for (const one of untrue) expect(outcomeOf(restartLoops.judge(one, wish))).toBe('fail')
  })

  it('says how often, how long, and why', () => {
    const [finding, ...rest] = restartLoops.judge(facts, {})
    expect(rest).toEqual([])
    expect(finding).toMatchObject({
      outcome: 'fail',
      saw: 'task 1 ended 3 times, the last 3 within 20 s; longest run 5 s, present run 4 s (task: non-zero exit (1))',
      expected: 'tasks that stay',
      at: 'service shop_app',
      shows: [
        'task 1 shop:2 failed since 2026-06-13T05:30:15Z: task: non-zero exit (1)',
        'task 1 shop:2 failed since 2026-06-13T05:30:25Z: task: non-zero exit (1)',
        'task 1 shop:2 failed since 2026-06-13T05:30:35Z: task: non-zero exit (1)',
        'task 1 shop:2 running since 2026-06-13T05:30:46Z'
      ],
      filing: { subject: 'shop_app', title: 'shop_app restarts again and again' }
    })
  })
})
