import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { probes } from '../../probes/index.ts'
import * as sources from '../../src/systems/index.ts'
import { parseEvidenceFile } from '../../src/render/evidence-file.ts'
import { runCli } from '../support/cli.ts'
import { blocks, leaked, oneLiners, secrets, withSecrets } from '../support/planted.ts'
import { testGit } from '../support/repo.ts'
import { type FlakyHost, makeScene, type Scene, startFlakyHost } from '../support/scene.ts'

/** Secrets in every kind of fact, in plans and claims, judged by every probe: none is in anything that is written. */

let folder: string
let flaky: FlakyHost
let scene: Scene
let port = 0
const words = oneLiners.map(({ line }) => line)
const route = createServer(socket => {
  socket.on('error', () => undefined)
  socket.once('data', () =>
    socket.end(
      `HTTP/1.1 303 See\r\nLocation: /${words.join(' ; ')}\r\nConnection: close\r\n\r\n${words.join('\n')}`
    )
  )
})

/** All that a builder can plant: each secret in each kind of file that is read. */
function files() {
  const all = secrets.map(({ line }) => line)
  return {
    'planted.env': `${all.join('\n')}\nA=1\n`,
    'planted.sh': `#!/bin/sh\n${words.map(line => `run ${line}`).join('\n')}\n${blocks.map(({ line }) => line).join('\n')}\n`,
    'planted.yaml': `services:\n  app:\n    image: "registry.example.test/app:1"\n    environment:\n${words.map(line => `      - ${JSON.stringify(line)}`).join('\n')}\n`,
    'reviews/STATUS-one.md': `# Status\n\n| network | subnet |\n| --- | --- |\n${words.map(line => `| proxy | 10.0.0.0/24 ${line.replaceAll('|', '')} |`).join('\n')}\n`
  }
}

/** What a plan asks of each probe. */
function checks(): readonly { readonly probe: string; readonly title?: string; readonly with: object }[] {
  const url = `http://127.0.0.1:${port}/`
  const texts = secrets.map(({ line }) => line).filter((_, index) => index % 8 === 0)
  const oneLine = texts.filter(text => !text.includes('\n')).slice(0, 20)
  const more: Readonly<Record<string, readonly object[]>> = {
    'route-status': [{ routes: { [url]: { status: 303, location: words[0], contains: words[1] } } }],
    'tls-expiry': [{ hosts: [`127.0.0.1:${port}`] }],
    'claim-table': [{ path: 'reviews/STATUS-one.md' }],
    'image-drift': [{}, { compose: [{ stack: 'planted', path: 'planted.yaml' }] }],
    'unit-activation': [
      { unit: 'swarm-init', after: { network: 'proxy' } },
      { unit: 'swarm-init', after: { unit: 'docker' } }
    ],
    'undeclared-change': [{ explainedBy: 'commits' }],
    'unit-drift': [{ revision: true, baseline: true }],
    'repo-tree': [{ paths: 'planted.*', lacks: oneLine, contains: oneLine }],
    'unit-script': texts.map(text => ({ unit: 'swarm-init', lacks: text })),
    'repo-file': [
      ...texts.flatMap(text => [
        { path: 'planted.env', lacks: text },
        { path: 'planted.sh', contains: text }
      ]),
      { path: 'planted.yaml', contains: texts }
    ]
  }
  return probes.flatMap(({ id, example, hunts, params }) =>
    (more[id] ?? [example ?? hunts?.with ?? {}])
      .filter(given => params.safeParse(given).success)
      .map((given, index) => ({ probe: id, title: `${id} of ${words[index % words.length]}`, with: given }))
  )
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'adversary-secrets-'))
  flaky = await startFlakyHost(folder)
  scene = await makeScene({ hosts: flaky.lines })
  await new Promise<void>(done => route.listen(0, '127.0.0.1', done))
  const at = route.address()
  port = typeof at === 'object' && at !== null ? at.port : 0
  for (const phase of ['one', 'two']) {
    const milestones = {
      M1: { title: `with ${words[0]}`, checks: phase === 'one' ? checks() : checks().slice(0, 12) },
      // No more than a few of a host's cap.
      M2: { checks: [{ probe: 'failed-units', waive: { reason: words[2], by: 'ops', until: '2099-01-01' } }] }
    }
    await scene.plan(
      phase,
      `title: ${JSON.stringify(`${words[1]}`)}\nmilestones: ${JSON.stringify(milestones)}\n`
    )
  }
})
afterAll(async () => {
  route.close()
  await scene.dispose()
  await flaky.close()
  await rm(folder, { recursive: true, force: true })
})

/** All that the reviewer has put into the repo: its files, and the words of its commits. */
async function written(): Promise<string> {
  const { remote } = scene.repo
  const messages = await testGit(remote, ['log', '--format=%B', '--author=adversary@example.test', 'main'])
  const names = (await testGit(remote, ['ls-tree', '-r', '--name-only', 'main'])).split('\n')
  const own = names.filter(name => /REVIEW-|evidence/.test(name))
  const texts = await Promise.all(own.map(name => testGit(remote, ['show', `main:${name}`])))
  return [messages, ...texts].join('\n')
}

