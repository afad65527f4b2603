import { describe, expect, it } from 'vitest'
import { rehearseHere } from '../../src/rehearsal/worlds.ts'
import { hostOf, type Sketch, type UnitSketch } from './sketch.ts'

const unit = (start: string, more = '', type = 'oneshot') =>
  `[Unit]\n${more}\n[Service]\nType=${type}\nRemainAfterExit=yes\nExecStart=${start}\n[Install]\nWantedBy=multi-user.target\n`

const proxy = 'services:\n  proxy:\n    image: traefik:v3.1\n'
const blog =
  'services:\n  web:\n    image: blog:7\n    ports: ["9000:80"]\n    deploy:\n      labels:\n        - traefik.http.routers.blog.rule=Host(`blog.example.net`)\n'

/** A gate that starts the proxy and then does something, before the unit that deploys the blog. */
function gate(
  body: string,
  files: Sketch['files'] = {},
  units: Record<string, string | UnitSketch> = {}
): Sketch {
  return {
    units: {
      'gate.service': unit('/opt/gate/up', 'After=docker.service'),
      'blog.service': unit('docker stack deploy -c /opt/blog/stack.yml blog', 'After=gate.service'),
      ...units
    },
    files: {
      '/opt/gate/up': `#!/bin/bash\nset -eu\ndocker stack deploy -c /opt/gate/stack.yml gate\n${body}\n`,
      '/opt/gate/stack.yml': proxy,
      '/opt/blog/stack.yml': blog,
      ...files
    }
  }
}

/** The verdict on the one wait; `none` where nothing stands still. */
async function verdict(sketch: Sketch): Promise<string> {
  const { waits, boot } = await rehearseHere(hostOf(sketch))
  expect(boot.ended).not.toBe('budget')
  return waits.map(wait => wait.verdict).join(' ') || 'none'
}

const url = 'https://blog.example.net/'

