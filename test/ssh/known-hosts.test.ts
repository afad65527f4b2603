import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, describe, expect, it } from 'vitest'
import { fingerprint, knownName, lookUp, wildcard } from '../../src/ssh/known-hosts.ts'
import { makeKey } from '../../src/ssh/recorded-host.ts'

const folder = mkdtempSync(join(tmpdir(), 'adversary-known-'))
afterAll(() => rmSync(folder, { recursive: true }))

const keys = Array.from({ length: 3 }, () => makeKey().public)
const [a = '', b = '', c = ''] = keys
const blob = (key: string) => Buffer.from(key.split(' ')[1] ?? '', 'base64')

/** The text with its names hashed, as ssh-keygen hashes them. */
function hashed(text: string): string {
  const file = join(folder, 'to-hash')
  writeFileSync(file, text)
  execFileSync('ssh-keygen', ['-q', '-H', '-f', file], { stdio: 'ignore' })
  return execFileSync('cat', [file], { encoding: 'utf8' })
}

/** What `ssh-keygen -F` finds: each key, with its marker. */
function oracle(name: string, text: string): readonly string[] {
  const file = join(folder, 'to-ask')
  writeFileSync(file, text)
  const { stdout } = spawnSync('ssh-keygen', ['-F', name, '-f', file], { encoding: 'utf8' })
  return stdout
    .split('\n')
    .filter(line => line !== '' && !line.startsWith('# Host'))
    .map(line => `${/^@\S+/.exec(line)?.[0] ?? ''}${/ssh-ed25519 (\S+)/.exec(line)?.[1]}`)
    .sort()
}

function ours(name: string, text: string): readonly string[] {
  const { keys: found, revoked } = lookUp(name, [text])
  return [
    ...found.map(key => key.blob.toString('base64')),
    ...revoked.map(key => `@revoked${key.toString('base64')}`)
  ].sort()
}

