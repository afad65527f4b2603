import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import * as z from 'zod'
import { AdversaryError } from '../../src/lib/errors.ts'
import type { Machine } from '../../src/config/workspace.ts'
import {
  changedFiles,
  evidenceDirOf,
  findWorkspace,
  workspaceFile,
  loadWorkspace,
  reviewPathOf
} from '../../src/config/workspace.ts'
import { policyFor } from '../../src/config/plan/milestone-policy.ts'
import { defineProbe } from '../../src/probe/probe.ts'
import type { FactSource } from '../../src/facts/fact.ts'
import { policySchema } from '../../src/record/policy.ts'

const onHost: FactSource<string> = { key: 'on-host', place: 'host', take: async () => '' }
const inRepo = (path: string): FactSource<string> => ({
  key: `file ${path}`,
  place: 'repo',
  watches: [path],
  take: async () => ''
})
const words = { asserts: 'It is so', because: 'It matters', remedy: 'Make it so' }
const silent = { judge: () => [{ outcome: 'pass', saw: 'it' }] as const, falsify: () => [] }

const library = [
  defineProbe({
    ...words,
    ...silent,
    id: 'repo-file',
    params: z.strictObject({
      path: z.string(),
      contains: z.union([z.string(), z.array(z.string())]).optional()
    }),
    needs: ({ path }) => ({ file: inRepo(path) })
  }),
  defineProbe({
    ...words,
    ...silent,
    id: 'subnet-collision',
    params: z.strictObject({ subnet: z.string().optional() }),
    needs: () => ({ onHost }),
    hunts: { with: {}, severity: 'high' }
  }),
  defineProbe({
    ...words,
    ...silent,
    id: 'replica-counts',
    params: z.strictObject({ services: z.union([z.int().positive(), z.record(z.string(), z.string())]) }),
    needs: () => ({ onHost })
  })
]

let root: string
let dir: string
let machine: Machine

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'home-'))
  dir = join(root, 'home')
  machine = { userHome: join(root, 'user'), library: async () => library, facts: async () => ({ onHost }) }
})
afterEach(() => rm(root, { recursive: true, force: true }))

const config = `repo:
  url: ssh://git@git.example.test/ops/infra.git
  branch: main
  review: machine-docs/REVIEW-{phase}.md
  since: 4212345
identity:
  name: adversary-bot
  email: adversary@example.test
  signingKey: ~/.ssh/adversary_ed25519
hosts:
  cc-ci:
    ssh: cc-ci
    knownHosts: ./known_hosts
  other:
    ssh: ops@192.0.2.7:2222
    transport: openssh
    timeout: 5s
gate:
  allowedSigners: ./allowed_signers
`
const plan = `# what must be true
phase: pvfix
title: Swarm proxy network on 10.10.0.0/16
host: cc-ci
milestones:
  M1:
    title: patch and procedure
    checks:
      - probe: repo-file
        title: The patch is in the repo
        with: { path: nix/modules/swarm.nix, contains: 8080 }
      - probe: subnet-collision
  M2:
    needs: [M1]
    checks:
      - probe: replica-counts
        with: { services: 9 }
        within: 5m
        on: other
        waive: { reason: moving house, by: ops, until: 2026-07-01 }
`

async function write(files: Readonly<Record<string, string>>): Promise<void> {
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(dir, name)), { recursive: true })
    await writeFile(join(dir, name), text)
  }
}

async function refusal(files: Readonly<Record<string, string>>): Promise<string> {
  await write({ 'adversary.yaml': config, ...files })
  const error = await loadWorkspace(dir, machine).then(
    () => new Error('it was accepted'),
    thrown => thrown
  )
  expect(error).toBeInstanceOf(AdversaryError)
  expect(error.exit).toBe(64)
  expect(error.message).not.toMatch(/\n/)
  return error.message
}