describe('a start that waits for what only comes after it', () => {
  it.each([
    [
      'asks by its status',
      `while s=$(curl -so /dev/null -w '%{http_code}' ${url} || true); [ "$s" != 200 ]; do sleep 3; done`
    ],
    [
      'in a function with arguments',
      `ok() { wget -qO /dev/null "$1"; }; until ok "${url}"; do sleep 1; done`
    ],
    ['through an array', `cmd=(curl -fsS "${url}"); until "\${cmd[@]}"; do sleep 1; done`],
    [
      'by a store path',
      `until /nix/store/abc-curl-8/bin/curl -f ${url}; do /nix/store/def-coreutils/bin/sleep 4; done`
    ],
    ['behind wrappers', `until env A=b nice -n 5 timeout 9 curl -f ${url}; do sleep 1; done`],
    ['as another user', `until runuser -u nobody -- curl -f ${url}; do sleep 1; done`],
    ['in a shell of its own', `flock /run/gate.lock bash -c 'until curl -f "$0"; do sleep 1; done' ${url}`],
    [
      'by a port that it opens as a file',
      `until (: < /dev/tcp/127.0.0.1/9000) 2>/dev/null; do sleep 1; done`
    ],
    ['by nc at an address of the host', 'while ! nc -z 198.51.100.2 9000; do sleep 1; done'],
    ['without a pause', `until curl -f ${url}; do :; done`],
    [
      'by the replicas of a service',
      `until docker service ls --format '{{.Name}} {{.Replicas}}' | grep -q '^blog_web 1/1$'; do sleep 1; done`
    ],
    [
      'by a task of a stack',
      `until docker stack ps blog --format '{{.CurrentState}}' | grep -q Running; do sleep 1; done`
    ],
    ['by a unit', 'until systemctl is-active blog; do sleep 1; done'],
    ['that it starts itself', 'systemctl start blog.service'],
    [
      'with getopts',
      `while getopts u: o; do case $o in u) u=$OPTARG;; esac; done < /dev/null; set -- -u ${url}; OPTIND=1; getopts u: o; until curl -f "$OPTARG"; do sleep 1; done`
    ],
    ['by what xargs hands on', `echo ${url} | xargs -n1 sh -c 'until curl -f "$0"; do sleep 1; done'`],
    [
      'by words that a here-document holds',
      `while read -r u; do until curl -f "$u"; do sleep 1; done; done <<E\n${url}\nE`
    ],
    [
      'in the foreground of what it waits on in the background',
      `(until curl -f ${url}; do sleep 1; done) & wait $!`
    ],
    ['by eval', `eval "until curl -f ${url}; do sleep 1; done"`]
  ])('%s: a circle', async (_, body) => {
    expect(await verdict(gate(body))).toBe('circle')
  })

  it.each([
    [
      'a helper in PATH',
      'await-url "$1"'.replace('"$1"', url),
      { '/usr/local/bin/await-url': '#!/bin/sh\nuntil curl -f "$1"; do sleep 2; done\n' }
    ],
    [
      'a sourced file',
      '. /etc/gate.conf\nuntil curl -f "$URL"; do sleep 2; done',
      { '/etc/gate.conf': `URL=${url}\n` }
    ],
    [
      'a library beside it',
      '. "$(dirname "$0")/lib.sh"\nawait',
      { '/opt/gate/lib.sh': `await() { until curl -f ${url}; do sleep 2; done; }\n` }
    ],
    [
      'a file that another one writes',
      'until [ -e /run/blog.up ]; do sleep 1; done',
      { '/opt/blog/up': '#!/bin/sh\ntouch /run/blog.up\n' }
    ]
  ])('over %s: a circle', async (what, body, files) => {
    const units = what.startsWith('a file that')
      ? { 'blog.service': unit('/opt/blog/up', 'After=gate.service') }
      : {}
    expect(await verdict(gate(body, files, units))).toBe('circle')
  })

  it('of which its unit says the address in a file', async () => {
    const start = unit('/opt/gate/up', 'After=docker.service').replace(
      '[Service]',
      '[Service]\nEnvironmentFile=/etc/gate.env'
    )
    const sketch = gate(
      'until curl -f "$ASK"; do sleep 1; done',
      { '/etc/gate.env': `# where\nASK="${url}"\n` },
      { 'gate.service': start }
    )
    expect(await verdict(sketch)).toBe('circle')
  })

  it('and gives up: its failure is a finding, to go on is a delay', async () => {
    const loop = `for i in 1 2 3 4 5; do curl -f ${url} && exit 0; sleep 5; done`
    expect(await verdict(gate(`${loop}\nexit 1`))).toBe('outlasts')
    expect(await verdict(gate(`${loop}\ntrue`))).toBe('delays')
    const curl = `curl --retry 9 --retry-all-errors --retry-delay 7 -fsS ${url}`
    expect(await verdict(gate(curl))).toBe('outlasts')
  })

  it('over a target in between', async () => {
    const units = {
      'gate.service': { text: unit('/opt/gate/up', 'Before=mid.target') },
      'mid.target': '[Unit]\nWants=gate.service\n[Install]\nWantedBy=multi-user.target\n',
      'blog.service': unit('docker stack deploy -c /opt/blog/stack.yml blog', 'After=mid.target')
    }
    expect(await verdict(gate(`until curl -f ${url}; do sleep 1; done`, {}, units))).toBe('circle')
  })

  it('two of which wait for what comes after the other', async () => {
    const wait = (name: string) => `#!/bin/sh\nuntil [ -e /run/${name} ]; do sleep 1; done\n`
    const found = await rehearseHere(
      hostOf({
        units: {
          'a.service': unit('/opt/a'),
          'b.service': unit('/opt/b'),
          'x.service': unit('/bin/touch /run/x', 'After=a.service'),
          'y.service': unit('/bin/touch /run/y', 'After=b.service')
        },
        files: { '/opt/a': wait('x'), '/opt/b': wait('x') }
      })
    )
    expect(found.waits.map(({ unit: name, verdict: said }) => `${name} ${said}`)).toEqual(
      expect.arrayContaining(['a.service circle'])
    )
  })
})

