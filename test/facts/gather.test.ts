import { inspect } from 'node:util'
import { expect, it } from 'vitest'
import { openVeil } from '../../src/lib/secrets/veil.ts'
import type { Answer, HostSession } from '../../src/facts/session.ts'
import { asRecorded, type ChangedFile, type FactSource, Unseen } from '../../src/facts/fact.ts'
import { gather } from '../../src/facts/gather.ts'
import { dockerRead } from '../../src/systems/docker/reads.ts'
import { linuxPattern, linuxRead } from '../../src/systems/linux/reads.ts'
import { unseal } from '../../src/facts/sealed.ts'
import { closedAdapters, closedRepo, recordedSession } from '../support/doors.ts'

const list = "docker network ls --no-trunc --format '{{json .}}'"

const names: FactSource<readonly string[]> = {
  key: 'names',
  place: 'host',
  async take(look) {
    const { stdout } = await look.read(dockerRead.dockerNetworkList())
    return stdout.trimEnd().split('\n')
  }
}

const details: FactSource<string> = {
  key: 'details',
  place: 'host',
  async take(look) {
    const { stdout } = await look.read(dockerRead.dockerNetworkList())
    const detail = await look.read(dockerRead.dockerNetworks(stdout.trimEnd().split('\n')))
    return detail.stdout
  }
}

const [a, b] = ['a'.repeat(12), 'b'.repeat(12)]

it('asks what two facts share once, and what depends on it in one more round', async () => {
  const session = recordedSession({
    [list]: { stdout: `${a}\n${b}\n` },
    [`docker network inspect -- ${a} ${b}`]: { stdout: 'both' }
  })
  const gathered = await gather(
    [{ host: 'h', sources: [names, details] }],
    closedAdapters({ open: async () => session })
  )
  expect(session.rounds).toEqual([[list], [`docker network inspect -- ${a} ${b}`]])
  expect(gathered.fact('h', names)).toEqual({ seen: true, value: [a, b], evidence: [1] })
  expect(gathered.fact('h', details)).toEqual({ seen: true, value: 'both', evidence: [1, 2] })
  expect(gathered.evidence.map(({ n, on, command }) => [n, on, command])).toEqual([
    [1, 'h', list],
    [2, 'h', `docker network inspect -- ${a} ${b}`]
  ])
})

it('asks first what others wait for', async () => {
  const info: FactSource<string> = {
    key: 'info',
    place: 'host',
    async take(look) {
      const [first] = await Promise.all([
        look.read(dockerRead.dockerInfo()),
        look.read(linuxRead.diskBytes()),
        look.read(dockerRead.dockerNetworkList())
      ])
      return first.stdout
    }
  }
  const session = recordedSession({
    'docker info': { stdout: '{}' },
    df: { stdout: '' },
    [list]: { stdout: `${a}\n` }
  })
  await gather([{ host: 'h', sources: [info] }], closedAdapters({ open: async () => session }))
  expect(session.rounds[0]?.map(line => line.split(' ').slice(0, 2).join(' '))).toEqual([
    'docker network',
    'docker info',
    'df -P'
  ])
})

it.each<[name: string, answer: Parameters<typeof recordedSession>[0][string], why: string]>([
  [
    'an exit that is no answer',
    { exit: 1, stderr: 'permission denied\nmore' },
    'ended with 1: permission denied'
  ],
  [
    'a command that is not there',
    { exit: 127, stderr: 'sh: docker: not found' },
    'docker: no such command on the host'
  ],
  ['output that was cut', { stdout: 'half', cut: true }, 'was cut at'],
  ['no answer', { why: 'no answer within 10 s' }, 'no answer within 10 s']
])('%s is unseen, with the reason', async (_, answer, why) => {
  const session = recordedSession({ [list]: answer })
  const gathered = await gather(
    [{ host: 'h', sources: [names] }],
    closedAdapters({ open: async () => session })
  )
  const fact = gathered.fact('h', names)
  expect(fact.seen).toBe(false)
  expect(fact).toHaveProperty('why', expect.stringContaining(why))
  expect(fact.evidence).toEqual([1])
})

