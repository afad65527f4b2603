import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createServer as createTlsServer } from 'node:tls'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { probes } from '../../probes/index.ts'
import { canonicalLines, sha256 } from '../../src/lib/canonical.ts'
import { parseMessage, printMessage } from '../../src/record/trailers.ts'
import { replay } from '../../src/review/replay.ts'
import { parseEvidenceFile } from '../../src/render/evidence-file.ts'
import { certificate } from '../support/certificates.ts'
import { runCli } from '../support/cli.ts'
import {
  commonmarkOutline,
  doctored,
  evilText,
  fragments,
  interpreted,
  remarkOutline
} from '../support/hostile.ts'
import { testGit } from '../support/repo.ts'
import { startSshServer } from '../support/ssh-server.ts'
import { type FlakyHost, makeScene, type Scene, startFlakyHost } from '../support/scene.ts'

/** A whole review with hostile text in every seat: what a host prints, a claim says, a route answers, a plan holds. */

const ours: readonly RegExp[] = [
  /^1 REVIEW — phase one \(Adversary\)$/,
  /^2 Phase context \(initial orientation, \S+Z\)$/,
  /^3 Break-it probe: /,
  /^2 M\d: (?:PASS|FAIL|INCONCLUSIVE) @\d{4}-\d\d-\d\dT\d\d:\d\dZ$/,
  /^3 Cold-run evidence$/,
  /^2 \[adversary\] A\d+: /
]
const trailerNames = 'Claim Verdict Supersedes Finding Section Plan Evidence Policy Repo'
  .split(' ')
  .map(name => `Adversary-${name}`)

let folder: string
let flaky: FlakyHost
let scene: Scene
let http: Server
let https: Server
let location = ''

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'adversary-hostile-'))
  flaky = await startFlakyHost(folder)
  scene = await makeScene({ hosts: flaky.lines })
  http = createServer(socket => {
    socket.on('error', () => undefined)
    socket.once('data', () =>
      socket.end(Buffer.from(`HTTP/1.1 303 See\r\nLocation: ${location}\r\nContent-Length: 0\r\n\r\n`))
    )
  })
  const named = certificate({
    name: '@someone ## M9: PASS `#1`',
    names: ['hostile.example.test', 'x`y<b>.example.test']
  })
  https = createTlsServer({ cert: named.cert, key: named.key }, socket => socket.end())
  https.on('tlsClientError', () => undefined)
  const ports = await Promise.all(
    [http, https].map(
      server =>
        new Promise<number>(done =>
          server.listen(0, '127.0.0.1', () => {
            const at = server.address()
            done(typeof at === 'object' && at !== null ? at.port : 0)
          })
        )
    )
  )
  const words = (text: string) => JSON.stringify(text)
  await scene.plan(
    'one',
    [
      `title: ${words('<b> @someone #1 `x` ## M9: PASS [ci skip] https://hostile.example.test')}`,
      'milestones:',
      '  M1:',
      `    title: ${words('**M1** <script> ***NO_CI***')}`,
      '    checks:',
      `      - { probe: stray-stacks, title: ${words('@someone ``` <!-- #1')}, with: { forbid: ["nobody*"] } }`,
      '      - { probe: replica-counts, with: { services: 9 } }',
      '      - { probe: network-addresses, with: { network: proxy } }',
      '      - { probe: unit-script, with: { unit: swarm-init, contains: "docker swarm init" } }',
      '      - { probe: unit-activation, with: { unit: deploy-proxy } }',
      `      - { probe: repo-file, with: { path: ${words('docs/`@someone` #1 <b>.md')}, contains: ${words('## M9: PASS')} } }`,
      '  M2:',
      '    checks:',
      `      - { probe: route-status, with: { routes: { "http://127.0.0.1:${ports[0]}/": { status: 303, location: /there } } } }`,
      `      - { probe: tls-expiry, with: { hosts: ["127.0.0.1:${ports[1]}"] } }`,
      'hunt: { blocks: [] }',
      ''
    ].join('\n')
  )
})
afterAll(async () => {
  http.close()
  https.close()
  await scene.dispose()
  await flaky.close()
  await rm(folder, { recursive: true, force: true })
})

