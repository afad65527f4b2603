import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { listen } from '../../src/server/http-server.ts'
import { router } from '../../src/server/router.ts'
import { generous } from '../support/pace.ts'

/** The server behind Debian's nginx and HAProxy, asked in the ways by which proxies and servers disagree. */

const obstacle = inject('browserObstacle')
const reached: string[] = []
let dir = ''
let server: Awaited<ReturnType<typeof listen>>
const children: ChildProcess[] = []
const ports = { nginx: 0, haproxy: 0 }

const answer = (path: string) => ({
  path,
  name: path,
  handle: () => {
    reached.push(path)
    return { status: 200, body: path }
  }
})

async function freePort(): Promise<number> {
  const probe = createServer()
  await new Promise<void>(done => probe.listen(0, '127.0.0.1', done))
  const at = probe.address()
  await new Promise(done => probe.close(done))
  return typeof at === 'object' && at !== null ? at.port : 0
}

function raw(port: number, bytes: string): Promise<string> {
  return new Promise(done => {
    let text = ''
    const socket = connect(port, '127.0.0.1', () => socket.write(bytes))
    socket.setTimeout(8_000, () => socket.destroy())
    socket.on('data', chunk => {
      text += chunk.toString()
    })
    socket.on('error', () => undefined)
    socket.on('close', () => done(text))
  })
}

const ask = (port: number, target: string) =>
  raw(port, `POST ${target} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`)

beforeAll(async () => {
  if (obstacle !== null) return
  dir = await mkdtemp(join(tmpdir(), 'adversary-proxies-'))
  server = await listen({
    address: '127.0.0.1',
    port: 0,
    admit: router([
      { ...answer('/webhook'), method: 'POST' },
      { ...answer('/metrics'), method: 'POST' },
      { ...answer('/'), method: 'POST' }
    ]),
    fault: () => undefined
  })
  ports.nginx = await freePort()
  ports.haproxy = await freePort()
  // By a prefix, as people write it; docs/server.md shows the exact form.
  await writeFile(
    join(dir, 'nginx.conf'),
    `pid ${dir}/nginx.pid; error_log ${dir}/error.log; events {}
http { access_log off; client_body_temp_path ${dir}/body; proxy_temp_path ${dir}/proxy; fastcgi_temp_path ${dir}/f; uwsgi_temp_path ${dir}/u; scgi_temp_path ${dir}/s;
server { listen 127.0.0.1:${ports.nginx}; location /webhook { proxy_pass ${server.url}; } } }
`
  )
  await writeFile(
    join(dir, 'haproxy.cfg'),
    `defaults
  mode http
  timeout connect 5s
  timeout client 20s
  timeout server 20s
frontend public
  bind 127.0.0.1:${ports.haproxy}
  http-request deny unless { path_beg /webhook }
  default_backend adversary
backend adversary
  server adversary ${server.url.replace('http://', '')}
`
  )
  children.push(
    spawn(
      'nginx',
      ['-c', join(dir, 'nginx.conf'), '-e', join(dir, 'error.log'), '-g', 'daemon off; user root;'],
      { stdio: 'ignore' }
    )
  )
  children.push(spawn('haproxy', ['-db', '-f', join(dir, 'haproxy.cfg')], { stdio: 'ignore' }))
  for (const port of Object.values(ports)) {
    const end = performance.now() + generous(30_000)
    while (!(await ask(port, '/webhook')).includes(' 200 ') && performance.now() < end) {
      await new Promise(done => setTimeout(done, 100))
    }
  }
})

afterAll(async () => {
  for (const child of children) child.kill('SIGTERM')
  if (obstacle !== null) return
  await server.close()
  await rm(dir, { recursive: true, force: true })
})

const targets = [
  '/webhook/../metrics',
  '/webhook/..',
  '/webhook\\..\\metrics',
  '/webhook/..\\',
  '/webhook/..\\metrics',
  '/webhook/%2e%2e/metrics',
  '/webhook/%2e%2e%2fmetrics',
  '/webhook%2f..%2fmetrics',
  '/webhook/..%5cmetrics',
  '/webhook/..;/metrics',
  '/webhook;/../metrics',
  '/webhook//../metrics',
  '//metrics',
  '/webhook/..//metrics',
  '/webhook%00/../metrics',
  '/webhook#/../metrics',
  '/webhook/metrics',
  '/webhookmetrics'
]

describe.skipIf(obstacle !== null)('behind a proxy that lets in /webhook', () => {
  it.each(['nginx', 'haproxy'] as const)('%s: nothing else is reached', async proxy => {
    reached.length = 0
    expect(await ask(ports[proxy], '/webhook?x=/metrics')).toContain(' 200 ')
    for (const target of targets) expect(await ask(ports[proxy], target)).not.toContain(' 200 ')
    expect(reached).toEqual(['/webhook'])
  })

  it.each(['nginx', 'haproxy'] as const)('%s: a refusal is read before the connection ends', async proxy => {
    const body = 'x'.repeat(50_000)
    const sent = `POST /webhook/none HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`
    expect(await raw(ports[proxy], sent)).toContain(' 404 ')
  })
})