it('a parser that throws has not seen anything', async () => {
  const broken: FactSource<never> = {
    key: 'broken',
    place: 'host',
    async take(look) {
      await look.read(dockerRead.dockerNetworkList())
      throw new SyntaxError('Unexpected token')
    }
  }
  const session = recordedSession({ [list]: { stdout: '{' } })
  const gathered = await gather(
    [{ host: 'h', sources: [broken] }],
    closedAdapters({ open: async () => session })
  )
  expect(gathered.fact('h', broken)).toEqual({
    seen: false,
    why: 'output not understood (broken): Unexpected token',
    evidence: [1]
  })
})

it('a host that cannot be reached costs its own facts and nothing else', async () => {
  const session = recordedSession({ [list]: { stdout: 'a\n' } })
  const open = async (host: string) => {
    if (host === 'down') throw new Error('connection refused')
    return session
  }
  const gathered = await gather(
    [
      { host: 'down', sources: [names] },
      { host: 'up', sources: [names] }
    ],
    closedAdapters({ open })
  )
  expect(gathered.fact('down', names)).toMatchObject({
    seen: false,
    why: 'could not see down: connection refused'
  })
  expect(gathered.fact('up', names)).toMatchObject({ seen: true, value: ['a'] })
})

const secret = 'hunter2hunter2'

it('is judged by what was read, and shows what a source makes of it with the secrets hidden', async () => {
  const session = recordedSession({ [list]: { stdout: `DB_PASSWORD=${secret}\n${secret} alone\n` } })
  const gathered = await gather(
    [{ host: 'h', sources: [names] }],
    closedAdapters({ open: async () => session })
  )
  const mark = expect.stringMatching(/^DB_PASSWORD=«redacted:password:[0-9a-f]{12}»$/)
  const alone = expect.stringMatching(/^«redacted:password:[0-9a-f]{12}» alone$/)
  expect(gathered.fact('h', names)).toMatchObject({ value: [mark, alone] })
  expect(unseal(gathered.sealed('h', names))).toEqual({
    seen: true,
    value: [`DB_PASSWORD=${secret}`, `${secret} alone`]
  })
  expect(unseal(gathered.sealed('h', asRecorded(names)))).toMatchObject({ value: [mark, alone] })
  expect(JSON.stringify(gathered.evidence)).not.toContain(secret)
  expect(() => JSON.stringify(gathered.sealed('h', names))).toThrow(/publish/)
  expect(`${inspect(gathered.sealed('h', names), { showHidden: true, depth: 9 })}`).not.toContain(secret)
})

it('what one read shows to be a secret is hidden in all of them', async () => {
  const session = recordedSession({
    [list]: { stdout: `${secret}\n` },
    [`docker network inspect -- ${a}`]: { stdout: `{"Password":"${secret}"}` }
  })
  const one: FactSource<string> = {
    key: 'one',
    place: 'host',
    take: async look => (await look.read(dockerRead.dockerNetworks([a]))).stdout
  }
  const gathered = await gather(
    [{ host: 'h', sources: [names, one] }],
    closedAdapters({ open: async () => session })
  )
  expect(JSON.stringify([gathered.fact('h', names), gathered.evidence])).not.toContain(secret)
})

it.each<[name: string, answer: Parameters<typeof recordedSession>[0][string]]>([
  ['the reason of a read that was not answered', { why: `no login: PASSWORD=${secret} was refused` }],
  ['what a read that is no answer complains of', { exit: 1, stderr: `PASSWORD=${secret} was refused` }],
  [
    'what a command that is not there complains of',
    { exit: 127, stderr: `PASSWORD=${secret} docker: not found` }
  ],
  ['what a read that is no answer prints', { exit: 1, stdout: `PASSWORD=${secret} was refused` }],
  ['what a read that answers complains of', { stdout: 'one\n', stderr: `PASSWORD=${secret} is deprecated` }]
])('%s is shown with its secrets hidden, here and wherever else they stand', async (_, answer) => {
  const session = recordedSession({
    [list]: answer,
    [`docker network inspect -- ${a}`]: { stdout: `${secret} by itself`, stderr: `again ${secret}` },
    [`docker network inspect -- ${b}`]: { why: `it died of ${secret}` }
  })
  const one = (id: string): FactSource<string> => ({
    key: id,
    place: 'host',
    take: async look => (await look.read(dockerRead.dockerNetworks([id]))).stdout
  })
  // Whichever is read, and shown, first.
  for (const sources of [
    [names, one(a), one(b)],
    [one(b), one(a), names]
  ]) {
    const adapters = closedAdapters({ open: async () => session })
    const gathered = await gather([{ host: 'h', sources }], adapters)
    const shown = JSON.stringify([sources.map(source => gathered.fact('h', source)), gathered.evidence])
    expect(shown).not.toContain(secret)
    // Nothing else of it is gone: where the secret stood, its mark stands.
    const mark = '«redacted:password:[0-9a-f]{12}»'
    expect(shown).toMatch(new RegExp(`${mark} by itself`))
    expect(shown).toMatch(new RegExp(`again ${mark}`))
    expect(shown).toMatch(new RegExp(`it died of ${mark}`))
    expect(shown).toMatch(new RegExp(`PASSWORD=${mark}`))
  }
})

