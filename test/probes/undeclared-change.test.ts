import { describe, expect, it } from 'vitest'
import { undeclaredChange } from '../../probes/undeclared-change.ts'
import { outcomeOf } from '../../src/probe/run.ts'
import { followed } from '../../src/systems/baseline/declared.ts'
import type { HostBaseline } from '../../src/systems/baseline/baseline.ts'
import { broughtLines } from '../../src/systems/repo/commits.ts'
import { network, service, template } from '../support/docker.ts'

const start = (hash: string) => `/nix/store/${hash}-unit-script-app-start/bin/app-start`
const unit = (name: string, hash = 'aaa') => ({
  name,
  files: [{ path: `/etc/systemd/system/${name}`, text: `[Service]\nExecStart=${start(hash)}\n` }]
})
const then: HostBaseline = {
  networks: {
    seen: true,
    items: [
      { name: 'proxy', subnets: ['10.10.0.0/16'] },
      { name: 'bridge', subnets: [] }
    ]
  },
  services: { seen: true, items: [{ name: 'shop_app', image: 'shop:2' }] },
  units: { seen: true, items: [{ name: 'app.service', starts: [`ExecStart=${start('aaa')}`] }] }
}
const bridge = network({ id: 'networkbridge', name: 'bridge', subnets: [] })
const programs = (...services: ReturnType<typeof unit>[]) => ({ services, programs: [], untold: [] })
const facts = {
  before: { commit: 'e6349a9'.repeat(6).slice(0, 40), at: '2026-06-13T05:30:00Z', hosts: { 'cc-ci': then } },
  host: 'cc-ci',
  networks: [bridge, network()],
  services: [service()],
  programs: programs(unit('app.service'))
}
const other = network({ subnets: [{ subnet: '10.20.0.0/16', gateway: null }] })
const before = (changed: Partial<HostBaseline>) => ({
  before: { ...facts.before, hosts: { 'cc-ci': { ...then, ...changed } } }
})

