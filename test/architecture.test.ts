import { readdirSync, readFileSync } from 'node:fs'
import { basename, dirname, join, normalize, resolve } from 'node:path'
import { describe, expect, it } from 'vitest'
import { probes } from '../probes/index.ts'

/** Each room imports from those above it in this list, and from no other. */
const rooms = [
  'lib',
  'os',
  'facts',
  'git',
  'ssh',
  'systems',
  'rehearsal',
  'probe',
  'probes',
  'record',
  'render',
  'forge',
  'config',
  'gate',
  'review',
  'board',
  'watch',
  'server',
  'cli'
] as const

/** The same of the technologies: what a later one knows of an earlier one is named by this order. */
const technologies = [
  'languages',
  'programs',
  'repo',
  'linux',
  'nixos',
  'systemd',
  'docker',
  'swarm',
  'traefik',
  'compose',
  'http',
  'baseline',
  'journal',
  'statements',
  'boot',
  'index'
] as const

/** What opens the world, and who may: whatever is not named here is computed from what it is given. */
const adapters = ['os', 'git', 'ssh'] as const
const impure = [
  'facts',
  'git',
  'ssh',
  'record',
  'forge',
  'config',
  'gate',
  'review',
  'board',
  'watch',
  'server',
  'cli'
]
/** Files of a pure room that reach out, as their names say. */
const impureFiles = ['src/systems/http/fetch-route.ts', 'src/systems/http/tls.ts']

