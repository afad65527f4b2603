import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import { expect, it } from 'vitest'
import { slowLine } from './slow-line.ts'

it('takes one way and back after the handshake, keeps the order, and says when an end closes', async () => {
  const echo = createServer({ allowHalfOpen: true }, socket => {
    socket.on('data', chunk => socket.write(chunk))
    socket.on('end', () => socket.end())
  })
  await new Promise<void>(resolve => echo.listen(0, '127.0.0.1', resolve))
  const address = echo.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  const line = await slowLine({ to: { address: '127.0.0.1', port: address.port }, delayMs: 15 })
  try {
    const started = performance.now()
    const socket = connect(line.port, line.address)
    let text = ''
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString()
    })
    for (const word of ['one ', 'two ', 'three']) socket.write(word)
    const [first] = (await once(socket, 'data')) as [Buffer]
    // Two ways of a handshake, one there, one back. It may take longer, never less; timers round down.
    expect(performance.now() - started).toBeGreaterThanOrEqual(4 * 15 - 4)
    expect(first.toString()).toMatch(/^one/)
    socket.end()
    await once(socket, 'close')
    expect(text).toBe('one two three')
  } finally {
    await line.close()
    echo.close()
  }
})