it('a reason that was written before its secret was known is shown without it', async () => {
  const session = recordedSession({
    [`docker network inspect -- ${b}`]: { why: `it died of ${secret}` },
    [list]: { stdout: `${a}\n` },
    [`docker network inspect -- ${a}`]: { stdout: `{"Password":"${secret}"}` }
  })
  const dead: FactSource<string> = {
    key: 'dead',
    place: 'host',
    take: async look => (await look.read(dockerRead.dockerNetworks([b]))).stdout
  }
  const gathered = await gather(
    [{ host: 'h', sources: [dead, details] }],
    closedAdapters({ open: async () => session })
  )
  expect(session.rounds).toHaveLength(2)
  expect(gathered.fact('h', dead)).toMatchObject({
    seen: false,
    why: expect.stringMatching(/^it died of «redacted:password:[0-9a-f]{12}»$/)
  })
  expect(JSON.stringify(gathered.evidence)).not.toContain(secret)
})

it('nobody is said to have brought the lines of a file of which a secret took several', async () => {
  const key = `-----BEGIN OPENSSH PRIVATE KEY-----\n${'b3BlbnNzaC1rZXktdjEA\n'.repeat(4)}-----END OPENSSH PRIVATE KEY-----`
  const brought = new Map([[1, 'f'.repeat(40)]])
  const changed = (after: string) => ({ path: 'a.nix', before: null, after, brought })
  const source: FactSource<readonly ChangedFile[]> = {
    key: 'changes',
    place: 'repo',
    take: look => look.repo.changes('0'.repeat(40), () => true)
  }
  const shown = async (after: string) => {
    const repo = {
      ...closedRepo,
      commit: 'f'.repeat(40),
      file: async () => null,
      changes: async () => [changed(after)]
    }
    const fact = (await gather([{ host: 'h', sources: [source] }], closedAdapters({ repo }))).fact(
      'h',
      source
    )
    return fact.seen ? fact.value : fact.why
  }
  expect(await shown('one\ntwo\n')).toEqual([changed('one\ntwo\n')])
  expect(await shown(`one\nDB_PASSWORD=${secret}\n`)).toMatchObject([{ brought }])
  expect(await shown(`one\n${key}\ntwo\n`)).toMatchObject([{ brought: new Map() }])
})

it('the reason why a host cannot be reached is shown with its secrets hidden', async () => {
  const open = async () => {
    throw new Error(`the proxy answers https://user:${secret}@proxy.example.test is gone`)
  }
  const gathered = await gather([{ host: 'down', sources: [names] }], closedAdapters({ open }))
  const fact = gathered.fact('down', names)
  expect(fact).toHaveProperty('why', expect.stringContaining('could not see down: the proxy answers https:'))
  expect(JSON.stringify([fact, gathered.evidence])).not.toContain(secret)
})

it('what could not be seen as it was read is unseen, also where the text with the secrets hidden could be', async () => {
  const strict: FactSource<string> = {
    key: 'strict',
    place: 'host',
    async take(look) {
      const { stdout } = await look.read(dockerRead.dockerNetworkList())
      if (stdout.includes(secret)) throw new Unseen('that cannot be a list')
      return stdout
    }
  }
  const session = recordedSession({ [list]: { stdout: `TOKEN=${secret}\n` } })
  const gathered = await gather(
    [{ host: 'h', sources: [strict] }],
    closedAdapters({ open: async () => session })
  )
  expect(gathered.fact('h', strict)).toEqual({ seen: false, why: 'that cannot be a list', evidence: [1] })
})