/** Who may import what opens the world. Folders end in a slash. */
const mayImport: Readonly<Record<string, readonly string[]>> = {
  'simple-git': ['src/git/'],
  ssh2: ['src/ssh/'],
  undici: ['src/systems/http/fetch-route.ts', 'src/forge/call.ts'],
  'node:child_process': ['src/os/', 'src/git/', 'src/ssh/'],
  // The demo also plays the routes; in routes.ts and outlets.ts it is `isIP`, a pure function.
  'node:net': [
    'src/ssh/',
    'src/systems/http/',
    'src/server/http-server.ts',
    'src/cli/demo/',
    'src/config/outlets.ts'
  ],
  'node:tls': ['src/systems/http/'],
  'node:dns': [],
  'node:http': ['src/server/http-server.ts', 'src/cli/demo/'],
  'node:https': [],
  'node:http2': [],
  // The demo builds its stage, a builder's repo with its keys, as a person would: by files and git.
  'node:fs': ['src/os/', 'src/git/', 'src/ssh/', 'src/cli/demo/'],
  commander: ['src/cli/program.ts'],
  // Read through `readYaml`, whose bound keeps what nests from ending the process.
  yaml: [
    'src/config/yaml.ts',
    'src/lib/read-yaml.ts',
    'src/cli/setup/init-files.ts',
    'src/cli/setup/init-command.ts',
    'src/rehearsal/model/stack-file.ts'
  ],
  // Interpreters of hostile programs: in the rehearsal alone, whose code runs in a process that has nothing.
  'just-bash': ['src/rehearsal/'],
  remark: ['src/render/', 'src/systems/statements/status-text.ts']
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
    ...code.matchAll(
      /^(?:import|export)\b(?! interface)(?<what>[^'"`=;()]*?)(?:\bfrom\s*)?['"](?<from>[^'"]+)['"]/gm
    )
  ]
  const dynamic = [...code.matchAll(/\bimport\(\s*['"](?<from>[^'"]+)['"]/g)]
  return [...fixed, ...dynamic].map(({ groups }) => ({
    from: groups?.['from'] ?? '',
    typeOnly: /^\s*type\b/.test(groups?.['what'] ?? '')
  }))
}

function roomOf(path: string): string {
  const [top, second = ''] = path.split('/')
  return top === 'probes' ? 'probes' : second
}

function technologyOf(path: string): string {
  return (path.split('/')[2] ?? '').replace(/\.ts$/, '')
}

function local(path: string, { from }: Import): string | null {
  return from.startsWith('.') ? normalize(join(dirname(path), from)) : null
}

function allowed(path: string, target: string): boolean {
  const [from, to] = [roomOf(path), roomOf(target)]
  if (from === 'systems' && to === 'systems') {
    const rank = (each: string) => technologies.findIndex(name => name === technologyOf(each))
    return rank(target) <= rank(path)
  }
  if (from === to) return true
  if (adapters.some(name => name === to) && !impure.includes(from) && !impureFiles.includes(path))
    return false
  // Only what composes the program knows the library by name; the others are handed it.
  if (to === 'probes') return from === 'cli'
  // Of the rehearsal, what was found: what rehearses runs in a process that has nothing.
  if (from === 'probes' && to === 'rehearsal') return target.startsWith('src/rehearsal/host/')
  if (from === 'probes') return ['lib', 'facts', 'systems', 'probe'].includes(to)
  const rank = (room: string) => rooms.findIndex(each => each === room)
  return rank(to) < rank(from)
}

describe('imports', () => {
  it('there is something to look at', () => {
    expect(sources.length).toBeGreaterThan(40)
    expect(sources.flatMap(({ imports }) => imports).length).toBeGreaterThan(100)
    for (const { path } of sources) expect(rooms).toContain(roomOf(path))
    for (const { path } of sources.filter(each => roomOf(each.path) === 'systems'))
      expect(technologies).toContain(technologyOf(path))
  })

  it('lead to rooms below, without exceptions', () => {
    const wrong = sources.flatMap(({ path, imports }) =>
      imports.flatMap(each => {
        const target = local(path, each)
        return target === null || allowed(path, target) ? [] : [`${path} → ${target}`]
      })
    )
    expect(wrong).toEqual([])
  })

  it('never lead back to where they began', () => {
    const next = new Map(
      sources.map(({ path, imports }) => [path, imports.flatMap(each => local(path, each) ?? [])])
    )
    const circles: string[] = []
    const done = new Set<string>()
    const visit = (path: string, way: readonly string[]) => {
      if (way.includes(path)) circles.push([...way.slice(way.indexOf(path)), path].join(' → '))
      if (done.has(path) || way.includes(path)) return
      for (const target of next.get(path) ?? []) visit(target, [...way, path])
      done.add(path)
    }
    for (const { path } of sources) visit(path, [])
    expect(circles).toEqual([])
  })

  it('of what was read, with its secrets, lead to the judgement alone', () => {
    const unsealing = sources.flatMap(({ path, code }) => (/\bunseal\b/.test(code) ? [path] : []))
    expect(unsealing).toEqual(['src/facts/sealed.ts', 'src/probe/run.ts'])
  })

  it.each(Object.entries(mayImport))('of %s are where they belong', (library, places) => {
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

function grouped(paths: readonly string[], by: (path: string) => string) {
  const groups = new Map<string, readonly string[]>()
  for (const path of paths) groups.set(by(path), [...(groups.get(by(path)) ?? []), path])
  return [...groups]
}

describe('the rooms', () => {
  const files = sources.map(({ path }) => path).filter(path => path.startsWith('src/'))

  it('are eighteen at most, and none holds more than fifteen files beside each other', () => {
    expect(new Set(files.map(roomOf)).size).toBeLessThanOrEqual(18)
    const crowded = grouped(files, dirname).flatMap(([folder, within]) =>
      within.length > 15 ? [`${folder}: ${within.length}`] : []
    )
    expect(crowded).toEqual([])
  })

  it('have no two files of one name, but for the list of reads that each technology has', () => {
    const twice = grouped(files, path => basename(path)).flatMap(([name, within]) =>
      within.length > 1 && name !== 'reads.ts' ? [`${name}: ${within.join(', ')}`] : []
    )
    expect(twice).toEqual([])
  })

  it('make read commands in the lists of the technologies, and for the trial of a locked key', () => {
    const makers = sources.flatMap(({ path, code }) => (/\breadCommand\(/.test(code) ? [path] : []))
    expect(makers.filter(path => !/^src\/systems\/\w+\/reads\.ts$/.test(path))).toEqual([
      'src/cli/setup/lockdown.ts',
      'src/facts/read-command.ts'
    ])
  })
})

describe('judgement', () => {
  /** What probes look things up in. A program's or a file's text has one reading, for sources and probes alike. */
  const readings = ['languages', 'programs']
  const isSource = (code: string) => /\bFactSource</.test(code)
  const valuesOf = ({ path, imports }: (typeof sources)[number]) =>
    imports.flatMap(each => (each.typeOnly ? [] : (local(path, each) ?? [])))
  const asked = new Set(sources.filter(({ path }) => roomOf(path) === 'probes').flatMap(valuesOf))
  const analysis = sources.filter(
    ({ path, code }) =>
      asked.has(path) &&
      roomOf(path) === 'systems' &&
      !readings.includes(technologyOf(path)) &&
      basename(path) !== 'reads.ts' &&
      !isSource(code)
  )

  it('is no part of a source of facts, nor does a source ask it', () => {
    expect(analysis.length).toBeGreaterThan(15)
    const paths = analysis.map(({ path }) => path)
    const wrong = sources
      .filter(({ path, code }) => roomOf(path) === 'systems' && isSource(code))
      .flatMap(source =>
        valuesOf(source)
          .filter(target => paths.includes(target))
          .map(target => `${source.path} → ${target}`)
      )
    expect(wrong).toEqual([])
  })

  it('has tests of its own, in the room of its technology', () => {
    const untested = analysis
      .filter(({ path }) => technologyOf(path) !== 'boot')
      .filter(({ path }) => {
        const tests = filesIn(`test/systems/${technologyOf(path)}`)
        return !tests.some(test =>
          importsOf(readFileSync(join(root, test), 'utf8')).some(each => local(test, each) === path)
        )
      })
    expect(untested.map(({ path }) => path)).toEqual([])
  })

  it('is left to its rooms by probes: none has more than 165 lines', () => {
    const long = sources.flatMap(({ path, text }) =>
      roomOf(path) === 'probes' && text.split('\n').length > 166 ? [path] : []
    )
    expect(long).toEqual([])
  })
})

it('libraries are imported by their own names, never by the files inside them', () => {
  const inner = sources.flatMap(({ path, imports }) =>
    imports
      .filter(({ from }) => !/^(?:\.|node:)/.test(from) && !/^(?:@[^/]+\/)?[^/]+$/.test(from))
      .map(({ from }) => `${path}: ${from}`)
  )
  expect(inner).toEqual([])
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
  const beginning = ['src/cli/main.ts', 'src/cli/start.ts']

  it('the parser of words and nothing else, until a command runs', () => {
    const cli = sources.find(({ path }) => path === 'src/cli/main.ts')
    const first = [...(cli?.code ?? '').matchAll(/import\('\.\/(?<path>[^']+)'\)/g)]
    expect(first.map(({ groups }) => `src/cli/${groups?.['path']}`)).toEqual(beginning.slice(1))
    const allowed = ['commander']
    expect(packagesOf(...beginning).filter(name => !allowed.includes(name))).toEqual([])
  })

  it.each(['gate/gate', 'watch/status', 'review/review', 'watch/watch'])(
    '%s without what speaks to hosts and routes',
    command => {
      const loaded = packagesOf(`src/cli/${command}-command.ts`)
      expect(loaded).toContain('zod')
      for (const name of ['ssh2', 'undici']) expect(loaded).not.toContain(name)
    }
  )

  it('gate without plans and probes', () => {
    for (const name of ['yaml', 'ipaddr.js']) expect(packagesOf('src/gate/gate.ts')).not.toContain(name)
  })
})

describe('what is outside', () => {
  it('the process is touched by main.ts alone; an adapter may look at the environment', () => {
    const wrong = sources.flatMap(({ path, code }) => {
      const touches = [...code.matchAll(/(?<![\w./'])process\.(?<member>\w+)/g)].map(
        ({ groups }) => groups?.['member']
      )
      const mine =
        path === 'src/cli/main.ts' ||
        ((path.startsWith('src/os/') || path.startsWith('src/git/') || path.startsWith('src/ssh/')) &&
          touches.every(member =>
            ['env', 'kill', 'getuid', 'pid', 'platform', 'hrtime'].includes(member ?? '')
          ))
      return touches.length > 0 && !mine ? [`${path}: ${touches.join(', ')}`] : []
    })
    expect(wrong).toEqual([])
  })

  it('the clock is read by clock.ts alone', () => {
    const wrong = sources
      .filter(({ path }) => path !== 'src/os/clock.ts')
      // It reads none: it puts the rehearsed time in its place.
      .filter(({ path }) => path !== 'src/rehearsal/boot.ts')
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