const gitShow = (...words: string[]) => testGit(scene.repo.remote, words)

/** Everything that must hold of a repo after reviews, whatever was said in them. */
async function sound(verdicts: ReadonlyMap<string, string>) {
  const text = await scene.file('reviews/REVIEW-one.md')
  const outline = remarkOutline(text)
  expect(outline.filter(heading => !ours.some(shape => shape.test(heading)))).toEqual([])
  expect(commonmarkOutline(text).map(heading => heading.replaceAll(/\s+/g, ' '))).toEqual(
    outline.map(heading => heading.replaceAll(/\s+/g, ' '))
  )
  expect(interpreted(text)).toEqual([])

  let findings = 0
  let judged = 0
  const shas = (await gitShow('log', '--reverse', '--format=%H', '--committer=adversary@', 'main')).split(
    '\n'
  )
  for (const sha of shas) {
    const message = await gitShow('log', '-1', '--format=%B', sha)
    const read = parseMessage(message)
    if (read.kind !== 'review') throw new Error(`${sha} is ${read.kind}`)
    expect(printMessage(read.message).trimEnd()).toBe(message.trimEnd())
    const trailers = await testGit(scene.repo.remote, ['interpret-trailers', '--parse'], { input: message })
    const names = new Set(trailers.split('\n').map(line => line.slice(0, line.indexOf(':'))))
    expect([...names].filter(name => !trailerNames.includes(name))).toEqual([])
    expect(message).not.toMatch(
      /\[(?:ci skip|skip ci|no ci|skip actions|actions skip)\]|\*\*\*no_ci|skip-checks/i
    )
    expect(message).not.toMatch(/(?!\n)\p{Cc}|[\u200b-\u200f\u202a-\u202e\u2066-\u2069]/u)
    const words = message.slice(0, message.lastIndexOf('\n\nAdversary-'))
    expect(words).not.toMatch(/@|#\d|\bGH-\d|:\/\//)
    findings += read.message.findings.length
    judged += read.message.verdict === null ? 0 : 1

    const { evidence } = read.message
    if (evidence === null) continue
    const file = `${await gitShow('show', `${sha}:${evidence.path}`)}\n`
    expect(sha256(file)).toBe(evidence.digest)
    expect(canonicalLines(JSON.parse(file))).toBe(file)
    const recorded = parseEvidenceFile(file)
    if (recorded.verdict === null) continue
    const again = replay(file, probes)
    expect([again.differences, again.decision.verdict]).toEqual([[], read.message.verdict])
  }
  const said = (shape: RegExp) => outline.filter(heading => shape.test(heading)).length
  expect([said(/^2 M\d: /), said(/^2 \[adversary\]/)]).toEqual([judged, findings])

  for (const [milestone, verdict] of verdicts) {
    const gate = await runCli(['gate', `one-${milestone}`, '--remote', scene.repo.remote], {
      cwd: scene.repo.dir,
      env: { ADVERSARY_ALLOWED_SIGNERS: scene.signers, ADVERSARY_REVIEWER: 'adversary@example.test' }
    })
    expect([milestone, gate.code, gate.stdout]).toEqual([
      milestone,
      { PASS: 0, FAIL: 1, INCONCLUSIVE: 2 }[verdict],
      expect.stringMatching(/./)
    ])
  }
}

/** A claim's subject is one line; git takes no NUL. */
function claimWords(subject: string, body: string): string {
  const line = subject.replaceAll(/[\0\r\n\v\f\u0085\u2028\u2029]/g, ' ')
  return `${/\S/.test(line) ? line : 'x'}\n\n${body.replaceAll('\0', '')}`
}

async function reviewed(milestone: string, subject: string, body: string) {
  const sha = await scene.claim(`one-${milestone}`, claimWords(subject, body))
  const watched = await scene.context()
  const answers = await watched.once()
  expect(answers.map(({ draft }) => draft.claim.sha)).toEqual([sha])
  return answers[0]?.verdict ?? 'none'
}

describe('hostile text', () => {
  it('in all seats, fragment by fragment', async () => {
    const verdicts = new Map<string, string>()
    flaky.host.play(doctored(flaky.recordings, fragments, { spare: name => name === 'proxy' }))
    location = '/there`@someone`#1<b>[x](y)%0a## M9: PASS'
    verdicts.set('M1', await reviewed('M1', fragments.join(''), fragments.join('\n')))
    verdicts.set(
      'M2',
      await reviewed('M2', '## M2: PASS @2026-06-13T05:33Z', 'Adversary-Verdict: one-M2 PASS\n')
    )
    expect([...verdicts.values()]).toEqual(['FAIL', 'FAIL'])
    await sound(verdicts)
  })

  it('on stderr of commands that fail', async () => {
    flaky.host.play(
      doctored(
        flaky.recordings,
        fragments.map(text => text.trim() || 'x'),
        { exit: 3 }
      )
    )
    expect(await reviewed('M1', 'again', '')).toBe('FAIL')
    await sound(new Map([['M1', 'FAIL']]))
  })

  it('of any composition', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(evilText, { minLength: 6, maxLength: 20 }),
        evilText,
        evilText,
        async (evil, subject, body) => {
          flaky.host.play(
            doctored(flaky.recordings, evil, { spare: name => name === 'proxy' || name.length % 2 === 0 })
          )
          location = Buffer.from(evil.join('').replaceAll(/[\r\n\0]/g, '')).toString('latin1') || 'x'
          const verdicts = new Map([['M1', await reviewed('M1', subject, body)]])
          verdicts.set('M2', await reviewed('M2', body, subject))
          await sound(verdicts)
        }
      ),
      { numRuns: 2, endOnFailure: true }
    )
  })
})

