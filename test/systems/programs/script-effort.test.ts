import { afterAll, beforeAll, expect, it } from 'vitest'
import { hostEffort } from '../../../src/lib/effort.ts'
import { programRuns } from '../../../src/systems/programs/program-runs.ts'
import { pythonRuns } from '../../../src/systems/programs/python-runs.ts'
import { shellRuns, unknowable } from '../../../src/systems/programs/shell-runs.ts'
import { startCommands } from '../../../src/systems/languages/unit-file.ts'
import { openChild } from '../../support/child-cost.ts'

/** What a script that somebody wrote against us may cost: processor time and memory of a process of its own. */

let child: Awaited<ReturnType<typeof openChild>>
beforeAll(async () => {
  child = await openChild([
    'src/systems/programs/shell-runs.ts',
    'src/systems/programs/python-runs.ts',
    'src/systems/languages/shell-syntax.ts'
  ])
})
afterAll(() => child.close())

const python = (source: string) =>
  `return pythonRuns(${source}, { modules: new Map(), path: '/opt/x.py' }).broken`

it.each<[name: string, body: string]>([
  ['a list that doubles', python(String.raw`'a = [1]\n' + 'a = a + a\n'.repeat(26)`)],
  ['a text that doubles', python(String.raw`'a = "x"\n' + 'a = a + a\n'.repeat(26)`)],
  ['lists that join in branches', python(String.raw`'a = [1, 2]\n' + 'a = a if b else a\n'.repeat(40)`)],
  [
    'a list that doubles by a function',
    python(String.raw`'def f(x):\n  return x + x\na = [1]\n' + 'a = f(a)\n'.repeat(40)`)
  ],
  [
    'spread arguments',
    python(String.raw`'a = [1, 2]\n' + 'a = f(*a, *a)\n'.repeat(40) + 'def f(x): return x\n'`)
  ],
  ['dictionaries', python(String.raw`'d = {}\n' + 'd = dict(d, k1=d)\n'.repeat(3000)`)],
  ['texts of many values', python(String.raw`'x = "a" or "b"\n' + 'x = x + x + x\n'.repeat(1000)`)],
  ['formats', python(String.raw`'t = "' + '{}'.repeat(2000) + '"\n' + 'x = t.format(t, t)\n'.repeat(2000)`)],
  ['a shell text that doubles', String.raw`return shellRuns('x=aaaa\n' + 'x=$x$x\n'.repeat(3000)).broken`],
  ['commands joined without end', `return shellRuns('docker ps &&'.repeat(9_000)).broken`],
  ['commands in the background', `return shellRuns('a & '.repeat(30_000)).broken`],
  [
    'a script that sources itself twice',
    String.raw`const text = '. /x/s\n. /x/s\n' + '# comment\n'.repeat(1000); return shellRuns(text, { source: () => text }).broken`
  ],
  [
    'programs run by programs',
    python(
      String.raw`'import os\n' + 'os.system("' + 'a;'.repeat(3000) + '")\n'.repeat(1) + ('os.system(x)\n').repeat(3000)`
    )
  ],
  ['lines of brackets', String.raw`return parseShell('["@"\n'.repeat(800_000)).broken`]
])('%s: seconds and megabytes at most', async (_, body) => {
  const { cpuMs, maxRssMiB } = await child.cost(body)
  expect(cpuMs).toBeLessThan(1500)
  expect(maxRssMiB).toBeLessThan(300)
})

it('what is too long or too many to follow is unknown, not a part of it', () => {
  const words = (source: string) =>
    pythonRuns(source, { modules: new Map(), path: '/opt/x.py' }).commands.at(-1)?.words
  expect(words(`x = "${'a'.repeat(3000)}"\nurlopen("http://h/" + x + x)`)).toEqual([['@http'], [unknowable]])
  expect(words(`urlopen("http://h/" + "${'a'.repeat(30)}")`)).toEqual([
    ['@http'],
    [`http://h/${'a'.repeat(30)}`]
  ])
  const many = Array.from({ length: 30 }, (_, n) => `v${n}`)
  const values = shellRuns(`for x in ${many.join(' ')}; do cmd $x; done`).commands.at(-1)?.words[1]
  expect(values).toEqual([...many.slice(0, 24), unknowable])
  expect(shellRuns(`x=${'a'.repeat(3000)}\ncmd $x$x`).commands.at(-1)?.words[1]).toEqual([unknowable])
})

it.each<[name: string, start: string]>([
  ['a unit that runs too much itself', `/bin/sh -c '${'docker ps && '.repeat(5000)} true'`],
  ['a script that does', '/opt/many']
])('%s is not followed to its end', (_, start) => {
  const files = [{ path: '/u', text: `[Service]\nExecStart=${start}\n` }]
  const texts = new Map([['/opt/many', `#!/bin/sh\n${'docker ps && '.repeat(5000)} true\n`]])
  const { broken } = programRuns(startCommands(files, 'u.service'), texts, { hops: 3 })
  expect(broken).toEqual([start.startsWith('/bin/sh') ? '/u' : '/opt/many'])
})

it('all units of a host together are followed only so far', () => {
  const files = [{ path: '/u', text: '[Service]\nExecStart=/opt/long\n' }]
  const texts = new Map([['/opt/long', `#!/bin/sh\n${`# ${'x'.repeat(200)}\n`.repeat(4000)}`]])
  const effort = hostEffort()
  const broken = Array.from(
    { length: 8 },
    () => programRuns(startCommands(files, 'u.service'), texts, { hops: 3, effort }).broken.length
  )
  expect(broken.slice(0, 4)).toEqual([0, 0, 0, 0])
  expect(broken.at(-1)).toBe(1)
})
