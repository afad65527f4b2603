import { afterEach, describe, expect, it } from 'vitest'
import type { BoardModel } from '../../src/board/model.ts'
import { listen } from '../../src/server/http-server.ts'
import { boardKeeper, boardRoutes } from '../../src/server/board-pages.ts'
import { metricsRoute, metricsText, type WatcherFacts } from '../../src/server/metrics.ts'
import { router } from '../../src/server/router.ts'
import { boardOf } from '../support/board.ts'
import { readMetrics } from '../support/formats.ts'
import { evilText } from '../support/hostile.ts'
import fc from 'fast-check'

/** The board and the metrics behind a real server, from a model that a test gives. */

const open: { close(): Promise<void> }[] = []
afterEach(async () => {
  for (const each of open.splice(0)) await each.close()
})

function setUp(make: () => Promise<BoardModel> = async () => boardOf('text')) {
  const of: { key: string | null; now: number; made: number } = { key: 'tip', now: 0, made: 0 }
  const board = boardKeeper({
    key: () => of.key,
    async make() {
      of.made += 1
      return make()
    },
    now: () => of.now
  })
  return { of, board }
}

async function served(make?: () => Promise<BoardModel>) {
  const { of, board } = setUp(make)
  const faults: string[] = []
  const server = await listen({
    address: '127.0.0.1',
    port: 0,
    admit: router([
      ...boardRoutes(board, error => faults.push(String(error))),
      metricsRoute({
        version: '1.2.3',
        watcher: () => watcher,
        board: async () => (await board())?.model ?? null,
        failed: error => faults.push(String(error))
      })
    ]),
    fault: error => faults.push(String(error))
  })
  open.push(server)
  return { of, url: server.url, faults }
}

const watcher: WatcherFacts = {
  startedAt: '2026-06-13T05:00:00Z',
  beatAt: '2026-06-13T05:33:07Z',
  polledAt: '2026-06-13T05:33:00Z',
  polls: 7,
  reviews: 2,
  troubles: [
    { kind: 'host', since: '2026-06-13T05:20:00Z' },
    { kind: 'host', since: '2026-06-13T05:10:00Z' }
  ]
}
const seconds = (iso: string) => Date.parse(iso) / 1000

describe('the board, served', () => {
  it('is made once for all who ask, anew when the record moved, and when it is old', async () => {
    const { of, board } = setUp()
    await Promise.all([board(), board(), board()])
    expect(of.made).toBe(1)
    of.now = 4 * 60_000
    await board()
    expect(of.made).toBe(1)
    of.key = 'another tip'
    await Promise.all([board(), board()])
    expect(of.made).toBe(2)
    of.now += 6 * 60_000
    await board()
    expect(of.made).toBe(3)
  })

  it('shows nothing old in place of what could not be made', async () => {
    let broken = false
    const { url, of, faults } = await served(async () => {
      if (broken) throw new Error('the disk is full')
      return boardOf('text')
    })
    expect((await fetch(`${url}/`)).status).toBe(200)
    broken = true
    of.key = 'another tip'
    const refused = await fetch(`${url}/`)
    expect([refused.status, await refused.text()]).toEqual([503, expect.not.stringContaining('the disk')])
    const series = readMetrics(await (await fetch(`${url}/metrics`)).text())
    expect(series).toContainEqual({ name: 'adversary_board_success', labels: {}, value: 0 })
    expect(series.map(({ name }) => name)).not.toContain('adversary_gate_open')
    expect(series.map(({ name }) => name)).toContain('adversary_watcher_beat_timestamp_seconds')
    expect(faults).toHaveLength(2)
    broken = false
    expect((await fetch(`${url}/`)).status).toBe(200)
  })

  it('waits for what the watcher has not read yet', async () => {
    const { url, of } = await served()
    of.key = null
    const answer = await fetch(`${url}/`)
    expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '5'])
    expect(of.made).toBe(0)
  })

  it("has the page's own policy as a header, and the others", async () => {
    const { url } = await served()
    const review = `/reviews/${'b'.repeat(40)}.html`
    for (const path of ['/', '/index.html', review]) {
      const answer = await fetch(url + path)
      const text = await answer.text()
      expect(answer.status).toBe(200)
      const meta = /http-equiv="Content-Security-Policy" content="(?<policy>[^"]+)"/.exec(text)?.groups?.[
        'policy'
      ]
      expect(meta).toMatch(/^default-src 'none'; style-src 'sha256-/)
      expect(answer.headers.get('content-security-policy')).toBe(`${meta}; frame-ancestors 'none'`)
      expect(Object.fromEntries(answer.headers)).toMatchObject({
        'content-type': 'text/html; charset=utf-8',
        'x-content-type-options': 'nosniff',
        'referrer-policy': 'no-referrer',
        'cache-control': 'no-store'
      })
    }
    const head = await fetch(url, { method: 'HEAD' })
    expect([head.status, await head.text()]).toEqual([200, ''])
  })

  it('has these pages and no others, for GET and HEAD alone', async () => {
    const { url } = await served()
    const paths = [
      '/reviews/',
      '/reviews/..%2f..%2findex.html',
      '/reviews/%2e%2e/%2e%2e/etc/passwd',
      '/..%2f..%2fetc%2fpasswd',
      '/reviews/__proto__',
      '/reviews/constructor',
      '/index.html/',
      '/package.json'
    ]
    for (const path of paths) expect([path, (await fetch(url + path)).status]).toEqual([path, 404])
    for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS'])
      expect([method, (await fetch(url, { method })).status]).toEqual([method, 405])
  })
})