describe('a start that does not wait for what comes after it', () => {
  it.each([
    ['asks once', `curl -f ${url} || echo not yet`],
    ['waits beside itself', `(until curl -f ${url}; do sleep 1; done) &`],
    ['would wait in a function that nothing calls', `w() { until curl -f ${url}; do sleep 1; done; }`],
    ['would wait behind exit', `exit 0\nuntil curl -f ${url}; do sleep 1; done`],
    ['would wait behind exec', `exec true\nuntil curl -f ${url}; do sleep 1; done`],
    [
      'would wait if it were told to',
      `if [ "\${1:-}" = wait ]; then until curl -f ${url}; do sleep 1; done; fi`
    ],
    ['would wait behind false', `false && until curl -f ${url}; do sleep 1; done || true`],
    ['writes a program that waits', `cat > /run/w <<'E'\nuntil curl -f ${url}; do sleep 1; done\nE`],
    ['takes any answer', `until curl -sk ${url}; do sleep 1; done`],
    ['starts the other without waiting', 'systemctl start --no-block blog.service'],
    ['sleeps in equal steps', 'nap() { sleep 5; }; nap; nap; nap; nap; nap']
  ])('%s: no circle', async (_, body) => {
    expect(await verdict(gate(body))).toMatch(/^(?:none|delays|never)$/)
  })

  it('because what it waits for is of another host', async () => {
    expect(await verdict(gate('until curl -f https://api.example.org/; do sleep 1; done'))).toMatch(
      /^(?:none|never)$/
    )
  })

  it('because a disabled unit does not start', async () => {
    const units = { 'gate.service': { text: unit('/opt/gate/up'), enabled: false } }
    expect(await verdict(gate(`until curl -f ${url}; do sleep 1; done`, {}, units))).toBe('none')
  })

  it('because a condition does not hold', async () => {
    const units = { 'gate.service': unit('/opt/gate/up', 'ConditionPathExists=/run/never') }
    expect(await verdict(gate(`until curl -f ${url}; do sleep 1; done`, {}, units))).toBe('none')
  })

  it('because Docker brings back what no unit deploys', async () => {
    const sketch: Sketch = {
      units: { 'gate.service': unit('/opt/gate/up') },
      files: { '/opt/gate/up': `#!/bin/sh\nuntil curl -f ${url}; do sleep 1; done\n` },
      services: [
        { name: 'edge_proxy', image: 'traefik:v3' },
        { name: 'blog_web', labels: { 'traefik.http.routers.b.rule': 'Host(`blog.example.net`)' } }
      ]
    }
    expect(await verdict(sketch)).toMatch(/^(?:none|delays|never)$/)
  })
})

describe('what cannot be looked into', () => {
  it('and holds up a start before others is unknown, by its name', async () => {
    const sketch = gate('', { '/opt/gate/up': '#!/usr/bin/perl\nsleep 1 until $up;\n' })
    const { waits, unknowns } = await rehearseHere(hostOf(sketch))
    expect(waits).toMatchObject([{ unit: 'gate.service', verdict: 'unknown', dependsOn: ['/opt/gate/up'] }])
    expect(unknowns).toContainEqual(expect.objectContaining({ kind: 'program', name: '/opt/gate/up' }))
  })

  it('and decides whether a start waits: unknown, by its name', async () => {
    const sketch = gate(`if /opt/gate/decide; then until curl -f ${url}; do sleep 1; done; fi`, {
      '/opt/gate/decide': { kind: 'opaque', why: 'it is no script', executable: true }
    })
    const { waits } = await rehearseHere(hostOf(sketch))
    expect(waits).toMatchObject([{ verdict: 'unknown' }])
    expect(waits[0]?.dependsOn).toContain('/opt/gate/decide')
  })

  it('and may bring up what is waited for: unknown', async () => {
    const sketch = gate(
      `until curl -f ${url}; do sleep 1; done`,
      { '/opt/gate/up': `#!/bin/sh\nuntil curl -f ${url}; do sleep 1; done\n` },
      { 'blog.service': unit('/usr/bin/make up', 'After=gate.service') }
    )
    const services = [
      { name: 'edge_proxy', image: 'traefik:v3' },
      { name: 'blog_web', labels: { 'traefik.http.routers.b.rule': 'Host(`blog.example.net`)' } }
    ]
    const { waits } = await rehearseHere(hostOf({ ...sketch, services }))
    expect(waits).toMatchObject([{ unit: 'gate.service', verdict: 'unknown', dependsOn: ['/usr/bin/make'] }])
  })

  it('is asked for where it was not read', async () => {
    const { asked } = await rehearseHere(
      hostOf(gate('. /etc/gate/one.conf\nfor f in /etc/gate.d/*; do . "$f"; done'))
    )
    expect(asked).toEqual(expect.arrayContaining(['/etc/gate/one.conf']))
  })
})

describe('what a start executes', () => {
  it('is there with its variables filled in, and what is dead is not', async () => {
    const body = `NET=front\nmake() { docker network create --subnet "$1" "$NET"; }\nold() { docker network create old; }\nmake 10.9.0.0/16\nif false; then docker network create dead; fi\nexit 0\ndocker network create after`
    const { executed, reached, boot } = await rehearseHere(hostOf(gate(body)))
    const lines = executed
      .filter(({ unit: name }) => name === 'gate.service')
      .map(({ argv }) => argv.join(' '))
    expect(lines).toContain('docker network create --subnet 10.9.0.0/16 front')
    expect(lines.join('\n')).not.toMatch(/create (?:old|dead|after)/)
    expect(boot.docker.networks).toContainEqual(
      expect.objectContaining({
        name: 'front',
        subnets: ['10.9.0.0/16'],
        unit: 'gate.service',
        restored: false
      })
    )
    expect(reached.find(({ path }) => path === '/opt/gate/up')?.lines).toEqual([2, 3, 4, 5, 7, 8, 9])
  })
})