describe('undeclared-change', () => {
  it.each<[why: string, outcome: string, changed: Partial<typeof facts>, expect?: readonly string[]]>([
    ['nothing differs', 'pass', {}],
    ['only ids and times differ', 'pass', { networks: [bridge, network({ id: 'new', createdMicros: 1 })] }],
    ['only the number of tasks differs', 'pass', { services: [service({ mode: { kind: 'global' } })] }],
    ['a new network', 'fail', { networks: [...facts.networks, network({ name: 'debug' })] }],
    [
      'a new network, expected',
      'pass',
      { networks: [...facts.networks, network({ name: 'debug' })] },
      ['deb*']
    ],
    [
      'a new network, another one expected',
      'fail',
      { networks: [...facts.networks, network({ name: 'debug' })] },
      ['de']
    ],
    ['a second network of one name', 'fail', { networks: [...facts.networks, network()] }],
    ['a network gone', 'fail', { networks: [bridge] }],
    ['another subnet', 'fail', { networks: [bridge, other] }],
    ['another subnet, expected', 'pass', { networks: [bridge, other] }, ['proxy']],
    ['no network listed', 'unknown', { networks: [] }],
    ['a new service', 'fail', { services: [service(), service({ name: 'shop_db' })] }],
    ['a service gone', 'fail', { services: [] }],
    ['another image', 'fail', { services: [service({ template: template('3') })] }],
    ['another image, expected', 'pass', { services: [service({ template: template('3') })] }, ['shop_*']],
    ['another start program', 'fail', { programs: programs(unit('app.service', 'bbb')) }],
    [
      'another start program, expected',
      'pass',
      { programs: programs(unit('app.service', 'bbb')) },
      ['app.service']
    ],
    [
      'another start program, expected in short',
      'pass',
      { programs: programs(unit('app.service', 'bbb')) },
      ['app']
    ],
    ['a new unit', 'fail', { programs: programs(unit('app.service'), unit('new.service')) }],
    ['a unit gone', 'fail', { programs: programs() }],
    ['somebody logged in', 'pass', { programs: programs(unit('app.service'), unit('user@0.service')) }],
    ['expected, and it never changed', 'pass', {}, ['proxy']],
    ['another host', 'unknown', { host: 'other' }],
    ['a host called after a property', 'unknown', { host: 'constructor' }],
    ['the baseline could not see the units', 'unknown', before({ units: { seen: false, why: 'timed out' } })],
    [
      'nor the units, and a network changed',
      'fail',
      { ...before({ units: { seen: false, why: 'timed out' } }), networks: [bridge, other] }
    ]
  ])('%s: %s', (_, outcome, changed, expected = []) => {
    const wish = undeclaredChange.params.parse({ expect: expected })
    const seen = { ...facts, ...changed }
    expect(outcomeOf(undeclaredChange.judge(seen, wish))).toBe(outcome)
    if (outcome === 'unknown') return
    const untrue = undeclaredChange.falsify(seen, wish)
    expect(untrue.length).toBe(1)
    for (const one of untrue) expect(outcomeOf(undeclaredChange.judge(one, wish))).toBe('fail')
  })

  it('names each thing, as it was and as it is', () => {
    const seen = {
      ...facts,
      networks: [bridge, other],
      services: [],
      programs: programs(unit('app.service', 'bbb'), unit('new.service'))
    }
    const since = 'the baseline of 2026-06-13T05:30:00Z (e6349a9)'
    const wish = (was: string) => `${was}, as in ${since}, or a change that the plan expects`
    expect(undeclaredChange.judge(seen, { expect: ['new'], explainedBy: 'plan' })).toEqual([
      {
        outcome: 'fail',
        saw: 'network proxy: 10.20.0.0/16',
        expected: wish('10.10.0.0/16'),
        at: 'network proxy'
      },
      { outcome: 'fail', saw: 'service shop_app: removed', expected: wish('shop:2'), at: 'service shop_app' },
      {
        outcome: 'fail',
        saw: `unit app.service: ExecStart=${start('bbb')}`,
        expected: wish(`ExecStart=${start('aaa')}`),
        at: 'unit app.service'
      }
    ])
  })

  it.each<[why: string, outcome: string, starts: string, expect?: string[]]>([
    ['the same mark of a secret, which may be another secret', 'unknown', '«redacted:password»'],
    ['and the rest differs', 'fail', '«redacted:password» --now'],
    ['and the plan expects it', 'pass', '«redacted:password»', ['app']]
  ])('a start with %s: %s', (_, outcome, word, expect_ = []) => {
    const hidden = (text: string) => ({
      name: 'app.service',
      files: [
        { path: '/etc/systemd/system/app.service', text: `[Service]\nExecStart=/usr/bin/app ${text}\n` }
      ]
    })
    const seen = {
      ...facts,
      ...before({
        units: {
          seen: true,
          items: [{ name: 'app.service', starts: ['ExecStart=/usr/bin/app «redacted:password»'] }]
        }
      }),
      programs: programs(hidden(word.replace('password', 'password:0a1b')))
    }
    const wish = undeclaredChange.params.parse({ expect: expect_ })
    const found = undeclaredChange.judge(seen, wish)
    expect(outcomeOf(found)).toBe(outcome)
    if (outcome === 'unknown') expect(JSON.stringify(found)).toContain('hold a secret')
  })

  it('cannot fail where everything is expected', () => {
    expect(undeclaredChange.falsify(facts, { expect: ['*'], explainedBy: 'plan' })).toEqual([])
  })
})