it('a complaint of a parser is that about the text with the secrets hidden', async () => {
  const broken: FactSource<unknown> = {
    key: 'broken',
    place: 'host',
    take: async look => JSON.parse((await look.read(dockerRead.dockerNetworkList())).stdout)
  }
  const session = recordedSession({ [list]: { stdout: `TOKEN=${secret}\n` } })
  const gathered = await gather(
    [{ host: 'h', sources: [broken] }],
    closedAdapters({ open: async () => session })
  )
  expect(gathered.fact('h', broken)).toMatchObject({ seen: false })
  expect(JSON.stringify(gathered.fact('h', broken))).not.toContain(secret.slice(0, 4))
})

it('asks nothing anew for what it shows, not even where the hidden text names another read', async () => {
  const path = `/opt/token=${secret}`
  const session = recordedSession({
    [list]: { stdout: `${path}\n` },
    [`head -c 65536 -- ${path}`]: { stdout: 'text' }
  })
  const twice: FactSource<string> = {
    key: 'twice',
    place: 'host',
    async take(look) {
      const { stdout } = await look.read(dockerRead.dockerNetworkList())
      return (await look.read({ ...dockerRead.dockerInfo(), argv: ['head', stdout.trim()] })).stdout
    }
  }
  const gathered = await gather(
    [{ host: 'h', sources: [twice] }],
    closedAdapters({ open: async () => session })
  )
  expect(session.rounds.flat()).toEqual([list, `head ${path}`])
  expect(JSON.stringify([gathered.fact('h', twice), gathered.evidence])).not.toContain(secret)
})

it('counts each place of a file of the repo once', async () => {
  const file: FactSource<string | null> = { key: 'file', place: 'repo', take: look => look.repo.file('a') }
  const veil = openVeil('salt')
  const adapters = closedAdapters({
    repo: {
      ...closedRepo,
      commit: 'f'.repeat(40),
      file: async () => `DB_PASSWORD=${secret}`,
      changes: async () => []
    },
    veil
  })
  const gathered = await gather([{ host: 'h', sources: [file] }], adapters)
  expect(gathered.evidence).toMatchObject([{ stdout: expect.stringContaining('redacted:password') }])
  expect(veil.hidden()).toEqual([{ kind: 'password', places: 1, secrets: 1 }])
})

it('a refusal of the repo is evidence too', async () => {
  const file: FactSource<string | null> = {
    key: 'file',
    place: 'repo',
    take: look => look.repo.file('a.nix')
  }
  const repo = {
    ...closedRepo,
    commit: 'f'.repeat(40),
    file: async () => {
      throw new Unseen('a.nix is a symbolic link')
    },
    changes: async () => []
  }
  const gathered = await gather([{ host: 'h', sources: [file] }], closedAdapters({ repo }))
  expect(gathered.fact('h', file)).toMatchObject({
    seen: false,
    why: 'a.nix is a symbolic link',
    evidence: [1]
  })
  expect(gathered.evidence[0]).toMatchObject({ on: 'repo', exit: null, why: 'a.nix is a symbolic link' })
})

it('sends no read that a source which declares its reads did not declare', async () => {
  const session = recordedSession({ [list]: { stdout: 'a\n' } })
  const shy: FactSource<string> = {
    key: 'shy',
    place: 'host',
    reads: [linuxPattern.ipAddresses()],
    take: async look => (await look.read(dockerRead.dockerNetworkList())).stdout
  }
  const gathered = await gather(
    [{ host: 'h', sources: [shy] }],
    closedAdapters({ open: async () => session })
  )
  expect(session.rounds).toEqual([])
  expect(gathered.fact('h', shy)).toMatchObject({
    seen: false,
    why: expect.stringContaining('is not among the reads that it declares')
  })
})

/** A promise that somebody else settles. */
function later<T>() {
  let settle: (value: T) => void = () => undefined
  const promise = new Promise<T>(resolve => {
    settle = resolve
  })
  return { promise, settle }
}

