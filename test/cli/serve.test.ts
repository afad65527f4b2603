import { execFileSync, spawn } from 'node:child_process'
import { createHmac } from 'node:crypto'
import { once } from 'node:events'
import { request } from 'node:http'
import { chmod, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { type CliGoing, runCli, startCli } from '../support/cli.ts'
import { readMetrics } from '../support/formats.ts'
import { type DroneBuild, droneBody, droneHeaders, droneSecret } from '../support/drone.ts'
import { makeScene, type Scene } from '../support/scene.ts'
import { generous } from '../support/pace.ts'

/** The watcher behind its server: woken by a webhook, asked by Drone, looked at by a supervisor. */

const open: { close(): Promise<void> }[] = []
afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each.close()
})

const hookSecret = 'webhook-secret'
const body = (ref = 'refs/heads/main') => JSON.stringify({ ref, commits: [], total_commits: 1 })

interface Served {
  readonly scene: Scene
  readonly url: string
  readonly going: CliGoing
  stop(): Promise<number>
}

async function serve(
  serveYaml = 'webhook: { secret: ../hook }, drone: { secret: ../drone, repo: ops/infra, gates: [{ target: production, gate: one-M1 }, { target: "sk*", gate: one-M1, closed: skip }, { target: demo, letThrough: true }, { event: push, target: main, gate: one-M1 }] }'
): Promise<Served> {
  const scene = await makeScene({ more: ['poll: 10m', 'retry: 1s', `serve: { ${serveYaml} }`] })
  open.push({ close: () => scene.dispose() })
  await writeFile(join(scene.repo.dir, 'hook'), hookSecret, { mode: 0o600 })
  await writeFile(join(scene.repo.dir, 'drone'), `${droneSecret}\n`, { mode: 0o600 })
  await scene.plan(
    'one',
    'milestones:\n  M1: { checks: [{ probe: repo-file, with: { path: README.md, contains: a repo } }] }\nhunt: { probes: [] }\n'
  )
  const stopping = new AbortController()
  const going = startCli(['serve', '--home', scene.home, '--listen', '127.0.0.1:0'], {
    cwd: scene.home,
    userHome: scene.repo.dir,
    signal: stopping.signal
  })
  const stop = async () => {
    stopping.abort(new DOMException('stopped', 'AbortError'))
    return (await going.over).code
  }
  open.push({ close: async () => void (await stop()) })
  const url = await until(
    async () => /"event":"server.started","url":"(?<url>[^"]+)"/.exec(going.stderr)?.groups?.['url']
  )
  // It has looked once, and sleeps.
  await until(
    async () => (await fetch(`${url}/healthz`)).ok && going.stderr.includes('"orientation.published"')
  )
  return { scene, url, going, stop }
}

/** However busy the machine is: the poll that would find it as well is ten minutes away. */
async function until<T>(ask: () => Promise<T | undefined | false>): Promise<T> {
  const end = performance.now() + generous(60_000)
  while (performance.now() < end) {
    const answer = await ask()
    if (answer !== undefined && answer !== false) return answer
    await new Promise(done => setTimeout(done, 20))
  }
  throw new Error('it did not come to pass within a minute')
}

function deliver(url: string, headers: Readonly<Record<string, string>>, text = body()) {
  return fetch(`${url}/webhook`, { method: 'POST', headers, body: text })
}

const hex = (text: string) => createHmac('sha256', hookSecret).update(text).digest('hex')
const forges: Readonly<Record<string, (text: string) => Readonly<Record<string, string>>>> = {
  Gitea: text => ({
    'x-gitea-event': 'push',
    'x-gitea-signature': hex(text),
    'x-hub-signature-256': `sha256=${hex(text)}`,
    'x-github-event': 'push'
  }),
  Forgejo: text => ({ 'x-forgejo-event': 'push', 'x-forgejo-signature': hex(text), 'x-gitea-event': 'push' }),
  GitHub: text => ({ 'x-github-event': 'push', 'x-hub-signature-256': `sha256=${hex(text)}` }),
  GitLab: () => ({ 'x-gitlab-event': 'Push Hook', 'x-gitlab-token': hookSecret })
}

