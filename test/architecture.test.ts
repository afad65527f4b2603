import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize, resolve } from 'node:path'
import { describe, expect, it } from 'vitest'
import { probes } from '../probes/index.ts'

/** The way of the data is the direction of the imports: each layer knows only those to its left. */
const layers = [
  'words',
  'base',
  'claim',
  'rehearsal',
  'observe',
  'judge',
  'probes',
  'decide',
  'tell',
  'record',
  'publish',
  'gate',
  'forge',
  'home',
  'report',
  'board',
  'serve',
  'run',
  'demo',
  'commands',
  'cli'
] as const

/** Doors stand beside the way: they know the words, the base and what is observed, and are used from `record` on. */
const doorsKnow = ['words', 'base', 'observe']
const doorsOpenFor = ['record', 'publish', 'gate', 'home', 'serve', 'run', 'demo', 'commands', 'cli']

/** Who may import what opens the world. Folders end in a slash. */
const behindDoors: Readonly<Record<string, readonly string[]>> = {
  'simple-git': ['src/doors/'],
  ssh2: ['src/doors/'],
  undici: ['src/doors/'],
  'node:child_process': ['src/doors/'],
  // The demo also plays the routes; in routes.ts and outlets.ts it is `isIP`, a pure function.
  'node:net': ['src/doors/', 'src/demo/', 'src/observe/sources/routes.ts', 'src/home/outlets.ts'],
  'node:tls': ['src/doors/'],
  'node:dns': ['src/doors/'],
  'node:http': ['src/doors/', 'src/demo/'],
  'node:https': ['src/doors/'],
  'node:http2': ['src/doors/'],
  // The demo builds its stage, a builder's repo with its keys, as a person would: by files and git.
  'node:fs': ['src/doors/', 'src/demo/', 'src/commands/demo.ts'],
  commander: ['src/commands/program.ts'],
  // One source reads compose files of the watched repo, by its own rules: they are no files of the home.
  yaml: [
    'src/home/yaml.ts',
    'src/commands/init-files.ts',
    'src/commands/init.ts',
    'src/observe/sources/compose-images.ts',
    'src/rehearsal/model/stack-file.ts'
  ],
  // Interpreters of hostile programs: in the rehearsal alone, whose code runs in a process that has nothing.
  'just-bash': ['src/rehearsal/'],
  remark: ['src/tell/', 'src/gate/', 'src/record/', 'src/publish/', 'src/observe/status-text.ts']
}

const root = resolve(import.meta.dirname, '..')
const sources = [...filesIn('src'), ...filesIn('probes')].map(path => {
  const text = readFileSync(join(root, path), 'utf8')
  return { path, text, code: withoutComments(text), imports: importsOf(text) }
})

function filesIn(folder: string): readonly string[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter(name => name.endsWith('.ts'))
    .map(name => join(folder, name))
    .sort()
}