describe('/metrics', () => {
  it('tells how it stands', async () => {
    const { url } = await served()
    const answer = await fetch(`${url}/metrics`)
    expect(answer.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8')
    const series = readMetrics(await answer.text())
    const values = (name: string) =>
      series.filter(each => each.name === name).map(({ labels, value }) => [...Object.values(labels), value])
    expect(values('adversary_build_info')).toEqual([['1.2.3', 1]])
    expect(values('adversary_verdict').filter(([, , , value]) => value === 1)).toEqual([
      ['pvfix', 'M1', 'FAIL', 1],
      ['pvfix', 'M2', 'PASS', 1],
      ['pvfix', 'M3', 'INCONCLUSIVE', 1],
      ['pvfix', 'M4', 'PASS', 1],
      ['pvfix', 'M5', 'none', 1]
    ])
    expect(values('adversary_verdict')).toHaveLength(20)
    expect(values('adversary_gate_open').map(each => each[2])).toEqual([0, 0, 0, 0, 0])
    expect(values('adversary_verdict_stale').map(each => each[2])).toEqual([0, 1, 0, 0, 0])
    expect(values('adversary_open_findings')).toEqual([
      ['pvfix', 'low', 0],
      ['pvfix', 'medium', 0],
      ['pvfix', 'high', 1],
      ['pvfix', 'critical', 0]
    ])
    expect(values('adversary_pending_milestones')).toEqual([['pvfix', 5]])
    expect(values('adversary_remote_answered_timestamp_seconds')).toEqual([[seconds('2026-06-13T05:33:00Z')]])
    expect(values('adversary_failing')).toEqual([
      ['remote', 0],
      ['home', 0],
      ['host', 2],
      ['work', 0]
    ])
    expect(values('adversary_failing_since_timestamp_seconds')).toEqual([
      ['host', seconds('2026-06-13T05:10:00Z')]
    ])
  })

  it('opens the gate for an open gate, and for nothing else', () => {
    const gates = (gate: BoardModel['phases'][number]['milestones'][number]['gate']) => {
      const model = boardOf('text')
      const phases = model.phases.map(phase => ({
        ...phase,
        milestones: phase.milestones.map(stone => ({ ...stone, gate }))
      }))
      const series = readMetrics(metricsText('1', null, { ...model, phases }))
      return new Set(series.filter(({ name }) => name === 'adversary_gate_open').map(({ value }) => value))
    }
    expect(gates({ open: true, code: 0, reasons: [] })).toEqual(new Set([1]))
    expect(gates({ open: false, code: 2, reasons: [] })).toEqual(new Set([0]))
    expect(gates(null)).toEqual(new Set([0]))
  })

  it('has no series for what a builder alone calls a phase or a milestone', () => {
    const model = boardOf('text')
    const [phase] = model.phases
    const [stone] = phase?.milestones ?? []
    if (phase === undefined || stone === undefined) throw new Error('the example has a phase')
    const many = Array.from({ length: 500 }, (_, n) => ({ ...phase, phase: `made-up-${n}`, title: null }))
    const more = Array.from({ length: 500 }, (_, n) => ({ ...stone, milestone: `made-up-${n}`, title: null }))
    const claimed = { ...phase, milestones: [...phase.milestones, ...more] }
    const text = metricsText('1', watcher, { ...model, phases: [claimed, ...many] })
    expect(text).not.toContain('made-up')
    const unplanned = readMetrics(text).find(({ name }) => name === 'adversary_pending_unplanned_milestones')
    expect(unplanned?.value).toBe(2_500)
  })

  it('is read by a parser whatever the names are', () => {
    fc.assert(
      fc.property(evilText, text => {
        const model = boardOf(text)
        const phases = model.phases.map(phase => ({ ...phase, phase: text, title: 'planned' }))
        const series = readMetrics(metricsText(text, watcher, { ...model, phases }))
        expect(series.filter(({ name }) => name === 'adversary_verdict')).toHaveLength(20)
      }),
      { numRuns: 50 }
    )
  })
})