/** As node:http sends it: fetch would not let the Date through. */
function ask(url: string, of: Parameters<typeof droneBody>[0], how: Parameters<typeof droneHeaders>[1] = {}) {
  const text = droneBody(of)
  return new Promise<{ readonly status: number | undefined; readonly text: string }>((done, fail) => {
    const sent = request(
      `${url}/drone`,
      { method: 'POST', headers: Object.fromEntries(droneHeaders(text, how)) },
      answer => {
        let said = ''
        answer.on('data', chunk => {
          said += String(chunk)
        })
        answer.on('end', () => done({ status: answer.statusCode, text: said }))
      }
    )
    sent.on('error', fail)
    sent.end(text)
  })
}

it('a claim is noticed by its webhook, of every forge, while the next poll is minutes away', async () => {
  const { scene, url, going, stop } = await serve()
  for (const [name, headers] of Object.entries(forges)) {
    const sha = await scene.claim('one-M1', name)
    expect((await deliver(url, headers(body()))).status).toBe(202)
    await until(async () =>
      going.stderr.includes(`"event":"review.started","phase":"one","milestone":"M1","claim":"${sha}"`)
    )
    await until(async () => going.stderr.includes(`"claim":"${sha}","verdict":"PASS"`))
  }
  await until(async () => {
    const { status, reviews, failures } = JSON.parse(await (await fetch(`${url}/healthz`)).text())
    return status === 'ok' && reviews === 4 && failures === 0
  })
  expect(await scene.verdicts()).toHaveLength(4)
  expect(await stop()).toBe(0)
  await expect(fetch(`${url}/healthz`)).rejects.toThrow('fetch failed')
})

it('what is not signed, or of another branch, wakes nobody, and leaves a line without a word of it', async () => {
  const { scene, url, going } = await serve()
  const sha = await scene.claim('one-M1')
  const forged = 'forged-\u001b[31mred'
  const codes = [
    await deliver(url, {}),
    await deliver(
      url,
      { 'x-gitea-event': 'push', 'x-gitea-signature': hex('other') },
      JSON.stringify({ ref: forged })
    ),
    await deliver(url, { 'x-gitlab-event': 'Push Hook', 'x-gitlab-token': 'nope' }),
    await deliver(url, forges['Gitea']?.(body('refs/heads/other')) ?? {}, body('refs/heads/other')),
    await deliver(url, { ...forges['GitHub']?.(body()), 'x-github-event': 'ping' })
  ].map(({ status }) => status)
  expect(codes).toEqual([401, 401, 401, 204, 204])
  expect((await fetch(`${url}/webhook`)).status).toBe(405)
  await new Promise(done => setTimeout(done, 1_000))
  expect(going.stderr).not.toContain(sha)
  const refused = going.stderr.split('\n').filter(line => line.includes('request.refused'))
  expect(refused.length).toBeGreaterThan(0)
  expect(JSON.parse(refused[0] ?? '')).toMatchObject({
    path: '/webhook',
    why: 'the request is not signed',
    times: 1
  })
  expect(going.stderr).not.toMatch(/forged|nope/)
  expect(await scene.verdicts()).toEqual([])
})

it('many nudges are one', async () => {
  const { scene, url, going } = await serve()
  await scene.claim('one-M1')
  const all = await Promise.all(
    Array.from({ length: 150 }, () =>
      deliver(url, forges['Gitea']?.(body()) ?? {}).then(
        ({ status }) => status,
        () => 0
      )
    )
  )
  expect(all.filter(code => code === 202).length).toBeGreaterThan(20)
  await until(async () => going.stderr.includes('"verdict":"PASS"'))
  expect(await scene.verdicts()).toHaveLength(1)
})