describe('known_hosts', () => {
  it.each<[what: string, text: string, name: string, found: string[]]>([
    ['a plain name', `h.example.test ${a}`, 'h.example.test', [a]],
    ['another name', `h.example.test ${a}`, 'i.example.test', []],
    ['a longer name', `h.example.test ${a}`, 'h.example.test.evil', []],
    ['one of a list', `x,h.example.test,y ${a}`, 'h.example.test', [a]],
    ['two lines', `h ${a}\nh ${b}`, 'h', [a, b]],
    ['upper case on file', `H.Example.Test ${a}`, 'h.example.test', [a]],
    ['a port', `[h]:2222 ${a}`, '[h]:2222', [a]],
    ['another port', `[h]:2222 ${a}`, '[h]:2223', []],
    ['a wildcard', `*.example.test ${a}`, 'h.example.test', [a]],
    ['a wildcard without anything', `*.example.test ${a}`, '.example.test', [a]],
    ['a question mark', `h? ${a}\nh?? ${b}`, 'h1', [a]],
    ['a wildcard with a port', `[*.example.test]:2222 ${a}`, '[h.example.test]:2222', [a]],
    ['an exclusion after', `*.example.test,!h.example.test ${a}`, 'h.example.test', []],
    ['an exclusion before', `!h.example.test,*.example.test ${a}`, 'h.example.test', []],
    ['an exclusion of another', `*.example.test,!i.example.test ${a}`, 'h.example.test', [a]],
    ['an exclusion alone', `!i ${a}`, 'h', []],
    ['a comment', `# h ${a}\n#h ${a}`, 'h', []],
    ['tabs, spaces, a comment at the end, CRLF', ` \th\t ${a} somebody@h\r\n`, 'h', [a]],
    ['an IPv6 address', `2001:db8::1 ${a}`, '2001:db8::1', [a]],
    ['a type that its blob denies', `h ssh-rsa ${a.split(' ')[1]}`, 'h', []],
    ['no blob', 'h ssh-ed25519', 'h', []],
    ['an old hash version', `|2|AAAA|AAAA ${a}`, 'h', []],
    ['a regex', `h.* ${a}`, 'hxx', []]
  ])('%s', (_, text, name, found) => {
    expect(lookUp(name, [text]).keys.map(key => key.blob)).toEqual(found.map(blob))
  })

  it('finds names that ssh-keygen has hashed', () => {
    const text = hashed(`h.example.test ${a}\n[h.example.test]:2222 ${b}\ni.example.test,192.0.2.1 ${c}\n`)
    expect(text).not.toContain('example')
    expect(ours('h.example.test', text)).toEqual([a.split(' ')[1]])
    expect(ours('[h.example.test]:2222', text)).toEqual([b.split(' ')[1]])
    expect(ours('192.0.2.1', text)).toEqual([c.split(' ')[1]])
    expect(ours('[h.example.test]:22', text)).toEqual([])
  })

  it('keeps revoked keys and authorities apart from keys', () => {
    const known = lookUp('h', [`@revoked * ${a}\n@cert-authority h,i ${b}\n@other h ${c}\n`])
    expect(known).toEqual({ keys: [], revoked: [blob(a)], byAuthority: true })
    expect(lookUp('x', [`@cert-authority h,i ${b}\n`]).byAuthority).toBe(false)
  })

  it('finds what `ssh-keygen -F` finds, whatever the names', () => {
    const part = fc.constantFrom(
      'h',
      'i',
      'h.example.test',
      '*',
      'h*',
      '*t',
      '?',
      '!h',
      '!*t',
      '[h]:2222',
      'H'
    )
    const line = fc.record({
      marker: fc.constantFrom('', '', '', '@revoked '),
      names: fc.array(part, { minLength: 1, maxLength: 4 }),
      key: fc.constantFrom(...keys)
    })
    const name = fc.constantFrom('h', 'i', 'h.example.test', '[h]:2222')
    fc.assert(
      fc.property(fc.array(line, { minLength: 1, maxLength: 5 }), name, (lines, asked) => {
        const text = lines.map(({ marker, names, key }) => `${marker}${names.join(',')} ${key}\n`).join('')
        expect(ours(asked, text)).toEqual(oracle(asked, text))
      }),
      { numRuns: 150 }
    )
  })

  it('takes any bytes, in reasonable time', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 300 }), text => {
        expect(lookUp('h', [text]).keys).toEqual([])
      })
    )
    const nasty = `${'*a'.repeat(2_000)},${'|1|'.repeat(1_000)} ${a}\n`
    expect(lookUp(`${'a'.repeat(2_000)}b`, [nasty]).keys).toEqual([])
  })

  it('names hosts and keys as ssh does', () => {
    expect(knownName('H.example.test', 22)).toBe('h.example.test')
    expect(knownName('2001:db8::1', 2222)).toBe('[2001:db8::1]:2222')
    const file = join(folder, 'a.pub')
    writeFileSync(file, `${a}\n`)
    expect(execFileSync('ssh-keygen', ['-l', '-f', file], { encoding: 'utf8' })).toContain(
      fingerprint(blob(a))
    )
  })
})

it('matches patterns as a simple search would, quickly', () => {
  const text = fc.string({ unit: fc.constantFrom('a', 'b', '[', '\\', ']'), maxLength: 8 })
  const pattern = fc.string({ unit: fc.constantFrom('a', 'b', '[', '\\', ']', '*', '?'), maxLength: 6 })
  fc.assert(
    fc.property(pattern, text, (p, t) => {
      const regex = new RegExp(
        `^${p
          .replace(/[[\]\\]/g, '\\$&')
          .replaceAll('*', '.*')
          .replaceAll('?', '.')}$`
      )
      expect(wildcard(p, t)).toBe(regex.test(t))
    })
  )
  expect(wildcard('*a'.repeat(50), 'a'.repeat(5_000).concat('b'))).toBe(false)
})
