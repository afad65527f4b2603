import { connect, createServer, type Socket } from 'node:net'

/**
 * A line to a far host: a TCP proxy that lets everything arrive later. Each way takes `delayMs`, and so does
 * each way of the handshake that a real line begins with, which the kernel would otherwise answer for the host
 * at once.
 */
export interface SlowLine {
  readonly address: string
  readonly port: number
  close(): Promise<void>
}

export interface Ends {
  /** Where to listen. Port 0: any. */
  readonly at?: { readonly address: string; readonly port: number }
  readonly to: { readonly address: string; readonly port: number }
  /** One way, in milliseconds. */
  readonly delayMs: number
}

export async function slowLine({
  at = { address: '127.0.0.1', port: 0 },
  to,
  delayMs
}: Ends): Promise<SlowLine> {
  const sockets = new Set<Socket>()
  const after = (ways: number) => new Promise<void>(resolve => setTimeout(resolve, ways * delayMs))
  const keep = (socket: Socket): Socket => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    // Whoever is at the other end hears of it by the close.
    socket.on('error', () => undefined)
    return socket
  }
  const dial = (): Socket =>
    keep(connect({ host: to.address, port: to.port, noDelay: true, allowHalfOpen: true }))

  const server = createServer({ noDelay: true, allowHalfOpen: true, pauseOnConnect: true }, near => {
    keep(near)
    // SYN, SYN-ACK, ACK: the far end hears of the connection after three ways, the near end after two.
    const far = after(3).then(dial)
    const carry = (from: Socket, into: Promise<Socket>) => {
      const deliver = (what: (socket: Socket) => void) => void after(1).then(async () => what(await into))
      from.on('data', chunk => deliver(socket => socket.write(chunk)))
      from.on('end', () => deliver(socket => socket.end()))
      from.on('close', broken => deliver(socket => (broken ? socket.destroy() : socket.end())))
    }
    carry(near, far)
    void far.then(socket => carry(socket, Promise.resolve(near)))
    void after(2).then(() => near.resume())
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(at.port, at.address, resolve)
  })
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return {
    address: at.address,
    port: address.port,
    async close() {
      for (const socket of sockets) socket.destroy()
      await new Promise<void>(resolve => server.close(() => resolve()))
    }
  }
}
