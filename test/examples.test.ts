import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { describe, expect, it } from 'vitest'
import { globMatches } from '../src/lib/text/glob.ts'
import { runCli } from './support/cli.ts'

/** The examples beside the program: what they name is there, and what they say is the same in each. */

const root = resolve(import.meta.dirname, '..')
const read = (path: string) => readFileSync(join(root, path), 'utf8')
const unit = read('examples/systemd/adversary-watch.service')
const module = read('examples/nixos/module.nix')
const container = read('examples/container/Containerfile')

/** `Key=value` of a section; a key that is there twice has its values in a row. */
function settings(section: string): ReadonlyMap<string, string> {
  const text = unit.slice(unit.indexOf(`[${section}]`)).split(/\n\[/)[0] ?? ''
  const found = new Map<string, string>()
  for (const [, key = '', value = ''] of text.matchAll(/^(\w+)=(.*)$/gm)) {
    found.set(key, [found.get(key), value].filter(each => each !== undefined).join(' '))
  }
  return found
}

/** A value of the module as systemd would have it. */
function ofModule(key: string): string | undefined {
  const value = new RegExp(`^ +${key} = (?<value>"[^"]*"|\\[[^\\]]*\\]|[^;\\[]+);$`, 'm').exec(module)
    ?.groups?.['value']
  if (value === 'true') return 'yes'
  return value
    ?.replace(/["[\]]/g, ' ')
    .replace(/\s+/g, ' ')
    .trim()
}

describe('the unit', () => {
  it('says the same as the NixOS module', () => {
    const service = settings('Service')
    expect(service.size).toBeGreaterThan(40)
    for (const [key, value] of service) {
      if (key === 'ExecStart') continue
      expect([key, ofModule(key)]).toEqual([key, value])
    }
    expect(settings('Unit').get('StartLimitIntervalSec')).toBe(ofModule('startLimitIntervalSec'))
  })
})

describe('every command of the examples', () => {
  const commands = [
    ...unit.matchAll(/^ExecStart=\S+\/adversary (?<words>.*)$/gm),
    ...module.matchAll(/bin\/adversary (?<words>[^"$]*)/g),
    ...container.matchAll(/ CMD adversary (?<words>[^|]*)/g)
  ].map(({ groups }) => groups?.['words']?.trim().split(' ') ?? [])

  it('is understood', async () => {
    expect(commands).toHaveLength(3)
    for (const words of commands) {
      const asked = words.at(-1) === '--home' ? words.slice(0, -1) : words
      const { code, stdout } = await runCli([...asked, '--help'], { cwd: root })
      expect(code).toBe(0)
      for (const option of words.filter(word => word.startsWith('--'))) expect(stdout).toContain(` ${option}`)
    }
  })
})

describe.each(['examples/Dockerfile', 'examples/container/Containerfile'])('the image of %s', path => {
  const image = read(path)
  const { name, version, engines } = JSON.parse(read('package.json'))

  it('installs the tarball that `npm pack` writes', () => {
    const copied = /^COPY (?<glob>\S+) \/tmp\/$/m.exec(image)?.groups?.['glob'] ?? ''
    expect(globMatches(copied, `${name}-${version}.tgz`)).toBe(true)
    expect(image).toContain(`npm install --global /tmp/${copied}`)
    expect(image).toContain('npm ci && npm pack')
  })

  it('starts from a Node that the package takes', () => {
    const nodes = [...image.matchAll(/^FROM node:(?<major>\d+)-bookworm-slim$/gm)]
    expect(engines.node).toBe('>=20.19')
    expect(nodes.map(({ groups }) => Number(groups?.['major']) > 20)).toEqual([true])
  })
})

it('nothing is installed from a registry that does not have it', () => {
  const files = ['README.md', 'docs', 'examples'].flatMap(at =>
    statSync(join(root, at)).isFile()
      ? [at]
      : readdirSync(join(root, at), { recursive: true, encoding: 'utf8' }).map(name => join(at, name))
  )
  const lines = files
    .filter(path => statSync(join(root, path)).isFile())
    .flatMap(path =>
      read(path)
        .split('\n')
        .filter(line => /npm (?:install|i|add)\b.*adversary/.test(line))
    )
  expect(lines.length).toBeGreaterThan(4)
  expect(lines.filter(line => !/ \S*\/adversary-bot-\S*\.tgz\b/.test(line))).toEqual([])
})
