import { spawn } from 'node:child_process'
import { createServer as createHttp, type IncomingMessage, type ServerResponse } from 'node:http'
import { connect, createServer, type Server, type Socket } from 'node:net'

/** Real git servers on loopback, and what goes wrong between them and a reviewer. */

export interface GitServer {
  readonly url: string
  close(): Promise<void>
}

/** How the line behaves: in order, not there, silent from the start, or only so many bytes of one direction. */
export type Line =
  | 'open'
  | 'closed'
  | 'silent'
  | { readonly after: number; readonly of: 'answers' | 'questions'; readonly ends: 'silence' | 'reset' }

export interface Wire extends GitServer {
  /** How new connections behave from now on. */
  set(line: Line): void
  /** Connections so far. */
  connections(): number
}

/** `git daemon` for the bare repository, behind a line of which it is said how it behaves. */
export async function startWire(remote: string): Promise<Wire> {
  const port = await freePort()
  const folder = remote.slice(0, remote.lastIndexOf('/'))
  const words = ['daemon', '--listen=127.0.0.1', `--port=${port}`, '--export-all', '--enable=receive-pack']
  const daemon = spawn('git', [...words, '--reuseaddr', `--base-path=${folder}`, folder], { stdio: 'ignore' })
  const ended = new Promise(done => daemon.once('close', done))
  await answering(port)

  let line: Line = 'open'
  let connections = 0
  const sockets = new Set<Socket>()
  const server = createServer({ allowHalfOpen: true }, socket => {
    connections += 1
    sockets.add(socket)
    socket.on('error', () => undefined)
    socket.on('close', () => sockets.delete(socket))
    const how = line
    if (how === 'closed') socket.destroy()
    if (how === 'closed' || how === 'silent') return
    const onward = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
    sockets.add(onward)
    onward.on('error', () => socket.destroy())
    onward.on('close', () => sockets.delete(onward))
    carry(socket, onward, how, 'questions')
    carry(onward, socket, how, 'answers')
  })
  return {
    url: `git://127.0.0.1:${await listen(server)}${remote.slice(folder.length)}`,
    set(how) {
      line = how
    },
    connections: () => connections,
    async close() {
      for (const socket of sockets) socket.destroy()
      await new Promise<void>(done => server.close(() => done()))
      daemon.kill()
      await ended
    }
  }
}

function carry(from: Socket, to: Socket, line: Line, direction: 'answers' | 'questions'): void {
  const limit = typeof line === 'object' && line.of === direction ? line : null
  let carried = 0
  let over = false
  from.on('data', bytes => {
    if (over) return
    carried += bytes.length
    over = limit !== null && carried > limit.after
    if (!over || limit === null) to.write(bytes)
    else if (limit.ends === 'reset') {
      from.resetAndDestroy()
      to.resetAndDestroy()
    }
  })
  from.on('end', () => {
    if (!over) to.end()
  })
}

export interface HttpGit extends GitServer {
  /** Who is let in, as `name:password`; null: everybody. */
  admit(login: string | null): void
  /** Answers everything with that status; null: as it should be. */
  fail(status: number | null): void
  /** Requests so far. */
  requests(): number
}

/** `git http-backend` for the bare repository, behind HTTP basic. */
export async function startHttpGit(remote: string): Promise<HttpGit> {
  const folder = remote.slice(0, remote.lastIndexOf('/'))
  let login: string | null = null
  let status: number | null = null
  let requests = 0
  const server = createHttp((request, answer) => {
    requests += 1
    const basic = login === null ? null : `Basic ${Buffer.from(login).toString('base64')}`
    const known = basic === null || request.headers.authorization === basic
    if (status !== null) answer.writeHead(status).end()
    else if (known) backend(folder, request, answer)
    else answer.writeHead(401, { 'www-authenticate': 'Basic realm="git"' }).end()
  })
  return {
    url: `http://127.0.0.1:${await listen(server)}${remote.slice(folder.length)}`,
    admit(who) {
      login = who
    },
    fail(code) {
      status = code
    },
    requests: () => requests,
    async close() {
      server.closeAllConnections()
      await new Promise<void>(done => server.close(() => done()))
    }
  }
}

/** CGI, as far as git's own program needs it. */
function backend(folder: string, request: IncomingMessage, answer: ServerResponse): void {
  const url = new URL(request.url ?? '/', 'http://localhost')
  const cgi = spawn('git', ['http-backend'], {
    env: {
      PATH: process.env['PATH'],
      GIT_PROJECT_ROOT: folder,
      GIT_HTTP_EXPORT_ALL: '1',
      REMOTE_USER: 'somebody',
      REMOTE_ADDR: '127.0.0.1',
      PATH_INFO: url.pathname,
      QUERY_STRING: url.search.slice(1),
      REQUEST_METHOD: request.method,
      CONTENT_TYPE: request.headers['content-type'],
      HTTP_CONTENT_ENCODING: request.headers['content-encoding'],
      GIT_PROTOCOL: String(request.headers['git-protocol'] ?? '')
    },
    stdio: ['pipe', 'pipe', 'ignore']
  })
  cgi.stdin.on('error', () => undefined)
  request.pipe(cgi.stdin)
  let head = Buffer.alloc(0)
  let begun = false
  cgi.stdout.on('data', (bytes: Buffer) => {
    if (begun) {
      answer.write(bytes)
      return
    }
    head = Buffer.concat([head, bytes])
    const end = head.indexOf('\r\n\r\n')
    if (end < 0) return
    begun = true
    let code = 200
    for (const line of head.toString('latin1', 0, end).split('\r\n')) {
      const [name = '', value = ''] = line.split(/: (.*)/s)
      if (name.toLowerCase() === 'status') code = Number(value.split(' ')[0])
      else answer.setHeader(name, value)
    }
    answer.writeHead(code)
    answer.write(head.subarray(end + 4))
  })
  cgi.on('close', () => answer.end())
}

async function listen(server: Server): Promise<number> {
  await new Promise<void>(done => server.listen(0, '127.0.0.1', done))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}

async function freePort(): Promise<number> {
  const server = createServer()
  const port = await listen(server)
  await new Promise<void>(done => server.close(() => done()))
  return port
}

/** Waits until somebody accepts connections there. */
async function answering(port: number): Promise<void> {
  for (let tries = 0; ; tries += 1) {
    const there = await new Promise<boolean>(done => {
      const socket = connect({ port, host: '127.0.0.1' })
      socket.once('connect', () => {
        socket.destroy()
        done(true)
      })
      socket.once('error', () => done(false))
    })
    if (there) return
    if (tries > 600) throw new Error('git daemon does not answer')
    await new Promise(done => setTimeout(done, 50))
  }
}