it.each([
  ['printed', undefined],
  ['printed by commands that fail', 3]
])(
  '%s',
  async (how, exit) => {
    const out = join(folder, `out-${exit ?? 0}`)
    await mkdir(out)
    flaky.host.play(withSecrets(flaky.recordings, exit))
    if (exit === undefined) {
      const first = await runCli(['orient', 'one', '--json'], { cwd: scene.home })
      expect(leaked(first.stdout + first.stderr)).toEqual([])
    }
    await scene.claim('one-M1', words[3], { files: files() })
    const report = (of: string) =>
      ['junit', 'sarif', 'markdown', 'prometheus'].map(
        format => `--report=${format}=${join(out, `${of}.${format}`)}`
      )
    const runs = [
      ['review', 'one-M1', '--json', ...report('review'), `--report=in-toto=${join(out, 'review.in-toto')}`],
      ['review', 'two-M1'],
      ['review', 'one-M2'],
      ['hunt', 'one', '--json', ...report('hunt')],
      ['watch', '--once'],
      ['status', '--json'],
      [
        'gate',
        'one',
        '--allowed-signers',
        join(scene.repo.dir, 'allowed_signers'),
        '--reviewer',
        'adversary@example.test',
        '--remote',
        scene.repo.remote,
        ...report('gate')
      ],
      ['prove', 'one', '--json'],
      ['suggest', '--on', 'cc-ci'],
      ['finding', 'open', 'one', '--title', `found ${words[4]}`, '--severity', 'low'],
      ['veto', 'one-M2', '--reason', `because of ${words[5]}`],
      ['probe', 'secret-in-unit', '--json', ...report('probe')],
      ['probe', 'unit-script', '--with', '{ unit: swarm-init, contains: x }'],
      ['probe', 'unit-script', '--with', JSON.stringify({ unit: 'swarm-init', lacks: words[0] })],
      ['board', '--out', join(out, 'board')]
    ]
    let said = ''
    for (const typed of runs) {
      const { stdout, stderr } = await runCli(typed, { cwd: scene.home })
      expect([typed, leaked(stdout + stderr)]).toEqual([typed, []])
      said += stdout + stderr
    }
    const own = await written()
    expect(leaked(own)).toEqual([])
    const names = await readdir(out, { recursive: true, withFileTypes: true })
    const outputs = names.filter(name => name.isFile())
    expect(outputs.length).toBeGreaterThan(10)
    for (const { parentPath, name } of outputs)
      expect([name, leaked(await readFile(join(parentPath, name), 'utf8'))]).toEqual([name, []])

    // They were there to be seen, and are not there in another form either.
    expect(said).toMatch(/«redacted:|\\u00abredacted:/)
    expect(own).toMatch(/«redacted:/)
    expect(secrets.length).toBeGreaterThan(30)
    const halves = secrets
      .filter(({ secret }) => secret.length >= 16)
      .flatMap(({ secret, line }) =>
        [secret.slice(0, 12), secret.slice(-12)].filter(half => (said + own).includes(half)).map(() => line)
      )
    expect(halves).toEqual([])

    // Every kind of fact was read, and what was recorded of it is judged as it was, or is hidden.
    const paths = [...own.matchAll(/^Adversary-Evidence: (?<path>\S+)/gm)].map(
      found => found.groups?.['path'] ?? ''
    )
    const kept = await Promise.all(paths.map(path => testGit(scene.repo.remote, ['show', `main:${path}`])))
    const keys = kept.flatMap(text => Object.keys(parseEvidenceFile(text).facts))
    if (how === 'printed') {
      const wanted = Object.entries(sources).map(([name, source]) =>
        typeof source === 'function' ? name : source.key
      )
      // `suggest` alone asks for the one, and has been heard above; the other is a part of a rehearsal.
      const asked = wanted.filter(key => key !== 'declared-subnets' && key !== 'standalone-containers')
      const missing = asked.filter(key => !keys.some(each => each.startsWith(named[key] ?? inKebabs(key))))
      expect(missing).toEqual([])
    }
    for (const [index, text] of kept.entries()) {
      if (parseEvidenceFile(text).verdict === null) continue
      const file = join(out, paths[index]?.split('/').at(-1) ?? '')
      await writeFile(file, `${text}\n`)
      const { code, stdout, stderr } = await runCli(['replay', file, '--json'], { cwd: scene.home })
      expect([code === 3 ? stdout : '', leaked(stdout + stderr)]).toEqual(['', []])
    }
  },
  400_000
)

/** Sources that are made for a parameter begin with this. */
const named: Readonly<Record<string, string>> = {
  // Taken for the time at which a network was made.
  'docker-network-list': 'moment',
  journalSearch: 'journal',
  statusFile: 'status-tables',
  treeDiff: 'repo-diff',
  treeSearch: 'repo-tree',
  unitState: 'unit '
}

function inKebabs(name: string): string {
  return name.replaceAll(/[A-Z]/g, sign => `-${sign.toLowerCase()}`)
}
