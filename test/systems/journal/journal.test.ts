import { describe, expect, it } from 'vitest'
import { gather } from '../../../src/facts/gather.ts'
import { typed } from '../../../src/facts/read-command.ts'
import { journalRead } from '../../../src/systems/journal/reads.ts'
import { journalSearch, parseMessages, parseReach } from '../../../src/systems/journal/journal.ts'
import { closedAdapters, type Recorded, recordedSession } from '../../support/doors.ts'

const second = 1_781_328_790
const header = (path: string, hex: string) =>
  `File path: ${path}\nState: ONLINE\nHead realtime timestamp: Mon 2026-11-23 19:57:19 UTC (${hex})\nTail realtime timestamp: x (ffffffffffffff)\n\n`
const entry = (micros: number, MESSAGE: unknown) =>
  `${JSON.stringify({ __CURSOR: 's=1', __REALTIME_TIMESTAMP: String(micros), MESSAGE })}\n`

const asked = {
  files: typed(journalRead.journalFiles()),
  sample: typed(journalRead.journalSample('docker.service')),
  written: typed(journalRead.journal('docker.service', second - 1)),
  drops: typed(journalRead.journalDrops(second - 1))
}
const healthy: Recorded = {
  [asked.files]: { stdout: header('/var/log/journal/1/system.journal', '660f700599595') },
  [asked.sample]: { stdout: entry(1, 'x') },
  [asked.written]: { stdout: entry(second * 1e6, 'fine') + entry(second * 1e6 + 1, 'no available IP') },
  [asked.drops]: { stdout: '' }
}

async function search(recorded: Recorded, options = {}) {
  const source = journalSearch('docker.service', ['available IP$'], { review: 'M1' }, options)
  const adapters = closedAdapters({
    open: async () => recordedSession(recorded),
    record: {
      reviewTime: async () => new Date(second * 1000).toISOString(),
      claimTime: async () => null,
      baseline: async () => null
    }
  })
  return (await gather([{ host: 'h', sources: [source] }], adapters)).fact('h', source)
}

it('keeps what matches, and what shows that it looked', async () => {
  expect(await search(healthy)).toEqual({
    seen: true,
    evidence: [1, 2, 3, 4],
    value: {
      unit: 'docker.service',
      reachesMicros: 0x660f700599595,
      knowsUnit: true,
      searched: 2,
      unreadable: 0,
      dropped: [],
      found: 1,
      matches: [{ micros: second * 1e6 + 1, message: 'no available IP' }]
    }
  })
})

it('asks where a unit writes to', async () => {
  const own = typed(journalRead.journalOwn('docker.service'))
  const shown =
    'systemctl show --timestamp=us+utc -p Id,StandardOutput,StandardError,LogNamespace,LogLevelMax -- docker.service'
  const take = (wrote: string, words: string) =>
    search({ ...healthy, [own]: { stdout: wrote }, [shown]: { stdout: words } }, { voice: true })
  const words =
    'Id=docker.service\nStandardOutput=journal\nStandardError=inherit\nLogNamespace=\nLogLevelMax=-1\n'
  expect(await take(entry(1, 'x'), words)).toMatchObject({
    value: { voice: { wrote: true, output: 'journal', error: 'inherit', namespace: '', levelMax: null } }
  })
  const other =
    'Id=docker.service\nStandardOutput=file:/x\nStandardError=journal\nLogNamespace=shop\nLogLevelMax=4\n'
  expect(await take('-- No entries --\n', other)).toMatchObject({
    value: { voice: { wrote: false, output: 'file:/x', error: 'journal', namespace: 'shop', levelMax: 4 } }
  })
})

it("tells a container's words from the engine's", async () => {
  const said = JSON.stringify({
    __REALTIME_TIMESTAMP: String(second * 1e6),
    MESSAGE: 'no available IP',
    CONTAINER_NAME: 'shop_app.1.x'
  })
  const recorded = { ...healthy, [asked.written]: { stdout: `${said}\n` } }
  expect(await search(recorded)).toMatchObject({
    value: { searched: 1, found: 1, matches: [{ container: 'shop_app.1.x' }] }
  })
  const own = typed(journalRead.journalOwn('docker.service'))
  const engines = { ...recorded, [own]: { stdout: entry(1, 'x') } }
  expect(await search(engines, { own: true })).toMatchObject({ value: { searched: 0, found: 0 } })
})