it('the board and the metrics move with the record, and are shown where the home wants them alone', async () => {
  const { scene, url, going } = await serve('webhook: { secret: ../hook }, board: true, metrics: true')
  const gates = async () =>
    readMetrics(await (await fetch(`${url}/metrics`)).text()).flatMap(({ name, value }) =>
      name === 'adversary_gate_open' ? [value] : []
    )
  // Until the watcher has read the repo once there is nothing to show.
  await until(async () => (await (await fetch(`${url}/`)).text()).includes('never reviewed'))
  expect(await gates()).toEqual([0])

  await scene.claim('one-M1')
  await deliver(url, forges['Gitea']?.(body()) ?? {})
  await until(async () => going.stderr.includes('"verdict":"PASS"'))
  const page = await until(async () => {
    const text = await (await fetch(`${url}/`)).text()
    return text.includes('Gate open') && text
  })
  expect(await gates()).toEqual([1])
  const review = /href="(?<path>reviews\/[0-9a-f]{40}\.html)"/.exec(page)?.groups?.['path']
  const evidence = await fetch(`${url}/${review}`)
  expect([evidence.status, await evidence.text()]).toEqual([200, expect.stringContaining('one-M1')])

  const other = await serve('webhook: { secret: ../hook }')
  for (const path of ['/', '/metrics', `/${review}`]) expect((await fetch(other.url + path)).status).toBe(404)
})

