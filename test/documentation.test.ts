import { access, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { probes } from '../probes/index.ts'
import { keyLines } from '../scripts/configuration-page.ts'
import { loadWorkspace } from '../src/config/workspace.ts'
import { homeSchemas } from '../src/config/json-schema.ts'
import { logEvents } from '../src/review/log.ts'
import { runCli } from './support/cli.ts'

/** What the pages show must be what the program takes. */

const root = resolve(import.meta.dirname, '..')
let pages: ReadonlyMap<string, string>
let dir: string

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'docs-'))
  const names = (await readdir(root, { recursive: true })).filter(
    name => name.endsWith('.md') && !/^(?:node_modules|dist|reviews|test)\b/.test(name)
  )
  pages = new Map(
    await Promise.all(names.map(async name => [name, await readFile(join(root, name), 'utf8')] as const))
  )
})
afterAll(() => rm(dir, { recursive: true, force: true }))

function blocks(page: string, language: string): readonly string[] {
  const text = pages.get(page) ?? ''
  return [...text.matchAll(/^```(?<language>\w+)\n(?<code>[^]*?)^```$/gm)].flatMap(({ groups }) =>
    groups?.['language'] === language ? [groups['code'] ?? ''] : []
  )
}

/** Blocks of all pages that begin with a comment that names their file. */
function files(name: RegExp) {
  return [...pages.keys()].flatMap(page =>
    blocks(page, 'yaml').flatMap(code => {
      const file = /^# (?<file>\S+)/.exec(code)?.groups?.['file'] ?? ''
      return name.test(file) ? [{ page, file, code }] : []
    })
  )
}

async function home(files: Readonly<Record<string, string>>) {
  const config = `repo: { url: /srv/infra.git, branch: main }
identity: { name: adversary-bot, email: adversary@example.test, signingKey: ~/.ssh/id }
hosts: { prod: { ssh: prod }, backup: { ssh: backup } }
`
  for (const [name, text] of Object.entries({ 'adversary.yaml': config, ...files })) {
    await mkdir(dirname(join(dir, name)), { recursive: true })
    await writeFile(join(dir, name), text)
  }
  const facts = async () => ({ ...(await import('../src/systems/index.ts')) })
  return loadWorkspace(dir, { userHome: dir, library: async () => probes, facts })
}

describe('README.md', () => {
  it('shows a plan that loads, and a probe of a home that judges', async () => {
    const plan = blocks('README.md', 'yaml').find(code => code.startsWith('# plans/')) ?? ''
    const [probe = ''] = blocks('README.md', 'js')
    const few =
      'phase: few\nhost: prod\nmilestones: { M1: { checks: [{ probe: few-networks, with: { atMost: 1 } }] } }\n'
    const { plans } = await home({
      'plans/pvfix.yaml': plan,
      'plans/few.yaml': few,
      'probes/few-networks.mjs': probe
    })
    expect(plans.get('pvfix')?.milestones.map(({ id }) => id)).toEqual(['M1', 'M2'])

    const check = plans.get('few')?.milestones[0]?.checks[0]?.probe
    const seen = { networks: [{ name: 'bridge' }] }
    expect(check?.needs).toHaveProperty('networks.place', 'host')
    expect(check?.judge(seen)).toMatchObject([{ outcome: 'pass' }])
    for (const lie of check?.falsify(seen) ?? [])
      expect(check?.judge(lie)).toMatchObject([{ outcome: 'fail' }])
  })

  it('shows a pipeline whose gate step asks for what the gate takes', async () => {
    const pipeline = blocks('README.md', 'yaml').find(code => code.startsWith('# .drone.yml')) ?? ''
    const step = parse(pipeline).steps[0]
    expect(Object.keys(step.environment)).toEqual(['ADVERSARY_REVIEWER', 'ADVERSARY_ALLOWED_SIGNERS'])
    expect(step.commands).toEqual(['adversary gate pvfix-M2'])
  })
})

