import { connect } from 'node:net'
import { expect, it } from 'vitest'
import { listen } from '../../src/server/http-server.ts'
import { healthRoute } from '../../src/server/health-route.ts'
import { router } from '../../src/server/router.ts'
import { verifyDroneBody, verifyDroneHead } from '../../src/server/webhook-signatures.ts'
import { webhookRoute } from '../../src/server/webhook.ts'
import { droneBody, droneHeaders, droneSecret } from '../support/drone.ts'

function raw(port: number, bytes: string): Promise<string> {
  return new Promise(done => {
    let text = ''
    const socket = connect(port, '127.0.0.1', () => socket.write(bytes))
    socket.on('data', chunk => {
      text += chunk.toString()
    })
    socket.on('error', () => undefined)
    socket.on('close', () => done(text))
  })
}

it('a flood of unknown paths, unsigned questions, slow bodies and silent connections keeps no signed question waiting', async () => {
  const over = new AbortController()
  const server = await listen({
    address: '127.0.0.1',
    port: 0,
    admit: router([
      healthRoute(
        () => ({ beatAtMs: Date.now(), polledAt: null, reviews: 0, failures: 0 }),
        () => Date.now()
      ),
      webhookRoute({
        secret: async () => 'webhook-secret',
        branches: ['main'],
        notify: () => undefined,
        refused: () => undefined,
        now: () => Date.now()
      }),
      {
        method: 'POST',
        path: '/drone',
        name: 'drone',
        admit: async head =>
          verifyDroneHead(head, droneSecret, Date.now()) === null ? null : { status: 401 },
        handle: request => ({ status: verifyDroneBody(request) === null ? 204 : 401 })
      }
    ]),
    fault: () => undefined
  })
  const { port } = server
  const floods = [
    `POST /nowhere HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 4000000\r\n\r\n`,
    'POST /drone HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 10\r\n\r\nx',
    'POST /webhook HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Gitlab-Token: x\r\nContent-Length: 100\r\n\r\nx',
    'GET /healthz HTTP/1.1\r\n',
    ''
  ]
  const busy = Array.from({ length: 100 }, async (_, n) => {
    while (!over.signal.aborted) {
      await new Promise<void>(done => {
        const socket = connect(port, '127.0.0.1', () => socket.write(floods[n % floods.length] || ' '))
        const end = setTimeout(() => socket.destroy(), 2_000)
        socket.on('error', () => undefined)
        socket.on('data', () => undefined)
        socket.on('close', () => {
          clearTimeout(end)
          done()
        })
      })
    }
  })
  await new Promise(done => setTimeout(done, 1_000))
  try {
    for (let n = 0; n < 20; n += 1) {
      const body = droneBody({ after: '7'.repeat(40), deploy_to: 'production' })
      const headers = droneHeaders(body)
        .map(([name, value]) => `${name}: ${value}\r\n`)
        .join('')
      const text = await raw(
        port,
        `POST /drone HTTP/1.1\r\nHost: 127.0.0.1\r\n${headers}Content-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`
      )
      expect(text).toMatch(/^HTTP\/1\.1 204 /)
      const health = await raw(port, 'GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n')
      expect(health).toMatch(/^HTTP\/1\.1 200 /)
    }
  } finally {
    over.abort()
    await Promise.all(busy)
    await server.close()
  }
})
