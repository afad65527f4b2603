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

const checked = (seconds: number) => service({ times: { healthy: seconds * 1e6, restartDelay: 5e6 } })
/** Each begins where the one before ends, and runs at once. */
const long = (ends: number, seconds: number) =>
  Array.from({ length: ends }, (_, nth) =>
    task({ ...failed, id: `t${nth}`, createdMicros: at(nth * seconds), stateMicros: at((nth + 1) * seconds) })
  )
const next = (from: number) => task({ id: 'now', createdMicros: at(from), stateMicros: at(from) })
const notYet = ({ tasks, engine }: Pick<typeof facts, 'tasks' | 'engine'>) => ({
  engine,
  tasks: tasks.map(one => (one.id === 'now' ? { ...one, state: 'starting' } : one))
})

/** On a host that is slow: what runs for five seconds is made `start` seconds before, and seen to have ended. */
const slow = (start: number, ends: number, outlasted = 5) => {
  const made = (nth: number) => nth * (start + 5)
  const runs = Array.from({ length: ends }, (_, nth) => {
    const [createdMicros, stateMicros] = [at(made(nth)), at(made(nth + 1))]
    return task({ ...failed, id: `t${nth}`, createdMicros, stateMicros })
  })
  const began = made(ends) + start
  const present = task({ id: 'now', createdMicros: at(made(ends)), stateMicros: at(began) })
  return { tasks: [...runs, present], engine: engine(at(began + outlasted)) }
}

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
    // how long a busy host takes until a task runs is no run of it
    ['two ends on a host that takes 80 s until a task runs', 'unknown', slow(80, 2)],
    ['the same, where the next one is not running yet', 'unknown', notYet(slow(80, 2))],
    ['three ends on it', 'fail', slow(80, 3)],
    ['three ends, half an hour and more until each runs', 'fail', slow(2000, 3)],
    ['the same, outlasted', 'pass', slow(2000, 3, 2 * 2005)],
    ['the same, almost outlasted', 'fail', slow(2000, 3, 2 * 2005 - 1)],
    [
      'two ends of runs of more, which began at once',
      'pass',
      { tasks: [...long(2, 61), next(122)], engine: engine(at(127)) }
    ],
    [
      'two ends of runs of a minute, which began at once',
      'unknown',
      { tasks: [...long(2, 60), next(120)], engine: engine(at(125)) }
    ],
    [
      'three ends of runs of half an hour',
      'fail',
      { tasks: [...long(3, 1800), next(5400)], engine: engine(at(5405)) }
    ],
    [
      'three ends of runs of more',
      'pass',
      { tasks: [...long(3, 1801), next(5403)], engine: engine(at(5410)) }
    ],
    // what waits for its restart, or for its health check, does not run meanwhile either
    ['two ends, each restarted after two minutes', 'unknown', { services: [waits(120)], ...slow(120, 2) }],
    [
      'three ends, each restarted after an hour: its work in turns',
      'pass',
      { services: [waits(3600)], ...slow(3600, 3) }
    ],
    [
      'two ends, each within a minute behind what its health check takes',
      'unknown',
      { services: [checked(300)], tasks: [...long(2, 360), next(720)], engine: engine(at(725)) }
    ],
    [
      'two ends, each a second later',
      'pass',
      { services: [checked(300)], tasks: [...long(2, 361), next(722)], engine: engine(at(727)) }
    ],
    // docker keeps too little of each task to show three ends
    [
      'no end, and three tasks remembered',
      'unknown',
      { tasks: [now], engine: { ...engine(at(50)), taskHistory: 3 } }
    ],
    [
      'no end, and four tasks remembered',
      'pass',
      { tasks: [now], engine: { ...engine(at(50)), taskHistory: 4 } }
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

  it('is looked at again for as long as the current run would have to last, a minute at least', () => {
    const settles = (seen: Partial<typeof facts>) =>
      restartLoops
        .judge({ ...facts, ...seen }, {})
        .map(found => 'settlesWithinMs' in found && found.settlesWithinMs)
    expect(settles({ tasks: [...ends(20, 30), now] })).toEqual([60_000])
    // twice 85 s, of which 5 are over
    expect(settles(slow(80, 2))).toEqual([165_000])
    expect(settles(notYet(slow(80, 2)))).toEqual([255_000])
    // ten minutes at most
    expect(settles(slow(2000, 2))).toEqual([600_000])
  })

  it('says how often, how long, and why', () => {
    const [finding, ...rest] = restartLoops.judge(facts, {})
    expect(rest).toEqual([])
    expect(finding).toMatchObject({
      outcome: 'fail',
      saw: 'task 1 ended 3 times, the last 3 within 20 s; longest run 5 s, current run 4 s (task: non-zero exit (1))',
      expected: 'tasks that keep running',
      at: 'service shop_app',
      shows: [
        'task 1 shop:2 failed since 2026-06-13T05:30:15Z: task: non-zero exit (1)',
        'task 1 shop:2 failed since 2026-06-13T05:30:25Z: task: non-zero exit (1)',
        'task 1 shop:2 failed since 2026-06-13T05:30:35Z: task: non-zero exit (1)',
        'task 1 shop:2 running since 2026-06-13T05:30:46Z'
      ],
      filing: { subject: 'shop_app', title: 'shop_app is in a restart loop' }
    })
  })
})