describe("Drone's question", () => {
  it('is answered by the gate: blocked before the review, accepted after it, and blocked again by a veto', async () => {
    const { scene, url, going } = await serve()
    const sha = await scene.claim('one-M1')
    const production = { after: sha, deploy_to: 'production' }
    const before = await ask(url, production)
    expect(before).toMatchObject({ status: 499, text: expect.stringMatching(/one-M1: /) })
    expect((await ask(url, { after: sha, deploy_to: 'skip-me' })).status).toBe(498)

    await deliver(url, forges['Gitea']?.(body()) ?? {})
    await until(async () => going.stderr.includes('"verdict":"PASS"'))
    expect((await ask(url, production)).status).toBe(204)
    expect((await ask(url, { after: sha, deploy_to: 'skip-me' })).status).toBe(204)

    const veto = ['veto', 'one-M1', '--reason', 'not today', '--home', scene.home]
    expect((await runCli(veto, { cwd: scene.home, userHome: scene.repo.dir })).code).toBe(0)
    expect((await ask(url, production)).status).toBe(499)
    expect(going.stderr).toMatch(
      /"event":"build.validated","about":"ops\/infra promote production","answer":"blocked"/
    )
  })

  it('is answered by the gate within its minute, whatever else floods the server', async () => {
    const { scene, url, going } = await serve()
    const sha = await scene.claim('one-M1')
    await deliver(url, forges['Gitea']?.(body()) ?? {})
    await until(async () => going.stderr.includes('"verdict":"PASS"'))
    const flood = spawn(process.execPath, [
      join(import.meta.dirname, '../support/flood.mjs'),
      new URL(url).port,
      '300'
    ])
    open.push({ close: async () => void flood.kill('SIGKILL') })
    await once(flood.stdout, 'data')
    const asked = async (how: DroneBuild, status: number) => {
      const started = performance.now()
      expect((await ask(url, how)).status).toBe(status)
      // So long Drone waits.
      expect(performance.now() - started).toBeLessThan(60_000)
    }
    const production = { after: sha, deploy_to: 'production' }
    for (let n = 0; n < 5; n += 1) await asked(production, 204)
    await Promise.all(Array.from({ length: 6 }, () => asked(production, 204)))
    await asked({ after: '7'.repeat(40), deploy_to: 'production' }, 499)
    expect(flood.exitCode).toBe(null)
    expect(going.stderr).toMatch(/"event":"request.refused"/)
  }, 300_000)

  it('has a rule for each build, and what is not clear is blocked', async () => {
    const { scene, url } = await serve()
    const sha = await scene.repo.builder.tip()
    const status = async (of: Parameters<typeof droneBody>[0]) => (await ask(url, of)).status
    expect(await status({ after: sha, deploy_to: 'demo' })).toBe(204)
    expect(await status({ after: sha, deploy_to: 'elsewhere' })).toBe(499)
    expect(await status({ after: sha, deploy_to: '' })).toBe(499)
    expect(await status({ after: sha, event: 'rollback', deploy_to: 'production' })).toBe(499)
    expect(await status({ after: sha, event: 'pull_request' })).toBe(204)
    expect(await status({ after: sha, event: 'push', target: 'feature' })).toBe(204)
    expect(await status({ after: sha, event: 'push', target: 'main' })).toBe(499)
    expect(await status({ after: 'main', deploy_to: 'production' })).toBe(499)
    expect(await status({ after: '', deploy_to: 'production' })).toBe(499)
    // Of another repository of the same Drone: none of our business.
    expect(await status({ after: sha, deploy_to: 'production', slug: 'ops/other' })).toBe(204)
  })

  it("that is not Drone's is 401, and what is signed and no question is blocked", async () => {
    const { scene, url } = await serve()
    const after = await scene.repo.builder.tip()
    const production = { after, deploy_to: 'production' }
    expect((await ask(url, production, { secret: 'another' })).status).toBe(401)
    expect((await ask(url, production, { at: Date.now() - 6 * 60_000 })).status).toBe(401)
    expect((await ask(url, production, { list: ['date'] })).status).toBe(401)
    const text = '{"build":1}'
    const answer = await new Promise<number | undefined>((done, fail) => {
      const sent = request(
        `${url}/drone`,
        { method: 'POST', headers: Object.fromEntries(droneHeaders(text)) },
        got => {
          got.resume()
          done(got.statusCode)
        }
      )
      sent.on('error', fail)
      sent.end(text)
    })
    expect(answer).toBe(499)
  })

  it('is answered by the list of signers, the reviewer and the rules of that moment', async () => {
    const { scene, url, going } = await serve(
      'webhook: { secret: ../hook }, board: true, metrics: true, drone: { secret: ../drone, repo: ops/infra, gates: [{ target: production, gate: one-M1 }] }'
    )
    const after = await scene.claim('one-M1')
    await deliver(url, forges['Gitea']?.(body()) ?? {})
    await until(async () => going.stderr.includes('"verdict":"PASS"'))
    const production = () => ask(url, { after, deploy_to: 'production' })
    const shown = async () => {
      const board = await fetch(`${url}/`)
      const series = readMetrics(await (await fetch(`${url}/metrics`)).text())
      const value = (name: string) => series.find(each => each.name === name)?.value
      return {
        board: board.status,
        open: (await board.text()).includes('Gate open'),
        read: value('adversary_board_success'),
        gate: value('adversary_gate_open')
      }
    }
    expect((await production()).status).toBe(204)
    await until(async () => (await shown()).open)

    const signers = join(scene.repo.dir, 'allowed_signers')
    const places = [scene.repo.dir, 'allowed_signers']
    await writeFile(signers, '# nobody\n')
    const closed = await production()
    expect(closed).toMatchObject({ status: 499, text: expect.stringMatching(/no signer is allowed/) })
    expect(await shown()).toMatchObject({ open: false })
    const expired = scene.signers.replace(' namespaces', ' valid-before="20200101",namespaces')
    await writeFile(signers, expired)
    expect((await production()).status).toBe(499)

    for (const unreadable of [
      () => rm(signers),
      () => execFileSync('mkfifo', [signers]),
      () => rm(signers).then(() => mkdir(signers))
    ]) {
      await unreadable()
      const blocked = await production()
      expect(blocked).toMatchObject({ status: 499, text: expect.stringMatching(/could not be read/) })
      for (const place of places) expect(blocked.text).not.toContain(place)
      expect(await shown()).toMatchObject({ board: 503, open: false, read: 0, gate: undefined })
    }
    expect(going.stderr).toMatch(/could not be read: [^"]*allowed_signers/)
    await rm(signers, { recursive: true })
    await writeFile(signers, scene.signers)
    expect((await production()).status).toBe(204)
    await until(async () => (await shown()).open)

    const config = join(scene.home, 'adversary.yaml')
    const before = await readFile(config, 'utf8')
    for (const [change, why] of [
      [before.replace('email: adversary@', 'email: other@'), /other@example\.test/],
      [before.replace('target: production', 'target: elsewhere'), /no gate is configured/],
      [before.replace(/, drone: .*/, ' }'), /could not be read/],
      ['half: [', /could not be read/]
    ] as const) {
      await writeFile(config, change)
      expect(await production()).toMatchObject({ status: 499, text: expect.stringMatching(why) })
    }
    await writeFile(config, before)
    expect((await production()).status).toBe(204)
  })

  it('about another repository leaves a line, once for each, and is blocked where the home says so', async () => {
    const { scene, url, going } = await serve()
    const after = await scene.repo.builder.tip()
    const about = (slug: string) => ask(url, { after, deploy_to: 'production', slug })
    for (const slug of ['ops/infar', 'ops/infar', 'ops/other', 'ops/infar']) {
      expect((await about(slug)).status).toBe(204)
    }
    const asked = () => going.stderr.split('\n').filter(line => line.includes('"build asked"'))
    expect(asked().map(line => JSON.parse(line))).toMatchObject([
      {
        about: 'ops/infar promote production',
        answer: 'accepted',
        why: expect.stringContaining('ops/infra')
      },
      { about: 'ops/other promote production', answer: 'accepted' }
    ])
    for (let n = 0; n < 100; n += 1) await about(`ops/made-up-${n}`)
    expect(asked().length).toBeLessThan(70)
    const doctor = await until(async () => {
      const { stdout } = await runCli(['doctor', '--home', scene.home], {
        cwd: scene.home,
        userHome: scene.repo.dir
      })
      return stdout.includes('ops/made-up') && stdout
    })
    expect(doctor).toMatch(/Drone.*ops\/infra/)

    const config = join(scene.home, 'adversary.yaml')
    await writeFile(
      config,
      (await readFile(config, 'utf8')).replace('repo: ops/infra,', 'repo: ops/infra, others: block,')
    )
    expect(await about('ops/other')).toMatchObject({ status: 499, text: expect.stringContaining('others') })
  })

  it('is blocked while the gate cannot be asked', async () => {
    const { scene, url } = await serve()
    const after = await scene.repo.builder.tip()
    await chmod(scene.repo.remote, 0o755)
    await writeFile(join(scene.repo.remote, 'HEAD.away'), await readFile(join(scene.repo.remote, 'HEAD')))
    await writeFile(join(scene.repo.remote, 'HEAD'), 'broken')
    const answer = await ask(url, { after, deploy_to: 'production' })
    expect(answer).toMatchObject({ status: 499, text: expect.stringMatching(/could not be read/) })
    await writeFile(join(scene.repo.remote, 'HEAD'), await readFile(join(scene.repo.remote, 'HEAD.away')))
  })
})

describe('a secret that is not there', () => {
  it.each([
    ['webhook: { secret: ../nowhere }', /nowhere does not exist \(serve\.webhook\.secret\)/],
    ['webhook: {}', /the environment variable ADVERSARY_WEBHOOK_SECRET is not set/],
    [
      'drone: { repo: ops/infra, gates: [{ gate: one-M1 }] }',
      /the environment variable ADVERSARY_DRONE_SECRET is not set/
    ]
  ])('ends it before it begins: %s', async (yaml, why) => {
    const scene = await makeScene({ more: ['poll: 10m', `serve: { ${yaml} }`] })
    open.push({ close: () => scene.dispose() })
    const words = ['serve', '--home', scene.home, '--listen', '127.0.0.1:0']
    const { code, stderr } = await runCli(words, { cwd: scene.home, userHome: scene.repo.dir })
    expect({ code, stderr }).toMatchObject({ code: 64, stderr: expect.stringMatching(why) })
  })
})