function withoutComments(text: string): string {
  return text.replace(/\/\*[^]*?\*\//g, '').replace(/(?<=^|[\s;{}(),])\/\/.*$/gm, '')
}

interface Import {
  readonly from: string
  readonly typeOnly: boolean
}

function importsOf(text: string): readonly Import[] {
  const code = withoutComments(text)
  const fixed = [
    ...code.matchAll(/^(?:import|export)\b(?<what>[^'"`=;()]*?)(?:\bfrom\s*)?['"](?<from>[^'"]+)['"]/gm)
  ]
  const dynamic = [...code.matchAll(/\bimport\(\s*['"](?<from>[^'"]+)['"]/g)]
  return [...fixed, ...dynamic].map(({ groups }) => ({
    from: groups?.['from'] ?? '',
    typeOnly: /^\s*type\b/.test(groups?.['what'] ?? '')
  }))
}

function layerOf(path: string): string {
  const [top, second = ''] = path.split('/')
  return top === 'probes' ? 'probes' : second.replace(/\.ts$/, '')
}

function local(path: string, { from }: Import): string | null {
  return from.startsWith('.') ? normalize(join(dirname(path), from)) : null
}

function allowed(path: string, target: string, typeOnly: boolean): boolean {
  const [from, to] = [layerOf(path), layerOf(target)]
  if (from === to) return true
  if (from === 'doors') return doorsKnow.includes(to)
  if (to === 'doors')
    return doorsOpenFor.includes(from) || (typeOnly && from === 'observe' && target.endsWith('/session.ts'))
  // Only what composes the program knows the library by name; `home` is handed it.
  if (to === 'probes') return from === 'commands'
  if (from === 'probes') return ['judge', 'observe', 'base', 'words'].includes(to)
  return rank(to) < rank(from)
}

function rank(layer: string): number {
  return layers.findIndex(each => each === layer)
}

describe('imports', () => {
  it('there is something to look at', () => {
    expect(sources.length).toBeGreaterThan(40)
    expect(sources.flatMap(({ imports }) => imports).length).toBeGreaterThan(100)
    for (const { path } of sources) expect([...layers, 'doors']).toContain(layerOf(path))
  })

  it('go to the left only', () => {
    const wrong = sources.flatMap(({ path, imports }) =>
      imports.flatMap(each => {
        const target = local(path, each)
        return target === null || allowed(path, target, each.typeOnly) ? [] : [`${path} → ${target}`]
      })
    )
    expect(wrong).toEqual([])
  })

  it('of what was read, with its secrets, lead to the judgement alone', () => {
    const unsealing = sources.flatMap(({ path, code }) => (/\bunseal\b/.test(code) ? [path] : []))
    expect(unsealing).toEqual(['src/judge/run.ts', 'src/observe/sealed.ts'])
  })

  it.each(Object.entries(behindDoors))('of %s stay behind its door', (library, places) => {
    const wrong = sources.flatMap(({ path, imports }) => {
      const has = imports.some(({ from }) => from === library || from.startsWith(`${library}/`))
      return has && !places.some(place => path === place || (place.endsWith('/') && path.startsWith(place)))
        ? [path]
        : []
    })
    expect(wrong).toEqual([])
  })

  it('carry their extension, as Node wants it', () => {
    const bare = sources.flatMap(({ path, imports }) =>
      imports
        .filter(({ from }) => from.startsWith('.') && !from.endsWith('.ts'))
        .map(({ from }) => `${path}: ${from}`)
    )
    expect(bare).toEqual([])
  })
})

describe('a start loads', () => {
  /** The packages that are loaded with these files, before anything asks for more by `import()`. */
  function packagesOf(...files: readonly string[]): readonly string[] {
    const seen = new Set<string>()
    const packages = new Set<string>()
    const load = (path: string) => {
      if (seen.has(path)) return
      seen.add(path)
      const source = sources.find(each => each.path === path)
      if (source === undefined) throw new Error(`there is no ${path}`)
      const loaded = /^(?:import|export)\s+(?!type\b)(?:[^'"=;()]*?\bfrom\s+)?'(?<from>[^']+)'/gm
      for (const { groups } of source.code.matchAll(loaded)) {
        const from = groups?.['from'] ?? ''
        const target = local(path, { from, typeOnly: false })
        if (target !== null) load(target)
        else if (!from.startsWith('node:')) packages.add(from)
      }
    }
    files.forEach(load)
    return [...packages].sort()
  }
  const beginning = ['src/cli.ts', 'src/commands/start.ts']

  it('the parser of words and nothing else, until a command runs', () => {
    const cli = sources.find(({ path }) => path === 'src/cli.ts')
    const first = [...(cli?.code ?? '').matchAll(/import\('\.\/(?<path>[^']+)'\)/g)]
    expect(first.map(({ groups }) => `src/${groups?.['path']}`)).toEqual(beginning.slice(1))
    const allowed = ['commander', 'string-width', 'wrap-ansi']
    expect(packagesOf(...beginning).filter(name => !allowed.includes(name))).toEqual([])
  })

  it.each(['gate', 'status', 'review', 'watch'])('%s without what speaks to hosts and routes', command => {
    const loaded = packagesOf(`src/commands/${command}.ts`)
    expect(loaded).toContain('zod')
    for (const name of ['ssh2', 'undici']) expect(loaded).not.toContain(name)
  })

  it('gate without plans and probes', () => {
    for (const name of ['yaml', 'ipaddr.js']) expect(packagesOf('src/gate/gate.ts')).not.toContain(name)
  })
})

describe('what is outside', () => {
  it('the process is touched by cli.ts alone; a door may look at the environment', () => {
    const wrong = sources.flatMap(({ path, code }) => {
      const touches = [...code.matchAll(/(?<![\w./'])process\.(?<member>\w+)/g)].map(
        ({ groups }) => groups?.['member']
      )
      const mine =
        path === 'src/cli.ts' ||
        (path.startsWith('src/doors/') &&
          touches.every(member =>
            ['env', 'kill', 'getuid', 'pid', 'platform', 'hrtime'].includes(member ?? '')
          ))
      return touches.length > 0 && !mine ? [`${path}: ${touches.join(', ')}`] : []
    })
    expect(wrong).toEqual([])
  })

  it('the clock is read by clock.ts alone', () => {
    const wrong = sources
      .filter(({ path }) => path !== 'src/doors/clock.ts')
      .filter(({ code }) => /\bDate\.now\b|\bnew Date\(\s*\)|\bperformance\.now\b|\bhrtime\b/.test(code))
    expect(wrong.map(({ path }) => path)).toEqual([])
  })

  it('a probe is pure', () => {
    const wrong = sources
      .filter(({ path }) => path.startsWith('probes/'))
      .filter(({ code }) =>
        /\bDate\.now\b|\bnew Date\b|Math\.random|\bprocess\b|\bfetch\(|\bawait\b|\basync\b/.test(code)
      )
    expect(wrong.map(({ path }) => path)).toEqual([])
  })
})

describe('every probe', () => {
  const files = filesIn('probes').filter(path => path !== 'probes/index.ts')

  it('is registered, once', () => {
    expect(probes.map(({ id }) => `probes/${id}.ts`).sort()).toEqual([...files])
  })

  it.each(probes.map(probe => [probe.id, probe] as const))('%s is documented and tested', (id, probe) => {
    expect(id).toMatch(/^[a-z][a-z0-9]*(?:-[a-z0-9]+)*$/)
    for (const text of [probe.asserts, probe.because, probe.remedy]) expect(text.length).toBeGreaterThan(10)
    expect(probe.asserts).not.toMatch(/[.!?]$/)
    expect(readFileSync(join(root, 'docs/probes.md'), 'utf8')).toContain(`\n## ${id}\n`)
    expect(readdirSync(join(root, 'test/probes'))).toContain(`${id}.test.ts`)
  })
})