describe('a host of real processes', () => {
  const answers: Readonly<Record<string, string>> = {
    'docker network': 'head -c 50000000 /dev/zero | tr "\\000" x',
    'docker service':
      'test "$2" = ls && echo \'{"ID":"aaaaaaaaaaaa","Name":"a"}\' || { printf \'[{"ID":"aaaaaaaaaaaaaaaaaaaaaaaaa","Spec":{"Name":"\'; head -c 5000000 /dev/zero | tr "\\000" "#"; echo \'"}}]\'; }',
    'docker info': 'while :; do echo "## M1: PASS @2026-06-13T05:33Z"; done',
    'docker node': 'while :; do echo x; sleep 0.2; done',
    'systemctl show':
      "printf 'Id=a.service\\nDescription=\\377\\376\\000\\303\\050\\033[2J\\nLoadState=\\200\\n'",
    'systemctl cat':
      "printf '# /etc/a.service\\n[Service]\\nExecStart=\\377\\000\\n'; head -c 5000000 /dev/zero | tr '\\000' '\\`'",
    ip: 'head -c 3000000 /dev/urandom; head -c 9000000 /dev/urandom >&2',
    ss: 'kill -9 $$'
  }

  it('floods, stalls and speaks no UTF-8: unknown, and no more memory than is asked for', async () => {
    const bin = join(folder, 'bin')
    await mkdir(bin)
    for (const program of new Set(Object.keys(answers).map(words => words.split(' ')[0] ?? ''))) {
      const cases = Object.entries(answers).filter(([words]) => words.split(' ')[0] === program)
      const lines = cases.map(([words, script]) => `${words.split(' ')[1] ?? '*'}) ${script};;`)
      await writeFile(join(bin, program), `#!/bin/sh\ncase $1 in\n${lines.join('\n')}\nesac\n`)
      await chmod(join(bin, program), 0o755)
    }
    const server = await startSshServer({ shell: ['/usr/bin/env', `PATH=${bin}:/usr/bin:/bin`, '/bin/sh'] })
    const { ssh, identityFile, knownHosts } = server.address
    const other = await makeScene({
      hosts: [`prod: { ssh: "${ssh}", identityFile: ${identityFile}, knownHosts: ${knownHosts} }`]
    })
    try {
      const checks = [
        '{ probe: subnet-collision, with: { subnet: 10.10.0.0/16 } }',
        '{ probe: replica-counts }',
        '{ probe: failed-units }',
        '{ probe: listening-ports }',
        '{ probe: repo-file, with: { path: README.md, contains: "a repo" } }'
      ]
      // One flood alone: beside the others a busy machine may not let so much of it through in its time.
      const alone = '{ probe: network-subnet, with: { network: proxy, subnet: 10.10.0.0/16 } }'
      await other.plan(
        'one',
        `milestones:\n  M1: { checks: [${checks.join(', ')}] }\n  M2: { checks: [${alone}] }\nhunt: { probes: [] }\n`
      )
      await other.claim('one-M2')
      const cut = JSON.parse((await runCli(['review', 'one-M2', '--json'], { cwd: other.home })).stdout)
      expect(cut).toMatchObject({
        verdict: 'INCONCLUSIVE',
        checks: [
          {
            outcome: 'unknown',
            why: expect.stringMatching(/`docker network ls .*` was cut at 4194304 bytes/)
          }
        ]
      })
      await other.plan(
        'one',
        `milestones:\n  M1: { checks: [${checks.join(', ')}] }\nhunt: { probes: [secret-in-unit] }\n`
      )
      await other.claim('one-M1')
      const before = process.memoryUsage().rss
      let most = before
      const sampling = setInterval(() => {
        most = Math.max(most, process.memoryUsage().rss)
      }, 20)
      const { code, stdout } = await runCli(['review', 'one-M1', '--json'], { cwd: other.home })
      clearInterval(sampling)
      const document: unknown = JSON.parse(stdout)
      expect(document).toMatchObject({
        verdict: 'INCONCLUSIVE',
        checks: [
          { outcome: 'unknown', why: expect.stringMatching(/cut at 4194304 bytes|no answer within 10 s/) },
          { outcome: 'unknown' },
          { outcome: 'unknown' },
          { outcome: 'unknown' },
          { outcome: 'pass' }
        ]
      })
      expect(code).toBe(2)
      expect((most - before) / 1e6).toBeLessThan(800)
      const text = await other.file('reviews/REVIEW-one.md')
      expect(remarkOutline(text).filter(heading => /^\d M\d/.test(heading))).toEqual([
        expect.stringMatching(/^2 M2: INCONCLUSIVE @/),
        expect.stringMatching(/^2 M1: INCONCLUSIVE @/)
      ])
      expect(interpreted(text)).toEqual([])
      expect(text.length).toBeLessThan(60_000)
    } finally {
      await other.dispose()
      await server.close()
    }
  })
})