describe('a good home', () => {
  it('has every default filled in and every path absolute', async () => {
    await write({ 'adversary.yaml': config, 'plans/pvfix.yaml': plan, 'plans/README.md': 'not a plan' })
    const home = await loadWorkspace(dir, machine)
    expect(home).toMatchObject({
      dir,
      repo: { since: '4212345', evidence: 'machine-docs/evidence', reviewBranch: null },
      identity: { signingKey: join(root, 'user/.ssh/adversary_ed25519') },
      pollMs: 30_000,
      retryMs: 900_000,
      concurrency: 16,
      gate: { allowedSigners: join(dir, 'allowed_signers') },
      stateDir: join(dir, '.adversary')
    })
    expect([...home.hosts.values()]).toEqual([
      {
        name: 'cc-ci',
        ssh: 'cc-ci',
        transport: 'ssh2',
        timeoutMs: 10_000,
        knownHosts: join(dir, 'known_hosts')
      },
      { name: 'other', ssh: 'ops@192.0.2.7:2222', transport: 'openssh', timeoutMs: 5000 }
    ])
    expect(home.claims.milestone.test('Q4.1')).toBe(true)
    expect(reviewPathOf(home, 'pvfix')).toBe('machine-docs/REVIEW-pvfix.md')
    expect(evidenceDirOf(home, 'pvfix')).toBe('machine-docs/evidence')
  })

  it('binds each check to its probe, host, limits and line', async () => {
    await write({ 'adversary.yaml': config, 'plans/pvfix.yaml': plan })
    const pvfix = (await loadWorkspace(dir, machine)).plans.get('pvfix')
    expect(pvfix).toMatchObject({ title: 'Swarm proxy network on 10.10.0.0/16', file: 'plans/pvfix.yaml' })
    expect(pvfix?.milestones).toMatchObject([
      {
        id: 'M1',
        line: 6,
        needs: [],
        watchPaths: ['nix/modules/swarm.nix'],
        maxAgeMs: 30 * 86_400_000,
        checks: [
          {
            title: 'The patch is in the repo',
            host: 'cc-ci',
            line: 9,
            probe: { id: 'repo-file', given: { path: 'nix/modules/swarm.nix', contains: '8080' } }
          },
          { title: 'It is so', line: 12, probe: { id: 'subnet-collision', given: {} } }
        ]
      },
      {
        id: 'M2',
        title: 'M2',
        needs: ['M1'],
        watchPaths: [],
        checks: [
          {
            host: 'other',
            withinMs: 300_000,
            waiver: { reason: 'moving house', by: 'ops', until: '2026-07-01' }
          }
        ]
      }
    ])
    expect(pvfix?.hunt).toMatchObject({
      everyMs: 900_000,
      blocks: ['M2'],
      checks: [{ probe: { id: 'subnet-collision' }, host: 'cc-ci', severity: 'high' }]
    })
  })

  it('has a digest that knows values and forgets layout', async () => {
    const digest = async (text: string) => {
      await write({ 'adversary.yaml': config, 'plans/pvfix.yaml': text })
      return (await loadWorkspace(dir, machine)).plans.get('pvfix')?.digest
    }
    const first = await digest(plan)
    expect(first).toMatch(/^sha256:[0-9a-f]{64}$/)
    expect(await digest(`${plan}\n# a comment\n`)).toBe(first)
    expect(await digest(plan.replace('contains: 8080', 'contains: "8080"'))).toBe(first)
    expect(await digest(plan.replace('services: 9', 'services: 8'))).not.toBe(first)
    expect(await digest(plan.replace('8080', '08080'))).not.toBe(first)
  })

  it('has a policy that the record understands', async () => {
    await write({ 'adversary.yaml': config, 'plans/pvfix.yaml': plan })
    const home = await loadWorkspace(dir, machine)
    const pvfix = home.plans.get('pvfix')
    const policy = pvfix === undefined ? null : policyFor(home, pvfix, 'machine-docs/REVIEW-pvfix.md')
    expect(policySchema.parse(policy)).toMatchObject({
      phase: 'pvfix',
      review: 'machine-docs/REVIEW-pvfix.md',
      milestones: [
        { milestone: 'M1', maxAge: 2_592_000_000 },
        { milestone: 'M2', needs: ['M1'] }
      ]
    })
  })

  it.each([
    'adversary',
    'a@',
    '@example.test',
    'a@b@c',
    '*@example.test',
    'a,b@example.test',
    '!a@b.test',
    'a b@c.test'
  ])('refuses the e-mail address %s', async email => {
    await write({
      'adversary.yaml': config.replace('adversary@example.test', JSON.stringify(email)),
      'plans/pvfix.yaml': plan
    })
    await expect(loadWorkspace(dir, machine)).rejects.toThrow(
      /identity\.email: got .*expected an e-mail address such as/
    )
  })

  it.each([
    'adversary@localhost',
    'a.b+c@ci-1.example.test',
    'prüfer@beispiel.example',
    "o'brien@example.test"
  ])('takes the e-mail address %s', async email => {
    await write({
      'adversary.yaml': config.replace('adversary@example.test', JSON.stringify(email)),
      'plans/pvfix.yaml': plan
    })
    expect((await loadWorkspace(dir, machine)).identity.email).toBe(email)
  })

  it('is found upwards, and may be reached by a link', async () => {
    await write({ 'adversary.yaml': config, 'plans/pvfix.yaml': plan })
    expect(await findWorkspace(join(dir, 'plans'))).toBe(dir)
    expect(await findWorkspace(root)).toBe(null)
    await symlink(dir, join(root, 'link'))
    expect((await loadWorkspace(join(root, 'link'), machine)).dir).toBe(dir)
  })

  it('reads files that a plan names', async () => {
    await write({ 'adversary.yaml': config, 'ca.pem': 'certificate' })
    expect(await workspaceFile({ dir }, 'ca.pem', root)).toBe('certificate')
    await expect(workspaceFile({ dir }, 'no.pem', root)).rejects.toThrow(/no\.pem does not exist in/)
  })
})

