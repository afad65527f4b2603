import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
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

describe('the package of NixOS', () => {
  const nix = read('examples/nixos/adversary.nix')
  const { name, version, bin, license, scripts } = JSON.parse(read('package.json'))

  it('is the one that the module names, and this one', () => {
    const named = /pkgs\.callPackage (?<path>\.\/\S+) \{/.exec(module)?.groups?.['path'] ?? ''
    expect(join('examples/nixos', named)).toBe('examples/nixos/adversary.nix')
    expect(nix).toContain(`pname = "${name}";`)
    expect(nix).toContain('version = (lib.importJSON "${src}/package.json").version;')
    expect(version).toMatch(/^\d+\.\d+\.\d+$/)
    expect(nix).toContain(`licenses.${license.toLowerCase()};`)
    const program = /wrapProgram \$out\/bin\/(?<name>\S+)/.exec(nix)?.groups?.['name'] ?? ''
    expect(Object.keys(bin)).toEqual([program])
    expect(module).toContain(`/bin/${program} `)
    expect(Object.keys(scripts)).toContain(/npmBuildScript = "(?<name>\w+)";/.exec(nix)?.groups?.['name'])
  })

  it('is built from what a checkout has', () => {
    const from = /src \? (?<path>\S+),/.exec(nix)?.groups?.['path'] ?? 'nowhere'
    const folder = join(root, 'examples/nixos', from)
    for (const file of ['package.json', 'package-lock.json'])
      expect(statSync(join(folder, file)).isFile()).toBe(true)
    const { packages } = JSON.parse(read('package-lock.json'))
    const pinned = Object.entries<Record<string, unknown>>(packages).filter(([path]) => path !== '')
    expect(pinned.length).toBeGreaterThan(50)
    // Of these its address is made, and by the digest it is verified.
    const unpinned = pinned.filter(
      ([, { version: of, integrity }]) => typeof of !== 'string' || typeof integrity !== 'string'
    )
    expect(unpinned.map(([path]) => path)).toEqual([])
  })
})

describe('the dashboard and the alerts', () => {
  const board = JSON.parse(read('examples/monitoring/dashboard.json'))
  const alerts = parse(read('examples/monitoring/alerts.yaml'))
  const rules: readonly { readonly alert: string; readonly expr: string }[] = alerts.groups.flatMap(
    (group: { readonly rules: readonly unknown[] }) => group.rules
  )
  const expressions: readonly string[] = [
    ...rules.map(({ expr }) => expr),
    ...board.panels.flatMap((panel: { readonly targets: readonly { readonly expr: string }[] }) =>
      panel.targets.map(({ expr }) => expr)
    )
  ]

  it('ask for metrics that the program has, and for every one that a watcher has', () => {
    const documented = new Set(read('src/server/metrics.ts').match(/\badversary_\w+/g))
    const asked = new Set(expressions.flatMap(expr => expr.match(/\badversary_\w+/g) ?? []))
    expect(documented.size).toBeGreaterThan(12)
    expect([...asked].filter(name => !documented.has(name))).toEqual([])
    const unseen = [...documented].filter(name => !asked.has(name))
    expect(unseen).toEqual(['adversary_watcher_start_timestamp_seconds', 'adversary_board_timestamp_seconds'])
  })

  it('is a dashboard that Grafana imports: panels that do not overlap, of a data source that is chosen', () => {
    expect(board.panels.length).toBeGreaterThan(8)
    const ids = board.panels.map(({ id }: { readonly id: number }) => id)
    expect(new Set(ids).size).toBe(ids.length)
    interface Panel {
      readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number }
    }
    const cells = board.panels.flatMap(({ gridPos: { x, y, w, h } }: Panel) =>
      Array.from({ length: w * h }, (_, n) => `${x + (n % w)},${y + Math.floor(n / w)}`)
    )
    expect(new Set(cells).size).toBe(cells.length)
    for (const { datasource, type } of board.panels) {
      expect(datasource).toEqual({ type: 'prometheus', uid: '${datasource}' })
      expect(type).toMatch(/^(?:stat|state-timeline|timeseries|table)$/)
    }
    expect(board.templating.list).toMatchObject([
      { name: 'datasource', type: 'datasource', query: 'prometheus' }
    ])
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