it("tells systemd's words about a unit from its own, whatever its Description= is", async () => {
  const line = (writer: string, container?: string) =>
    JSON.stringify({
      __REALTIME_TIMESTAMP: String(second * 1e6),
      _SYSTEMD_UNIT: writer,
      MESSAGE: 'no available IP',
      ...(container === undefined ? {} : { CONTAINER_NAME: container })
    })
  const own = typed(journalRead.journalOwn('docker.service'))
  const found = async (...lines: string[]) => {
    const answers = { [asked.written]: { stdout: lines.join('\n') }, [own]: { stdout: entry(1, 'x') } }
    return search({ ...healthy, ...answers }, { own: true })
  }
  expect(await found(line('init.scope'))).toMatchObject({ value: { searched: 0, found: 0, matches: [] } })
  expect(await found(line('docker.service', 'app'))).toMatchObject({ value: { searched: 0, found: 0 } })
  const engines = await found(line('init.scope'), line('docker.service'))
  expect(engines).toMatchObject({ value: { searched: 1, found: 1 } })
  // Where only systemd has written of it, it is not known where the engine writes to.
  const silent = await search({ ...healthy, [own]: { stdout: '-- No entries --\n' } }, { own: true })
  expect(silent).toMatchObject({ value: { knowsUnit: false } })
})

it('keeps twenty matches, and counts all', async () => {
  const many = Array.from({ length: 30 }, (_, n) =>
    entry(second * 1e6 + n, `${'x'.repeat(600)} available IP`)
  ).join('')
  expect(await search({ ...healthy, [asked.written]: { stdout: many } })).toMatchObject({
    value: { found: 30, matches: expect.objectContaining({ length: 20 }) }
  })
})

it('keeps drops of this unit alone', async () => {
  const drops =
    entry(1, 'Suppressed 9 messages from docker.service') + entry(2, 'Suppressed 7 messages from x.service')
  expect(await search({ ...healthy, [asked.drops]: { stdout: drops } })).toMatchObject({
    value: { dropped: ['Suppressed 9 messages from docker.service'] }
  })
})

it.each<[name: string, answer: Recorded[string], why: string]>([
  [
    'a login that sees its own messages only',
    { stderr: 'Hint: You are currently not seeing messages from other users and the system.\n' },
    'may not read'
  ],
  [
    'a login that sees nothing',
    { exit: 1, stderr: 'No journal files were opened due to insufficient permissions.\n' },
    'insufficient permissions'
  ],
  ['more than is read', { stdout: entry(1, 'x'), cut: true }, 'was cut']
])('%s has seen nothing', async (_, answer, why) => {
  for (const read of [asked.files, asked.written]) {
    expect(await search({ ...healthy, [read]: answer })).toMatchObject({
      seen: false,
      why: expect.stringContaining(why)
    })
  }
})

describe('messages', () => {
  it.each<[name: string, message: unknown, text: string | null]>([
    ['text', 'a\nb', 'a\nb'],
    ['bytes', [0x61, 0xff], 'a\ufffd'],
    ['several', ['a', 'b'], 'a\nb'],
    ['none', undefined, ''],
    ['kept back', null, null],
    ['one of several kept back', ['a', null], null]
  ])('%s', (_, message, text) => {
    expect(parseMessages(entry(7, message))).toEqual([{ micros: 7, message: text }])
  })

  it('none at all', () => {
    expect(parseMessages('-- No entries --\n')).toEqual([])
  })

  it.each(['{', '{"__REALTIME_TIMESTAMP":"x"}', '[]'])('refuses %s', line => {
    expect(() => parseMessages(line)).toThrow(Error)
  })
})

describe('how far the journal reaches', () => {
  const folder = '/var/log/journal/5ce'
  it.each<[name: string, stdout: string, reach: number | null]>([
    ['one file', header(`${folder}/system.journal`, 'ff'), 255],
    [
      'the oldest of several, archived and damaged ones too',
      header(`${folder}/system.journal`, 'ff') +
        header(`${folder}/system@a-b-c.journal`, '0f') +
        header(`${folder}/system@d.journal~`, '1f'),
      15
    ],
    ["a user's file says nothing", header(`${folder}/user-1000.journal`, '0f'), null],
    ['a file without an entry says nothing', header(`${folder}/system.journal`, '0'), null],
    ['no file', '', null]
  ])('%s', (_, stdout, reach) => {
    expect(parseReach(stdout)).toBe(reach)
  })
})
