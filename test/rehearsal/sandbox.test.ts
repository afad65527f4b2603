import { execFile } from 'node:child_process'
import { mkdtemp, realpath, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { inSandbox } from '../../src/os/sandbox.ts'
import { rehearseHere } from '../../src/rehearsal/worlds.ts'
import { rehearse } from '../../src/rehearsal/rehearse.ts'
import { inCheckout } from '../support/root.ts'
import { hostOf } from './sketch.ts'

let built = ''
const limits = { ms: 12_000, memoryMb: 512, outputBytes: 20_000_000 }
const sandbox = (input: string) => inSandbox(pathToFileURL(join(built, 'rehearsal.js')), input, limits)

beforeAll(async () => {
  built = await realpath(await mkdtemp(join(tmpdir(), 'adversary-rehearsal-')))
  const rolldown = inCheckout('node_modules/rolldown/bin/cli.mjs')
  await promisify(execFile)(process.execPath, [rolldown, '--config', '--dir', built], { cwd: inCheckout('') })
})

afterAll(() => rm(built, { recursive: true, force: true }))

const host = (script: string) =>
  hostOf({
    units: {
      'a.service': '[Service]\nType=oneshot\nExecStart=/opt/a\n[Install]\nWantedBy=multi-user.target\n'
    },
    files: { '/opt/a': `#!/bin/bash\n${script}\n` }
  })

describe('a rehearsal in its sandbox', () => {
  it('answers as it does outside of it', async () => {
    const facts = host('sleep 3; docker network create proxy')
    expect(await rehearse(facts, sandbox)).toEqual(await rehearseHere(facts))
  })

  it.each([
    ['a bomb of jobs', 'f() { f | f & }; f'],
    ['a loop without end', 'while :; do :; done'],
    ['a string that doubles', 'x=a; while :; do x=$x$x; done'],
    ['a deep recursion', 'f() { f; }; f'],
    ['a row of brackets', '('.repeat(20_000)],
    ['a row of substitutions', '"$('.repeat(60_000)],
    [
      'a loop of a thousand millions',
      'for ((i = 0; i < 1000000000; i++)); do :; done; for i in {1..1000000000}; do :; done'
    ],
    [
      'a string of a thousand million bytes',
      'x=$(printf "%1000000000s" a); y=$(head -c 1000000000 /dev/zero); seq 1 1000000000'
    ],
    [
      'names of what every object has',
      '__proto__=1; constructor=2; declare -A m=([__proto__]=x [constructor]=y); echo ${m[__proto__]} ${m[toString]}; toString; constructor; __proto__; docker __proto__ x; systemctl constructor'
    ],
    [
      'a pattern that backtracks',
      'x=$(printf "%5000s" | tr " " a); echo "$x!" | grep -E "^(a+)+$"; [[ $x! =~ ^(a+)+$ ]]; echo "$x!" | sed -E "s/^(a|aa)+$//"'
    ],
    ['a file that names itself', 'echo ". /run/x" > /run/x; . /run/x'],
    ['files of this machine', 'cat /proc/self/environ /etc/hostname; ls /proc /root']
  ])('survives %s', async (_, script) => {
    const found = await rehearse(host(script), sandbox)
    if ('unknown' in found) expect(found.unknown).toMatch(/had no end/)
    else expect(found.schema).toBe(1)
  })

  it('that takes too long is unknown', async () => {
    const slow = (input: string) =>
      inSandbox(pathToFileURL(join(built, 'rehearsal.js')), input, { ...limits, ms: 1 })
    expect(await rehearse(host('true'), slow)).toEqual({
      unknown: 'the rehearsal of a boot had no end: it took longer than 0.001 s'
    })
  })
})