it('every plan that a page shows loads', async () => {
  const plans = files(/^plans\//)
  expect(plans.length).toBeGreaterThan(1)
  for (const { page, file, code } of plans) {
    await rm(join(dir, 'plans'), { recursive: true, force: true })
    const loaded = await home({ [file]: code }).catch((error: Error) => error)
    expect({ page, loaded }).toMatchObject({ loaded: { plans: expect.any(Map) } })
  }
})

it('the pages show configuration that loads and means what they say', async () => {
  const shown = ['docs/ci.md', 'docs/statuses.md', 'docs/server.md'].flatMap(page =>
    blocks(page, 'yaml').filter(code => code.startsWith('# adversary.yaml'))
  )
  expect(shown).toHaveLength(6)
  const loaded = await Promise.all(
    shown.map(async (more, index) => {
      const base = `repo: { url: git@git.example.test:ops/infra.git, branch: main }
identity: { name: adversary-bot, email: adversary@example.test, signingKey: ~/.ssh/id }
`
      const at = join(dir, `ci-${index}`)
      await mkdir(at)
      await writeFile(join(at, 'adversary.yaml'), base + more)
      return loadWorkspace(at, { userHome: dir, library: async () => probes, facts: async () => ({}) })
    })
  )
  const [drone, forge, webhook, sights, named, apart] = loaded
  expect(drone?.serve.drone?.rules.map(({ gate, closed }) => [gate, closed])).toEqual([
    ['pvfix-M2', 'block'],
    [null, 'block'],
    ['pvfix', 'skip']
  ])
  expect(forge?.forge).toMatchObject({ kind: 'gitea', url: 'https://git.example.test', repo: 'ops/infra' })
  expect(webhook?.serve.webhook?.secret.file).toBe(join(dir, 'ci-2', 'webhook.secret'))
  expect(sights?.serve).toMatchObject({ board: true, metrics: true, webhook: null })
  expect(named?.serve.hosts).toEqual(['adversary.example.test'])
  expect(apart?.serve).toMatchObject({ listen: { port: 8750 }, webhook: { listen: { port: 8751 } } })
})

it('docs/configuration.md describes every key', () => {
  const { adversary, plan } = homeSchemas(probes)
  const keys = [...keyLines(adversary), ...keyLines(plan)]
  expect(keys.length).toBeGreaterThan(60)
  expect(keys.filter(({ about }) => about === '').map(({ path }) => path)).toEqual([])
  for (const { path } of keys) {
    const shown = pages.get('docs/configuration.md') ?? ''
    expect(shown).toMatch(new RegExp(`^(?:\\| \`|### )${path.replaceAll(/[.[\]]/g, '\\$&')}(?:\`|$)`, 'm'))
  }
})

describe('docs/environment.md', () => {
  /** Upper-case words in quotes that name something else: errors of libraries, and a variable of the observed host. */
  const others = ['CERT_HAS_EXPIRED', 'DUPLICATE_KEY', 'EAI_AGAIN', 'SSH_CONNECTION']
  /** Variables that the program sets for a git of its own, which hands them to a credential helper. */
  const own = ['ADVERSARY_BUILT', 'ADVERSARY_GIT_PASSWORD', 'ADVERSARY_GIT_USERNAME']

  it('lists every variable that the sources read, and no other', async () => {
    // The variables of the model of a host are those of the programs that are rehearsed.
    const files = (await readdir(join(root, 'src'), { recursive: true })).filter(
      name => name.endsWith('.ts') && !name.startsWith('rehearsal/')
    )
    const texts = await Promise.all(files.map(name => readFile(join(root, 'src', name), 'utf8')))
    const code = texts
      .map(text => text.replace(/\/\*[^]*?\*\//g, '').replace(/(?<=^|[\s;{}(),])\/\/.*$/gm, ''))
      .join('\n')
    const patterns = [
      /\benv(?:ironment)?(?:\.|\[['"`])(?<name>[A-Za-z_]\w*)\b/g,
      /['"`](?<name>[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)['"`]/g,
      /\b(?<name>[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+): \w+[ ,][^={}]*\} = (?:io\.|process\.)?env\b/g
    ]
    const read = patterns
      .flatMap(pattern => [...code.matchAll(pattern)].map(({ groups }) => groups?.['name'] ?? ''))
      .filter(name => /^[A-Z]+(?:_\w*[A-Z0-9]|)$|proxy$/.test(name) && ![...others, ...own].includes(name))
    expect(new Set(read).size).toBeGreaterThan(30)

    const rows = (pages.get('docs/environment.md') ?? '').split('\n').filter(line => line.startsWith('| `'))
    const listed = rows.flatMap(row => [...(row.split('|')[1] ?? '').matchAll(/`(?<name>\w+)`/g)])
    const names = listed.map(({ groups }) => groups?.['name'] ?? '')
    expect([...new Set(read)].filter(name => !names.includes(name))).toEqual([])
    expect(names.filter(name => !new RegExp(`(?<![\\w-])${name}(?![\\w-])`).test(code))).toEqual([])
    for (const name of [...others, ...own]) expect(code).toContain(name)
  })
})

it('every command line that a page shows is understood', async () => {
  const lines = [...pages].flatMap(([page, text]) =>
    [...text.matchAll(/(?:^|`)adversary (?<words>[a-z][^`\n#]*)/gm)].map(({ groups }) => ({
      page,
      words: (groups?.['words'] ?? '').trim().split(/\s+/)
    }))
  )
  expect(lines.length).toBeGreaterThan(6)
  for (const { page, words } of lines) {
    // With --help behind it nothing runs; an unknown command is still refused.
    const { code, stdout } = await runCli([...words, '--help'], { cwd: dir })
    expect({ page, words, code }).toMatchObject({ code: 0 })
    for (const option of words.filter(word => word.startsWith('--'))) expect(stdout).toContain(` ${option} `)
  }
})

it('docs/running.md names events that are logged', () => {
  const page = pages.get('docs/running.md') ?? ''
  const section = page.slice(page.indexOf('## What happens when'), page.indexOf('## More than one watcher'))
  const rows = section.split('\n').filter(line => line.startsWith('| ') || line.includes('the log shows'))
  const quoted = rows.flatMap(row => [...row.matchAll(/`(?<word>[a-z][a-z .]+)`/g)])
  const words = quoted.map(({ groups }) => groups?.['word'] ?? '').filter(word => word !== 'retry')
  expect(words.length).toBeGreaterThan(5)
  expect(words.filter(word => !Object.hasOwn(logEvents, word))).toEqual([])
})

it('every source that a page names is there', async () => {
  const named = [...pages].flatMap(([page, text]) =>
    page === 'CHANGELOG.md'
      ? []
      : [...text.matchAll(/(?<![\w/.])(?:src|test|scripts|probes|examples|schemas)\/[\w./-]*\w/g)].map(
          ([path]) => ({
            page,
            path
          })
        )
  )
  expect(named.length).toBeGreaterThan(20)
  const missing = await Promise.all(
    named.map(async ({ page, path }) =>
      access(join(root, path)).then(
        () => [],
        () => [`${page}: ${path}`]
      )
    )
  )
  expect(missing.flat()).toEqual([])
})

it('every link inside the repo leads somewhere', async () => {
  const broken: string[] = []
  for (const [page, text] of pages) {
    for (const { groups } of text.matchAll(/\]\((?<target>[^)#:]+)(?:#[^)]*)?\)/g)) {
      const target = join(root, dirname(page), groups?.['target'] ?? '')
      const there = await readdir(dirname(target)).then(
        names => names.includes(target.split('/').at(-1) ?? ''),
        () => false
      )
      if (!there) broken.push(`${page}: ${groups?.['target']}`)
    }
  }
  expect(broken).toEqual([])
})