/** A change of one line of a file, and the whole error that it causes. */
type Refused = readonly [name: string, from: string, to: string, error: string]

describe('adversary.yaml', () => {
  it.each<Refused>([
    [
      'unknown key',
      '  branch: main',
      '  brunch: main',
      'adversary.yaml:3: repo.brunch: unknown key, did you mean `branch`?'
    ],
    ['key missing', '  branch: main\n', '', 'adversary.yaml:1: repo.branch: is missing; expected text'],
    [
      'not text',
      '  branch: main',
      '  branch: [main]',
      'adversary.yaml:3: repo.branch: got `["main"]`, expected text'
    ],
    [
      'option as branch',
      '  branch: main',
      '  branch: --mirror',
      'adversary.yaml:3: repo.branch: got `--mirror`, expected the name of a branch'
    ],
    [
      'leaving the repo',
      'machine-docs/REVIEW-{phase}.md',
      '../R-{phase}.md',
      'adversary.yaml:4: repo.review: got `../R-{phase}.md`, expected a path inside the repo, relative and without `..` or `.git`, with `{phase}` in it'
    ],
    [
      'one file for all phases',
      '/REVIEW-{phase}.md',
      '/REVIEW.md',
      'adversary.yaml:4: repo.review: got `machine-docs/REVIEW.md`, expected a path inside the repo, relative and without `..` or `.git`, with `{phase}` in it'
    ],
    [
      'into .git',
      'machine-docs/REVIEW',
      '.GIT/REVIEW',
      'adversary.yaml:4: repo.review: got `.GIT/REVIEW-{phase}.md`, expected a path inside the repo, relative and without `..` or `.git`, with `{phase}` in it'
    ],
    [
      'git would run a program',
      'ssh://git@git.example.test/ops/infra.git',
      'ext::sh -c id',
      'adversary.yaml:2: repo.url: got `ext::sh -c id`, expected what `git clone` takes: ssh://, https://, user@host:path or a local path, without a password'
    ],
    [
      'password',
      'ssh://git@git',
      'https://u:p@git',
      'adversary.yaml:2: repo.url: got `https://u:«redacted:url-password:1»@git.example.test/ops/infra.git`, expected what `git clone` takes: ssh://, https://, user@host:path or a local path, without a password'
    ],
    [
      'duration',
      '    timeout: 5s',
      '    timeout: 5 seconds',
      'adversary.yaml:17: hosts.other.timeout: got `5 seconds`, expected a duration such as `30s`, `15m` or `30d`'
    ],
    [
      'number as duration',
      '    timeout: 5s',
      '    timeout: 5',
      'adversary.yaml:17: hosts.other.timeout: got `5`, expected a duration such as `30s`, `15m` or `30d`'
    ],
    [
      'transport',
      'transport: openssh',
      'transport: opensssh',
      'adversary.yaml:16: hosts.other.transport: got `opensssh`, expected `ssh2`, `openssh`, `local`, did you mean `openssh`?'
    ],
    [
      'host called repo',
      '  other:',
      '  repo:',
      'adversary.yaml:14: hosts.repo: `repo` is not a valid key; expected the name of a host: letters, digits, `.`, `_`, `-` (`repo`, `web` and `record` mean other places)'
    ],
    ['prototype', '  other:', '  __proto__:', 'adversary.yaml:14: __proto__: unknown key'],
    [
      'no address',
      '    ssh: cc-ci\n',
      '',
      'adversary.yaml:11: hosts.cc-ci.ssh: is missing; expected an alias of ~/.ssh/config, or `user@host:port`'
    ],
    [
      'option as address',
      '    ssh: cc-ci',
      '    ssh: -oProxyCommand=id',
      'adversary.yaml:12: hosts.cc-ci.ssh: got `-oProxyCommand=id`, expected an alias of ~/.ssh/config, or `user@host:port`'
    ],
    [
      'pattern',
      'gate:',
      'claims: { phase: "(a" }\ngate:',
      'adversary.yaml:18: claims.phase: got `(a`: not a linear-time regular expression (RE2 syntax): missing closing ): `(a`'
    ],
    [
      'two keys',
      '  branch: main',
      '  branch: main\n  branch: next',
      'adversary.yaml:4:3: branch: the same key twice'
    ],
    [
      'tabs',
      '  branch: main',
      '\tbranch: main',
      'adversary.yaml:3:1: found a tab as indentation; expected spaces'
    ],
    [
      'tag',
      '  branch: main',
      '  branch: !!js/function x',
      'adversary.yaml:3:11: unknown tag `!!js/function`; remove it, or put the whole value in quotes'
    ],
    [
      'two documents',
      'gate:',
      '---\ngate:',
      'adversary.yaml:18:1: found a second document; expected one; remove the line `---` and what follows it'
    ],
    [
      'an alias of nothing',
      '  branch: main',
      '  branch: *main',
      'adversary.yaml: `*main` has no anchor before it; expected `&main`'
    ],
    [
      'merge key',
      'gate:',
      'gate: { <<: { a: b } }\nx:',
      'adversary.yaml:18: gate."<<": unknown key; expected `allowedSigners`'
    ]
  ])('%s', async (_, from, to, error) => {
    expect(config).toContain(from)
    expect(await refusal({ 'adversary.yaml': config.replace(from, to) })).toBe(error)
  })

  it.each([
    ['nothing', '', 'adversary.yaml:1: got `null`, expected a mapping'],
    ['a list', '- a', 'adversary.yaml:1: got `["a"]`, expected a mapping'],
    ['bytes that are no text', '\u0000', expect.stringMatching(/^adversary\.yaml/)],
    [
      'too large',
      `# ${'x'.repeat(1024 * 1024)}`,
      'adversary.yaml: cannot be read: it is larger than 1048576 bytes'
    ]
  ])('%s', async (_, text, error) => {
    expect(await refusal({ 'adversary.yaml': text })).toEqual(error)
  })

  it('is not drowned by aliases of aliases', async () => {
    const bomb = Array.from(
      { length: 30 },
      (_, n) => `a${n}: &a${n} [${n === 0 ? 'x' : `*a${n - 1},*a${n - 1}`}]`
    )
    expect(await refusal({ 'adversary.yaml': bomb.join('\n') })).toMatch(
      /^adversary\.yaml: aliases repeat too much data/
    )
  })

  it('must be there', async () => {
    await mkdir(dir)
    await expect(loadWorkspace(dir, machine)).rejects.toThrow(/no adversary\.yaml in /)
  })
})

