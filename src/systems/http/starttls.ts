import type { Socket } from 'node:net'
import { oneLine } from '../../lib/text/clean.ts'
import { type StartTls, Unseen } from '../../facts/fact.ts'

/** Asks a server for TLS in the words of its protocol. Ends when the handshake may begin; Unseen where it is not offered. */
export type Opening = (socket: Socket, name: string, signal: AbortSignal) => Promise<void>

export const openings = {
  smtp: async (socket, _, signal) => {
    const reply = () => lines(socket, line => /^\d{3} /.test(line), signal)
    offered('SMTP', /^220/, await reply())
    socket.write('EHLO adversary-bot.invalid\r\n')
    offered('STARTTLS of SMTP', /^250[ -]STARTTLS\s*$/im, await reply())
    socket.write('STARTTLS\r\n')
    offered('STARTTLS of SMTP', /^220/, await reply())
  },
  imap: async (socket, _, signal) => {
    offered('IMAP', /^\* (?:OK|PREAUTH)\b/i, await lines(socket, () => true, signal))
    socket.write('a1 STARTTLS\r\n')
    offered('STARTTLS of IMAP', /^a1 OK\b/im, await lines(socket, line => /^a1 /i.test(line), signal))
  },
  pop3: async (socket, _, signal) => {
    offered('POP3', /^\+OK/i, await lines(socket, () => true, signal))
    socket.write('STLS\r\n')
    offered('STLS of POP3', /^\+OK/i, await lines(socket, () => true, signal))
  },
  ftp: async (socket, _, signal) => {
    const reply = () => lines(socket, line => /^\d{3} /.test(line), signal)
    offered('FTP', /^220/, await reply())
    socket.write('AUTH TLS\r\n')
    offered('AUTH TLS of FTP', /^234/m, await reply())
  },
  postgres: async (socket, _, signal) => {
    socket.write(Buffer.from([0, 0, 0, 8, 4, 210, 22, 47]))
    // One byte: S, or N. A longer answer is an error in words.
    const answer = await bytes(socket, 1, signal)
    offered('TLS of PostgreSQL', /^S$/, answer.toString('latin1'))
  },
  mysql: async (socket, _, signal) => {
    const head = await bytes(socket, 4, signal)
    const greeting = await bytes(socket, head.readUIntLE(0, 3), signal)
    // Protocol, version and its end, thread, salt and its end; then the lower half of what the server can do.
    const at = greeting.indexOf(0, 1) + 1 + 4 + 8 + 1
    const canTls =
      greeting[0] === 10 && greeting.length >= at + 2 && (greeting.readUInt16LE(at) & 0x800) !== 0
    offered('TLS of MySQL', /^yes$/, canTls ? 'yes' : 'no')
    const request = Buffer.alloc(36)
    request.writeUIntLE(32, 0, 3)
    request.writeUInt8(1, 3)
    // Protocol 4.1, TLS, long passwords' hashes.
    request.writeUInt32LE(0x8a00, 4)
    request.writeUInt32LE(0x1000000, 8)
    request.writeUInt8(33, 12)
    socket.write(request)
  },
  ldap: async (socket, _, signal) => {
    const oid = Buffer.from('1.3.6.1.4.1.1466.20037')
    const name = Buffer.concat([Buffer.from([0x80, oid.length]), oid])
    const operation = Buffer.concat([Buffer.from([0x77, name.length]), name])
    const message = Buffer.concat([Buffer.from([0x02, 0x01, 0x01]), operation])
    socket.write(Buffer.concat([Buffer.from([0x30, message.length]), message]))
    const head = await bytes(socket, 2, signal)
    const long =
      (head[1] ?? 0) & 0x80 ? await bytes(socket, Math.min((head[1] ?? 0) & 0x7f, 4), signal) : null
    const length = long === null ? (head[1] ?? 0) : long.readUIntBE(0, long.length)
    const answer = await bytes(socket, Math.min(length, limit), signal)
    // The answer to the extended request, whose first element is the result: 0 is success.
    const at = answer.indexOf(0x78)
    const result =
      at < 0
        ? Buffer.alloc(0)
        : answer.subarray(at + ((answer[at + 1] ?? 0) & 0x80 ? 2 + ((answer[at + 1] ?? 0) & 0x7f) : 2))
    offered('StartTLS of LDAP', /^0a0100/, result.toString('hex'))
  }
} as const satisfies Record<StartTls, Opening>

function offered(what: string, wish: RegExp, answer: string) {
  if (!wish.test(answer))
    throw new Unseen(`the server does not offer ${what}: it answered \`${oneLine(answer, 80)}\``)
}

const limit = 16 * 1024

/** Lines until one that is the last of an answer, which may take several. */
async function lines(
  socket: Socket,
  isLast: (line: string) => boolean,
  signal: AbortSignal
): Promise<string> {
  let text = ''
  for (;;) {
    const byte = await bytes(socket, 1, signal)
    text += byte.toString('latin1')
    if (text.length > limit) throw new Unseen('the server sent too much data before TLS')
    if (!text.endsWith('\n')) continue
    const line = text.slice(text.lastIndexOf('\n', text.length - 2) + 1)
    if (isLast(line)) return text
  }
}

/** Exactly so many bytes: what comes behind them is the handshake's. */
function bytes(socket: Socket, length: number, signal: AbortSignal): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const end = (outcome: () => void) => {
      socket.removeListener('readable', read)
      socket.removeListener('end', closed)
      socket.removeListener('error', failed)
      signal.removeEventListener('abort', stop)
      outcome()
    }
    const read = () => {
      const found: unknown = length === 0 ? Buffer.alloc(0) : socket.read(length)
      if (Buffer.isBuffer(found)) end(() => resolve(found))
    }
    const closed = () =>
      end(() => reject(Object.assign(new Error('the connection was closed'), { code: 'ECONNRESET' })))
    const failed = (error: Error) => end(() => reject(error))
    const stop = () =>
      end(() => reject(new Unseen('the server did not answer in time whether it offers TLS')))
    socket.on('readable', read)
    socket.on('end', closed)
    socket.on('error', failed)
    signal.addEventListener('abort', stop, { once: true })
    if (signal.aborted) stop()
    else read()
  })
}