// Each of these hangs, rather than being slow, where one thing waits for another that it has no need of.
it('routes go on beside a host that is still being logged in to', async () => {
  const asked = later<HostSession>()
  const route: FactSource<unknown> = {
    key: 'a route',
    place: 'web',
    async take(look) {
      const request = { url: 'http://ci.example.test/', method: 'GET', deadlineMs: 1, capBytes: 1 } as const
      return look.fetch(request, { command: 'ask the route', output: ({ kind }) => kind })
    }
  }
  const answer = { kind: 'refused', detail: 'nobody listens', address: null } as const
  const session = recordedSession({ [list]: { stdout: `${a}\n` } })
  const gathered = await gather(
    [{ host: 'h', sources: [names, route] }],
    closedAdapters({
      open: () => asked.promise,
      fetch: async () => {
        asked.settle(session)
        return answer
      }
    })
  )
  expect(gathered.fact('h', route)).toMatchObject({ seen: true, value: answer })
  expect(gathered.fact('h', names)).toMatchObject({ seen: true })
})

it('a slow read does not hold up what a quick one leads to', async () => {
  const slow = later<Answer>()
  const quick = recordedSession({})
  const info: FactSource<string> = {
    key: 'a slow answer',
    place: 'host',
    async take(look) {
      return (await look.read(dockerRead.dockerInfo())).stdout
    }
  }
  const session: HostSession = {
    ...quick,
    ask: commands =>
      commands.map(async (command): Promise<Answer> => {
        if (command.argv.includes('info')) return slow.promise
        // The second round: it was sent while the slow answer is still out.
        if (command.argv.includes('inspect'))
          slow.settle({ answered: true, exit: 0, stdout: 'slow', stderr: '', ms: 9, cut: false })
        return { answered: true, exit: 0, stdout: a, stderr: '', ms: 1, cut: false }
      })
  }
  const gathered = await gather(
    [{ host: 'h', sources: [info, details] }],
    closedAdapters({ open: async () => session })
  )
  expect(gathered.fact('h', info)).toMatchObject({ seen: true, value: 'slow' })
  expect(gathered.fact('h', details)).toMatchObject({ seen: true, value: a })
})

it("what tells a host's time is not seen where its clock jumped, or where that cannot be told; all else is", async () => {
  const time: FactSource<string> = { ...names, key: 'time', timed: true, take: async () => 'noon' }
  const asked: string[] = []
  const adapters = closedAdapters({
    open: async () => recordedSession({ [list]: { stdout: a } }),
    async jumped(host) {
      asked.push(host)
      if (host === 'mute') throw new Unseen('no answer within 10 s')
      return host === 'jumps' ? 'it jumped' : null
    }
  })
  const hosts = ['goes', 'jumps', 'mute', 'other']
  const wanted = hosts.map(host => ({ host, sources: host === 'other' ? [names] : [time, names] }))
  const gathered = await gather(wanted, adapters)
  expect(hosts.map(host => gathered.fact(host, names).seen)).toEqual([true, true, true, true])
  expect(gathered.fact('goes', time)).toEqual({ seen: true, value: 'noon', evidence: [] })
  expect(gathered.fact('jumps', time)).toEqual({ seen: false, why: 'it jumped', evidence: [] })
  expect(gathered.fact('mute', time)).toMatchObject({
    seen: false,
    why: expect.stringMatching(/no answer within/)
  })
  expect(asked).toEqual(['goes', 'jumps', 'mute'])
})

it("a host's clock is looked at again once all that is asked of it is read, whatever is waited for elsewhere", async () => {
  let looked = () => undefined as void
  const lookedAgain = new Promise<string>(resolve => {
    looked = () => resolve('late')
  })
  const settled: string[] = []
  const after = (turns: number, key: string, marks: { readonly timed?: true }): FactSource<string> => ({
    ...names,
    ...marks,
    key,
    async take() {
      for (let turn = 0; turn < turns; turn++) await new Promise(setImmediate)
      settled.push(key)
      return key
    }
  })
  const elsewhere: FactSource<string> = { ...names, key: 'elsewhere', take: () => lookedAgain }
  const adapters = closedAdapters({
    async jumped(host) {
      looked()
      return `${host} jumped after ${settled.join(', ')}`
    }
  })
  const gathered = await gather(
    [
      { host: 'other', sources: [elsewhere] },
      // What tells a time is not marked: it is believed by what is.
      { host: 'h', sources: [after(0, 'clock', { timed: true }), after(9, 'state', {})] }
    ],
    adapters
  )
  expect(gathered.fact('h', { ...names, key: 'clock' })).toMatchObject({
    seen: false,
    why: 'h jumped after clock, state'
  })
  expect(gathered.fact('other', elsewhere)).toMatchObject({ seen: true, value: 'late' })
})
