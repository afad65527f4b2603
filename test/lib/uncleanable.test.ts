import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { answerBounds, cleaningBounds, jsonBounds } from '../../src/lib/bounds.ts'
import { parseJson, shapeOfJson } from '../../src/lib/json.ts'
import { redact, uncleaned } from '../../src/lib/secrets/redact.ts'
import { openVeil } from '../../src/lib/secrets/veil.ts'
import type { FactSource } from '../../src/facts/fact.ts'
import { gather } from '../../src/facts/gather.ts'
import { dockerRead } from '../../src/systems/docker/reads.ts'
import type { linuxRead } from '../../src/systems/linux/reads.ts'
import { closedAdapters, recordedSession } from '../support/doors.ts'
import { openChild } from '../support/child-cost.ts'

let child: Awaited<ReturnType<typeof openChild>>
beforeAll(async () => {
  child = await openChild(['src/lib/secrets/redact.ts', 'src/lib/json.ts'])
})
afterAll(() => child.close())

const tooMuch = `sk-${'a'.repeat(6_000_000)}`

describe('a text that is too much to search', { timeout: 300_000 }, () => {
  it.each([
    ['a key without end', tooMuch],
    ['a private key without end', `-----BEGIN PRIVATE KEY-----${' a'.repeat(5_000_000)}`],
    ['a password of megabytes', JSON.stringify([{ password: 'x'.repeat(1_000_000) }])],
    ['JSON that nests too deep', `${'['.repeat(1000)}"password=x1y2z3"${']'.repeat(1000)}`]
  ])('%s: is not shown', (_, text) => {
    expect(redact(text)).toEqual({ text: uncleaned, redactions: [], cleaned: false })
    const veil = openVeil('salt')
    expect(veil.read(text)).toBe(false)
    for (const show of [veil.shown, veil.line, veil.sentence]) expect(show(text)).toBe(uncleaned)
    expect(veil.params({ a: text })).toEqual({ [uncleaned]: uncleaned })
  })

  it('is unknown, and what else was read is judged', async () => {
    const list = "docker network ls --no-trunc --format '{{json .}}'"
    const source = (key: string, command: ReturnType<typeof linuxRead.diskBytes>): FactSource<string> => ({
      key,
      place: 'host',
      take: async look => (await look.read(command)).stdout
    })
    const bad = source('bad', dockerRead.dockerNetworkList())
    const good = source('good', dockerRead.dockerInfo())
    const session = recordedSession({ [list]: { stdout: tooMuch }, 'docker info': { stdout: '{}' } })
    const gathered = await gather(
      [{ host: 'h', sources: [bad, good] }],
      closedAdapters({ open: async () => session, veil: openVeil('salt') })
    )
    expect(gathered.fact('h', bad)).toMatchObject({
      seen: false,
      why: expect.stringContaining('could not be redacted')
    })
    expect(JSON.stringify(gathered.evidence).length).toBeLessThan(2000)
  })
})

it('an answer of more lines than are looked at is unknown, with nothing of it kept', async () => {
  const list = "docker network ls --no-trunc --format '{{json .}}'"
  const source: FactSource<number> = {
    key: 'lines',
    place: 'host',
    take: async look => (await look.read(dockerRead.dockerNetworkList())).stdout.length
  }
  const asked = async (lines: number) => {
    const session = recordedSession({ [list]: { stdout: '\n'.repeat(lines) } })
    const adapters = closedAdapters({ open: async () => session, veil: openVeil('salt') })
    return (await gather([{ host: 'h', sources: [source] }], adapters)).fact('h', source)
  }
  expect(await asked(answerBounds.lines)).toMatchObject({ seen: true, value: answerBounds.lines })
  expect(await asked(answerBounds.lines + 1)).toMatchObject({
    seen: false,
    why: expect.stringContaining('more than 300000 lines')
  })
})

it('a text has so many different secrets, and one more is too much', () => {
  const passwords = (count: number) =>
    Array.from({ length: count }, (_, n) => `DB_PASSWORD=hunter${n}x${n * 7}\n`).join('')
  const most = redact(passwords(cleaningBounds.secrets).repeat(2))
  expect(most.redactions).toEqual([{ kind: 'password', count: 2 * cleaningBounds.secrets }])
  expect(redact(passwords(cleaningBounds.secrets + 1))).toMatchObject({ text: uncleaned, cleaned: false })
})

describe('an answer that was cut', () => {
  const line = "docker network ls --no-trunc --format '{{json .}}'"
  const shownOf = async (stdout: string) => {
    const source: FactSource<string> = {
      key: 'cut',
      place: 'host',
      take: async look => (await look.read(dockerRead.dockerNetworkList())).stdout
    }
    const session = recordedSession({ [line]: { stdout, cut: true } })
    const adapters = closedAdapters({ open: async () => session, veil: openVeil('salt') })
    const gathered = await gather([{ host: 'h', sources: [source] }], adapters)
    expect(gathered.fact('h', source)).toMatchObject({ seen: false })
    return gathered.evidence.map(each => each.stdout.length)
  }

  it('is shown as far as the bound, by whole lines', async () => {
    const [most, row] = [answerBounds.shownOfCut, 'x'.repeat(99)]
    expect(await shownOf('x'.repeat(most))).toEqual([most])
    expect(await shownOf('x'.repeat(most + 1))).toEqual([0])
    expect(await shownOf(`${row}\n`.repeat(1_000))).toEqual([most - (most % 100)])
  })
})

describe('JSON is looked at before it is parsed', () => {
  it.each([
    ['{"a":[1,"]}"]}', 'perhaps'],
    [' "a\\"b" ', 'perhaps'],
    ['[1] [2]', 'none'],
    ['[', 'none'],
    ['["@"', 'none'],
    ['"a', 'none'],
    [`${'['.repeat(64)}${']'.repeat(64)}`, 'perhaps'],
    [`${'['.repeat(65)}${']'.repeat(65)}`, 'deep'],
    [`[${'1,'.repeat(jsonBounds.values - 2)}1]`, 'perhaps'],
    [`[${'1,'.repeat(jsonBounds.values - 1)}1]`, 'many']
  ])('%.40s', (text, shape) => {
    expect(shapeOfJson(text)).toBe(shape)
  })

  it('what nests too deep is an error of its syntax', () => {
    expect(() => parseJson(`${'['.repeat(65)}${']'.repeat(65)}`)).toThrow(SyntaxError)
    expect(() => parseJson('[')).toThrow(SyntaxError)
    expect(parseJson('[1]')).toEqual([1])
  })

  it.each([
    ['brackets that never close', `return redact('['.repeat(4_000_000) + '"@').cleaned`],
    ['brackets that nest', `return redact('['.repeat(2_000_000) + '"@"' + ']'.repeat(2_000_000)).cleaned`],
    ['lines of brackets', String.raw`return redact('["@"\n'.repeat(100_000)).cleaned`],
    ['lines that are no JSON', String.raw`return redact('[1, "@" x]\n'.repeat(100_000)).cleaned`],
    [
      'lists of nothing',
      `try { parseJson('[' + '[],'.repeat(5_000_000) + '[]]') } catch { return redact('["@",' + '[],'.repeat(5_000_000) + '[]]').cleaned } return 1`
    ],
    ['a parser that nests', `try { parseJson('[]'.repeat(8_000_000)) } catch { return 1 } return 0`]
  ])('%s cost little', async (_, body) => {
    const { cpuMs, maxRssMiB } = await child.cost(body)
    expect(cpuMs).toBeLessThan(3000)
    expect(maxRssMiB).toBeLessThan(300)
  })
})