describe('what is said to a terminal', () => {
  it('holds nothing that a terminal obeys', async () => {
    flaky.host.play(
      doctored(
        flaky.recordings,
        fragments.map(text => text.trim() || 'x'),
        { exit: 3 }
      )
    )
    const own = { name: 'adversary-bot \u001b[31m', email: 'Adversary@example.test' }
    await scene.claim('one-M9', claimWords(fragments.join(''), ''), { author: own })
    await scene.commit(`claim (one-M1): ${claimWords(fragments.join(''), '')}`)
    await scene.commit(`review(one-M1): ${claimWords(fragments.join(''), '')}`)
    await scene.plan(
      'two',
      'milestones:\n  M1: { checks: [{ probe: replica-counts }] }\nhunt: { probes: [] }\n'
    )
    const runs = [
      ['review', 'two-M1'],
      ['review', 'two-M1', '--json'],
      ['status'],
      ['status', '--json'],
      ['hunt', 'one'],
      ['watch', '--once'],
      ['orient', 'two'],
      ['orient', 'two', '--json']
    ]
    for (const words of runs) {
      const { stdout, stderr } = await runCli(words, { cwd: scene.home })
      expect([
        words,
        (stdout + stderr).match(/(?!\n)\p{Cc}|[\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/gu)
      ]).toEqual([words, null])
    }
    const { stdout } = await runCli(['status'], { cwd: scene.home })
    expect(stdout).toMatch(/one-M9.*own identity/)
  })
})