describe('undeclared-change, explained by commits', () => {
  const wish = undeclaredChange.params.parse({ explainedBy: 'commits' })
  const sha = '6c1f2aa'.repeat(6).slice(0, 40)
  type Change = Readonly<Record<string, readonly [before: string | null, after: string | null]>>
  const commitsOf = (changes: Change) => ({
    from: facts.before.commit,
    to: sha,
    lines: broughtLines(
      Object.entries(changes).map(([path, [before, after]]) => ({
        path,
        before,
        after,
        brought: new Map((after ?? '').split('\n').map((_, index) => [index + 1, sha]))
      }))
    )
  })
  const make = (rest: string) => `docker network create --driver overlay ${rest}\n`
  const subnet = { networks: [bridge, other] }
  const added = { networks: [...facts.networks, network({ name: 'debug' })] }
  const gone = { networks: [bridge] }
  const image = { services: [service({ template: template('3') })] }
  const update = (rest: string) => `docker service update ${rest}\n`
  const start = (command: string) => ({
    name: 'app.service',
    files: [{ path: '/etc/systemd/system/app.service', text: `[Service]\nExecStart=${command}\n` }]
  })
  const started = { programs: programs(start('/usr/bin/app --new')) }
  const scripted = { programs: programs(unit('app.service', 'bbb')) }
  const born = { programs: programs(unit('app.service'), { ...start('/usr/bin/new'), name: 'new.service' }) }
  const sh = (after: string, before: string | null = null): Change => ({ 'ops/net.sh': [before, after] })

  it('follows all lines within one budget, and past it knows nothing', () => {
    const calls = (name: string) => Array.from({ length: 10 }, () => name).join('; ')
    const slow = `f() { docker ps; }; g() { ${calls('f')}; }; h() { ${calls('g')}; }; ${calls('h')}`
    const commits = (lines: number) => {
      const text = Array.from({ length: lines }, (_, at) => `${slow} ${at}`).join('\n')
      return commitsOf(sh(`${make('--subnet 10.20.0.0/16 proxy')}${text}\n`))
    }
    expect(followed(commits(10).lines).whole).toBe(true)
    expect(outcomeOf(undeclaredChange.judge({ ...facts, ...subnet, commits: commits(10) }, wish))).toBe(
      'pass'
    )
    expect(followed(commits(2_000).lines).whole).toBe(false)
    const seen = { ...facts, ...subnet, commits: commits(2_000) }
    expect(outcomeOf(undeclaredChange.judge(seen, wish))).toBe('unknown')
    // What differs and no commit could declare is not excused by that.
    expect(outcomeOf(undeclaredChange.judge({ ...seen, ...facts }, wish))).toBe('pass')
  })

  it.each<[why: string, outcome: string, changed: Partial<typeof facts>, commits: Change]>([
    ['nothing differs and no commit', 'pass', {}, {}],
    ['a commit that nothing follows', 'pass', {}, sh(make('--subnet 10.20.0.0/16 proxy'))],
    ['no commit', 'fail', subnet, {}],
    ['the subnet and the name', 'pass', subnet, sh(make('--subnet 10.20.0.0/16 proxy'))],
    ['over two lines', 'pass', subnet, sh(make('\\\n  --subnet=10.20.0.0/16 \\\n  proxy'))],
    ['guarded', 'pass', subnet, sh(`docker network inspect proxy || ${make('--subnet 10.20.0.0/16 proxy')}`)],
    [
      'in a script that Nix holds',
      'pass',
      subnet,
      {
        'nix/swarm.nix': [
          '{ }\n',
          "{ s = ''\n${pkgs.docker}/bin/docker network create --subnet 10.20.0.0/16 proxy || true\n''; }\n"
        ]
      }
    ],
    ['a new network', 'pass', added, sh(make('--subnet 10.10.0.0/16 debug'))],
    [
      'removed and made anew',
      'pass',
      subnet,
      sh(`docker network rm proxy\n${make('--subnet 10.20.0.0/16 proxy')}`)
    ],
    [
      'made and removed again',
      'fail',
      added,
      sh(`${make('--subnet 10.10.0.0/16 debug')}docker network rm debug\n`)
    ],
    ['in a comment', 'fail', subnet, sh(`# ${make('--subnet 10.20.0.0/16 proxy')}`)],
    ['behind a command, in a comment', 'fail', subnet, sh(`true # ${make('--subnet 10.20.0.0/16 proxy')}`)],
    ['only said', 'fail', subnet, sh(`echo ${make('--subnet 10.20.0.0/16 proxy')}`)],
    ['in prose', 'fail', subnet, { 'STATUS.md': [null, make('--subnet 10.20.0.0/16 proxy')] }],
    ['only the name', 'fail', subnet, sh(make('proxy'))],
    ['only the subnet', 'fail', subnet, sh(make('--subnet 10.20.0.0/16 proxy-old'))],
    ['a variable for the name', 'fail', subnet, sh(make('--subnet 10.20.0.0/16 "$proxy"'))],
    ['a longer subnet', 'fail', subnet, sh(make('--subnet 10.20.0.0/160 proxy'))],
    ['the old subnet', 'fail', subnet, sh(make('--subnet 10.10.0.0/16 proxy'))],
    [
      'two subnets of which one is live',
      'fail',
      subnet,
      sh(make('--subnet 10.20.0.0/16 --subnet 10.30.0.0/16 proxy'))
    ],
    [
      'two lines that disagree',
      'fail',
      subnet,
      sh(`${make('--subnet 10.20.0.0/16 proxy')}${make('--subnet 10.30.0.0/16 proxy')}`)
    ],
    [
      'it connects, and does not create',
      'fail',
      subnet,
      sh('docker network connect --ip 10.20.0.0/16 proxy app\n')
    ],
    [
      'indented anew',
      'fail',
      subnet,
      sh(`  ${make('--subnet 10.20.0.0/16 proxy')}`, make('--subnet 10.20.0.0/16 proxy'))
    ],
    [
      'moved to another file',
      'fail',
      subnet,
      {
        'a.sh': [make('--subnet 10.20.0.0/16 proxy'), null],
        'b.sh': [null, make('--subnet 10.20.0.0/16 proxy')]
      }
    ],
    [
      'a comment that became a command',
      'pass',
      subnet,
      sh(make('--subnet 10.20.0.0/16 proxy'), `# ${make('--subnet 10.20.0.0/16 proxy')}`)
    ],
    ['a line that went', 'fail', gone, sh('true\n', make('--subnet 10.10.0.0/16 proxy'))],
    ['gone, and removed by a line', 'fail', gone, sh('docker network rm proxy\n')],
    [
      'two networks of one name',
      'fail',
      { networks: [...facts.networks, network()] },
      sh(make('--subnet 10.10.0.0/16 proxy'))
    ],
    ['a setting in YAML', 'pass', subnet, { 'net.yml': [null, 'networks:\n  proxy: 10.20.0.0/16\n'] }],
    [
      'one on a line in YAML',
      'pass',
      subnet,
      { 'net.yml': [null, '- { name: proxy, subnet: 10.20.0.0/16 }\n'] }
    ],
    [
      'a setting in Nix',
      'pass',
      subnet,
      { 'net.nix': ['{ }', '{\n  networks.proxy.subnet = "10.20.0.0/16";\n}\n'] }
    ],
    ['a shell variable', 'fail', subnet, sh('proxy=10.20.0.0/16\n')],
    ['another key in YAML', 'fail', subnet, { 'net.yml': [null, 'not-proxy: 10.20.0.0/16\n'] }],
    ['in a text of JSON', 'fail', subnet, { 'net.json': [null, '"proxy": "10.20.0.0/16"\n'] }],
    ['an image', 'pass', image, sh(update('--image shop:3 shop_app'))],
    ['an image as a setting', 'pass', image, { 'images.yml': [null, 'shop_app: shop:3\n'] }],
    ['an image of another service', 'fail', image, sh(update('--image shop:3 shop_app2'))],
    ['another image', 'fail', image, sh(update('--image shop:30 shop_app'))],
    ['an update of something else', 'fail', image, sh(update('--label-add v=shop:3 shop_app'))],
    [
      'the image of a compose file, of nobody knows which stack',
      'fail',
      image,
      { 's.yml': [null, '    image: shop:3\n'] }
    ],
    [
      'the start in the unit',
      'pass',
      started,
      { 'u/app.service': [null, '[Service]\nExecStart=/usr/bin/app --new\n'] }
    ],
    [
      'the start in a drop-in',
      'pass',
      started,
      { 'app.service.d/a.conf': [null, 'ExecStart=/usr/bin/app --new\n'] }
    ],
    [
      'the start in another unit',
      'fail',
      started,
      { 'u/app2.service': [null, '[Service]\nExecStart=/usr/bin/app --new\n'] }
    ],
    [
      'another start',
      'fail',
      started,
      { 'u/app.service': [null, '[Service]\nExecStart=/usr/bin/app --newer\n'] }
    ],
    [
      'the start in a comment of the unit',
      'fail',
      started,
      { 'u/app.service': [null, '#ExecStart=/usr/bin/app --new\n'] }
    ],
    [
      'a start that is gone',
      'fail',
      { programs: programs() },
      { 'u/app.service': ['ExecStart=/usr/bin/app\n', null] }
    ],
    ['a new unit', 'pass', born, { 'u/new.service': [null, '[Service]\nExecStart=/usr/bin/new\n'] }],
    [
      'the script of NixOS',
      'pass',
      scripted,
      { 'a.nix': ['{ }', "{ systemd.services.app.script = ''\ntrue\n''; }\n"] }
    ],
    [
      'the description of NixOS',
      'fail',
      scripted,
      { 'a.nix': ['{ }', '{ systemd.services.app.description = "x"; }\n'] }
    ],
    [
      'the script of another unit',
      'fail',
      scripted,
      { 'a.nix': ['{ }', "{ systemd.services.app2.script = ''\n''; }\n"] }
    ],
    [
      'a network explained, and an image not',
      'fail',
      { ...subnet, ...image },
      sh(make('--subnet 10.20.0.0/16 proxy'))
    ]
  ])('%s: %s', (_, outcome, changed, commits) => {
    const seen = { ...facts, ...changed, commits: commitsOf(commits) }
    expect(outcomeOf(undeclaredChange.judge(seen, wish))).toBe(outcome)
    // Not asked for, no commit explains anything.
    const { commits: __, ...plain } = seen
    const strict = undeclaredChange.params.parse({})
    expect(outcomeOf(undeclaredChange.judge(plain, strict))).toBe(
      Object.keys(changed).length === 0 ? 'pass' : 'fail'
    )
    const untrue = undeclaredChange.falsify(seen, wish)
    expect(untrue.length).toBeGreaterThan(0)
    for (const one of untrue) expect(outcomeOf(undeclaredChange.judge(one, wish))).toBe('fail')
  })

  it('only a plan that says so asks for the commits', () => {
    expect(Object.keys(undeclaredChange.needs(undeclaredChange.params.parse({})))).not.toContain('commits')
    expect(Object.keys(undeclaredChange.needs(wish))).toContain('commits')
  })

  it('names the commit, the file and the line', () => {
    const commits = commitsOf(sh(`true\n${make('--subnet 10.20.0.0/16 proxy')}`))
    const seen = { ...facts, ...subnet, commits }
    expect(undeclaredChange.judge(seen, wish)).toEqual([
      {
        outcome: 'pass',
        saw: '2 networks, 1 service and 1 unit compared with the baseline of 2026-06-13T05:30:00Z (e6349a9): 1 change declared by commits, nothing else',
        shows: [
          'network proxy: 10.10.0.0/16 → 10.20.0.0/16',
          '  declared by 6c1f2aa ops/net.sh:2: docker network create --driver overlay --subnet 10.20.0.0/16 proxy'
        ]
      }
    ])
    expect(undeclaredChange.falsify(seen, wish)).toHaveLength(2)
  })
})
