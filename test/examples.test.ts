import { existsSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { describe, expect, it } from 'vitest'
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

describe('the container', () => {
  it('copies what is there, and takes from its first stage what that makes', () => {
    const copies = [...container.matchAll(/^COPY (?<words>.*)$/gm)].map(
      ({ groups }) => groups?.['words']?.split(' ') ?? []
    )
    expect(copies.length).toBeGreaterThan(6)
    const made = ['/src/node_modules', '/src/dist']
    for (const words of copies) {
      const from = words[0] === '--from=build'
      for (const path of words.slice(from ? 1 : 0, -1)) {
        const known = from ? made.includes(path) || existsSync(join(root, path.slice(5))) : false
        expect([path, known || existsSync(join(root, path))]).toEqual([path, true])
      }
    }
  })

  it('starts from a Node that the package takes, and runs scripts that it has', () => {
    const scripts: Readonly<Record<string, string>> = JSON.parse(read('package.json')).scripts
    for (const { groups } of container.matchAll(/npm run (?<name>\w+)/g)) {
      expect(Object.keys(scripts)).toContain(groups?.['name'])
    }
    const images = [...container.matchAll(/^FROM (?<image>\S+)/gm)].map(({ groups }) => groups?.['image'])
    expect(images).toEqual(['node:22-bookworm-slim', 'node:22-bookworm-slim'])
  })
})