describe('a check on several hosts', () => {
  const load = async (on: string, hosts = 'web-1: {}\n  web-2: {}\n  db: {}\n') => {
    const listed = hosts.replaceAll('{}', '{ transport: local }')
    await write({
      'adversary.yaml': config.replace(/hosts:\n(?: {2}.*\n)+/, `hosts:\n  ${listed}`),
      'plans/pvfix.yaml': plan.replace('host: cc-ci', 'host: db').replace('on: other', `on: ${on}`)
    })
    const milestone = (await loadWorkspace(dir, machine)).plans.get('pvfix')?.milestones[1]
    return {
      hosts: milestone?.checks.map(({ host }) => host),
      titles: milestone?.checks.map(({ title }) => title.replace(/^.*(?= \()/, '…')),
      digest: milestone?.digest
    }
  }

  it.each([
    ['web-2', ['web-2']],
    ['[web-2]', ['web-2']],
    ['[web-2, db, web-2]', ['web-2', 'db']],
    ["'web-*'", ['web-1', 'web-2']],
    ["[db, 'web-[!1]']", ['db', 'web-2']],
    ["'*'", ['web-1', 'web-2', 'db']]
  ])('%s is one check for each of %j', async (on, hosts) => {
    expect((await load(on)).hosts).toEqual(hosts)
  })

  it('has the host in its title, where there are several', async () => {
    expect((await load("'web-*'")).titles).toEqual(['… (web-1)', '… (web-2)'])
    expect((await load('db')).titles).not.toContain('… (db)')
  })

  it('is another check when a glob finds another host, and the same as ever without a glob', async () => {
    const more = 'web-1: {}\n  web-2: {}\n  web-3: {}\n  db: {}\n'
    expect((await load("'web-*'", more)).digest).not.toBe((await load("'web-*'")).digest)
    expect((await load("'d*'", more)).digest).toBe((await load("'d*'")).digest)
    expect((await load('db', more)).digest).toBe((await load('db')).digest)
  })

  it.each([
    ["'wep-*'", 'plans/pvfix.yaml:19: milestones.M2.checks[0].on: `wep-*` matches no host of adversary.yaml'],
    [
      '[db, wep-1]',
      'plans/pvfix.yaml:19: milestones.M2.checks[0].on[1]: `wep-1` is not a host of adversary.yaml, did you mean `web-1`?'
    ],
    ['[]', 'plans/pvfix.yaml:19: milestones.M2.checks[0].on: ']
  ])('%s is refused', async (on, message) => {
    await expect(load(on)).rejects.toThrow(message)
  })
})

describe('a plan', () => {
  it.each<Refused>([
    [
      'unknown key',
      '    needs: [M1]',
      '    need: [M1]',
      'plans/pvfix.yaml:14: milestones.M2.need: unknown key, did you mean `needs`?'
    ],
    [
      'unknown probe',
      'probe: replica-counts',
      'probe: replica-count',
      'plans/pvfix.yaml:16: milestones.M2.checks[0].probe: unknown probe `replica-count`, did you mean `replica-counts`?'
    ],
    [
      'unknown parameter',
      'with: { services: 9 }',
      'with: { service: 9 }',
      'plans/pvfix.yaml:17: milestones.M2.checks[0].with.service: unknown key, did you mean `services`?'
    ],
    [
      'bad parameter',
      'with: { services: 9 }',
      'with: { services: nine }',
      'plans/pvfix.yaml:17: milestones.M2.checks[0].with.services: got `nine`, expected a number or a mapping'
    ],
    [
      'deep parameter',
      'with: { services: 9 }',
      'with: { services: { web: [1] } }',
      'plans/pvfix.yaml:17: milestones.M2.checks[0].with.services.web: got `[1]`, expected text'
    ],
    [
      'parameter missing',
      '        with: { services: 9 }\n',
      '',
      'plans/pvfix.yaml:16: milestones.M2.checks[0].with.services: is missing; expected a number or a mapping'
    ],
    [
      'unknown host',
      'on: other',
      'on: othr',
      'plans/pvfix.yaml:19: milestones.M2.checks[0].on: `othr` is not a host of adversary.yaml, did you mean `other`?'
    ],
    [
      'unknown host of the plan',
      'host: cc-ci',
      'host: nowhere',
      'plans/pvfix.yaml:4: host: `nowhere` is not a host of adversary.yaml, which has `cc-ci`, `other`'
    ],
    [
      'no host',
      'host: cc-ci\n',
      '',
      'plans/pvfix.yaml:11: milestones.M1.checks[1]: `subnet-collision` reads a host; expected `on:` here or `host:` in the plan'
    ],
    [
      'unknown need',
      'needs: [M1]',
      'needs: [M11]',
      'plans/pvfix.yaml:14: milestones.M2.needs[0]: `M11` is not a milestone of this plan, did you mean `M1`?'
    ],
    [
      'needs itself',
      'needs: [M1]',
      'needs: [M2]',
      'plans/pvfix.yaml:14: milestones.M2.needs[0]: milestones need each other: M2 → M2'
    ],
    [
      'a circle of needs',
      '    title: patch and procedure',
      '    needs: [M2]',
      'plans/pvfix.yaml:14: milestones.M2.needs[0]: milestones need each other: M1 → M2 → M1'
    ],
    [
      'no milestones',
      plan.slice(plan.indexOf('milestones:')),
      'milestones: {}\n',
      'plans/pvfix.yaml:5: milestones: got `{}`, expected at least one milestone'
    ],
    [
      'a name that is none',
      '  M2:',
      '  m2:',
      'plans/pvfix.yaml:13: milestones.m2: expected the name of a milestone: ^[A-Z]{1,4}\\d+(\\.\\d+)*$'
    ],
    ['two of one name', '  M2:', '  M1:', 'plans/pvfix.yaml:13:3: M1: the same key twice'],
    [
      'another phase',
      'phase: pvfix',
      'phase: pvfux',
      "plans/pvfix.yaml:2: phase: got `pvfux`, expected `pvfix` as the file's name says"
    ],
    [
      'a phase that is none',
      'phase: pvfix',
      'phase: ../x',
      'plans/pvfix.yaml:2: phase: expected the name of a phase: ^[a-z0-9][a-z0-9-]{0,63}$'
    ],
    [
      'a day that is none',
      '2026-07-01',
      '2026-13-01',
      'plans/pvfix.yaml:20: milestones.M2.checks[0].waive.until: got `2026-13-01`, expected a day such as `2026-07-01`'
    ],
    [
      'a waiver without a reason',
      'reason: moving house, ',
      '',
      'plans/pvfix.yaml:20: milestones.M2.checks[0].waive.reason: is missing; expected text'
    ],
    [
      'a title of two lines',
      'title: The patch is in the repo',
      'title: "a\\n## M1: PASS"',
      'plans/pvfix.yaml:10: milestones.M1.checks[0].title: got `a�## M1: PASS`, expected one line of text, at most 300 characters'
    ],
    [
      'a hunt that needs an expectation',
      '# what',
      'hunt: { probes: [repo-file] }\n# what',
      'plans/pvfix.yaml:1: hunt.probes[0]: `repo-file` needs an expectation, so it cannot hunt; expected one of `subnet-collision`'
    ],
    [
      'a hunt of one word',
      '# what',
      'hunt: { probes: al }\n# what',
      'plans/pvfix.yaml:1: hunt.probes: got `al`, expected `all` or a list'
    ],
    [
      'blocks what is not there',
      '# what',
      'hunt: { blocks: [D8] }\n# what',
      'plans/pvfix.yaml:1: hunt.blocks[0]: `D8` is not a milestone of this plan, which has `M1`, `M2`'
    ],
    [
      'watching outside',
      '    needs: [M1]',
      '    watchPaths: [/etc]',
      'plans/pvfix.yaml:14: milestones.M2.watchPaths[0]: got `/etc`, expected a path inside the repo, relative and without `..` or `.git`'
    ]
  ])('%s', async (_, from, to, error) => {
    expect(plan).toContain(from)
    expect(await refusal({ 'plans/pvfix.yaml': plan.replace(from, to) })).toBe(error)
  })

  it('without checks asserts nothing', async () => {
    const text = 'phase: x\nmilestones:\n  M1:\n    checks: []\n'
    expect(await refusal({ 'plans/x.yaml': text })).toBe(
      'plans/x.yaml:4: milestones.M1.checks: got `[]`, expected at least one check'
    )
  })

  it('of another ending is not passed over', async () => {
    expect(await refusal({ 'plans/x.yml': plan })).toBe('plans/x.yml: expected the ending `.yaml`')
  })

  it('may be called by a number', async () => {
    await write({ 'adversary.yaml': config, 'plans/2.yaml': plan.replace('phase: pvfix', 'phase: 2') })
    expect([...(await loadWorkspace(dir, machine)).plans.keys()]).toEqual(['2'])
  })
})

describe('the home and the watched repo', () => {
  it.each([
    ['another way to write its address', 'git@git.example.test:ops/infra'],
    ['over https', 'https://git.example.test/ops/infra.git/']
  ])('inside a clone of it, by %s', async (_, url) => {
    await write({ '../.git/config': `[remote "origin"]\n\turl = ${url}\n` })
    expect(await refusal({})).toMatch(/^the home .* is inside a working tree of the watched repo$/)
  })

  it('inside the repo itself, by a relative path', async () => {
    await write({ '../.git/config': '' })
    const error = await refusal({ 'adversary.yaml': config.replace(/url: .*/, 'url: ..') })
    expect(error).toMatch(/inside a working tree of the watched repo$/)
  })

  it('inside a linked working tree of it', async () => {
    await write({
      '../../main/.git/config': '[remote "up"]\n\turl = ssh://git.example.test/ops/infra\n',
      '../../main/.git/worktrees/w/commondir': '../..\n',
      '../.git': `gitdir: ${join(root, '../main/.git/worktrees/w')}\n`
    })
    const error = await refusal({})
    await rm(join(root, '../main'), { recursive: true })
    expect(error).toMatch(/inside a working tree of the watched repo$/)
  })

  it('a repo of its own is welcome', async () => {
    await write({
      '.git/config': '[remote "origin"]\n\turl = ssh://git.example.test/ops/reviewer.git\n',
      'adversary.yaml': config
    })
    expect((await loadWorkspace(dir, machine)).dir).toBe(dir)
  })
})

describe('forge and serve', () => {
  const load = async (more: string, url = 'git@github.com:ops/infra.git') => {
    const base = config.replace('ssh://git@git.example.test/ops/infra.git', url)
    await write({ 'adversary.yaml': `${base}${more}\n`, 'plans/pvfix.yaml': plan })
    return loadWorkspace(dir, machine)
  }

  it('are guessed from the address of the repo, and nothing is posted where there is no `forge`', async () => {
    expect((await load('')).forge).toBeNull()
    expect((await load('forge: {}')).forge).toEqual({
      kind: 'github',
      url: 'https://github.com',
      repo: 'ops/infra',
      token: { key: 'forge.token', file: null, env: 'ADVERSARY_FORGE_TOKEN' },
      ca: null
    })
    expect(
      (await load('forge: { kind: gitlab, url: "https://g.example.test/x/", repo: a/b/c, token: ./t }')).forge
    ).toMatchObject({
      kind: 'gitlab',
      url: 'https://g.example.test/x',
      repo: 'a/b/c',
      token: { file: join(dir, 't') }
    })
    expect((await load('')).serve).toEqual({
      listen: { address: '127.0.0.1', port: 8750 },
      hosts: [],
      webhook: null,
      drone: null,
      board: false,
      metrics: false
    })
    const shown = await load('serve: { board: true, metrics: true }')
    expect(shown.serve).toMatchObject({ board: true, metrics: true })
    expect((await load('serve: { listen: "[::1]:80" }')).serve.listen).toEqual({ address: '::1', port: 80 })
  })

  const own = '/srv/git/infra.git'
  it.each<[more: string, why: RegExp, url?: string]>([
    [
      'forge: {}',
      /adversary\.yaml:\d+: forge\.kind: is missing and cannot be derived from `repo\.url`; expected `gitea`/,
      own
    ],
    ['forge: { kind: gitea }', /forge\.url: is missing/, own],
    ['forge: { kind: gitea, url: "https://g.example.test" }', /forge\.repo: is missing/, own],
    ['forge: { url: "http://g.example.test" }', /forge\.url: .*never sent in the clear/],
    ['forge: { url: "https://me:pw@g.example.test" }', /forge\.url: .*without a login/],
    ['forge: { url: "ftp://g.example.test" }', /forge\.url/],
    ['forge: { repo: infra }', /forge\.repo/],
    ['forge: { repo: a/b/c }', /only GitLab has more levels/],
    ['forge: { kind: gogs }', /forge\.kind/],
    ['forge: { secret: x }', /forge\.secret/],
    ['serve: { listen: "localhost:80" }', /serve\.listen: .*an address and a port/],
    ['serve: { listen: "127.0.0.1:70000" }', /serve\.listen/],
    ['serve: { listen: "127.0.0.1" }', /serve\.listen/],
    ['serve: { board: "yes" }', /serve\.board/],
    ['serve: { drone: { gates: [] } }', /serve\.drone\.gates/],
    ['serve: { drone: { gates: [{ target: x }] } }', /gates\[0\]: expected `gate`, or `letThrough: true`/],
    [
      'serve: { drone: { gates: [{ gate: p-M1, letThrough: true }] } }',
      /expected `gate`, or `letThrough: true`/
    ],
    ['serve: { drone: { gates: [{ letThrough: false }] } }', /letThrough/],
    ['serve: { drone: { gates: [{ gate: p-M1, event: deploy }] } }', /event/],
    ['serve: { drone: { gates: [{ gate: p-M1 }] } }', /serve\.drone\.repo: is missing/, own]
  ])('%s is refused', async (more, why, url) => {
    await expect(load(more, url)).rejects.toThrow(why)
  })
})

it('knows which of its files were written since it was read', async () => {
  const own = (id: string) =>
    `export default ({ defineProbe, z }) => defineProbe({ id: '${id}', asserts: 'a', because: 'b', remedy: 'c', params: z.strictObject({}), needs: () => ({}), judge: () => [], falsify: () => [] })`
  const files = { 'adversary.yaml': config, 'plans/pvfix.yaml': plan, 'probes/mine.mjs': own('mine') }
  await write(files)
  const home = await loadWorkspace(dir, machine)
  const changed = () => changedFiles(home, ['adversary.yaml', 'plans/pvfix.yaml'])
  expect(await changed()).toEqual([])
  for (const [name, text] of Object.entries(files)) {
    await write({ [name]: `${text}\n` })
    expect(await changed()).toEqual([name])
    await write({ [name]: text })
  }
  // What is asked for counts, and no other plan.
  await write({ 'plans/other.yaml': 'half' })
  expect(await changed()).toEqual([])
  await rm(join(dir, 'plans/pvfix.yaml'))
  expect(await changed()).toEqual(['plans/pvfix.yaml'])
})

describe("the home's own probes", () => {
  const own = (id: string, extra = '') => `export default ({ defineProbe, facts, z }) => defineProbe({
    id: '${id}', asserts: 'a', because: 'b', remedy: 'c', params: z.strictObject({ n: z.number() }),
    needs: () => ({ seen: facts.onHost }), judge: () => [{ outcome: 'pass', saw: 'it' }], falsify: () => [], ${extra} })`

  it('are checks like any other', async () => {
    const text = 'phase: x\nhost: cc-ci\nmilestones: { M1: { checks: [{ probe: mine, with: { n: 1 } }] } }\n'
    await write({ 'adversary.yaml': config, 'probes/mine.mjs': own('mine'), 'plans/x.yaml': text })
    const check = (await loadWorkspace(dir, machine)).plans.get('x')?.milestones[0]?.checks[0]
    expect(check?.probe.judge({})).toEqual([{ outcome: 'pass', saw: 'it' }])
  })

  it.each([
    [
      'of another name',
      own('yours'),
      "probes/mine.mjs: id: got `yours`, expected `mine` as the file's name says"
    ],
    [
      'without a reason',
      own('mine', "because: ''"),
      'probes/mine.mjs: because: expected the reason why this matters'
    ],
    ['that is none', 'export default () => 5', /^probes\/mine\.mjs: default export: /],
    [
      'that exports nothing',
      '',
      'probes/mine.mjs: expected `export default ({ defineProbe, facts, z }) => …`'
    ],
    ['that throws', 'throw new Error("no")', 'probes/mine.mjs: no']
  ])('%s', async (_, text, error) => {
    expect(await refusal({ 'probes/mine.mjs': text })).toMatch(error)
  })

  it('never replace one of the library', async () => {
    expect(await refusal({ 'probes/repo-file.mjs': own('repo-file') })).toBe(
      'probes/repo-file.mjs: id: the library already has a probe `repo-file`'
    )
  })
})
