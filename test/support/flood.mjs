import { connect } from 'node:net'

// A flood of everything that needs no secret, on as many connections as are let: `node flood.mjs PORT CONNECTIONS`.

const [port, connections] = process.argv.slice(2).map(Number)
const signature = `keyId="hmac-key",algorithm="hmac-sha256",signature="${'A'.repeat(43)}=",headers="date digest"`
const requests = [
  'POST /nowhere HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 4000000\r\n\r\n',
  'POST /drone HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 10\r\n\r\nx',
  `POST /drone HTTP/1.1\r\nHost: 127.0.0.1\r\nDate: ${new Date().toUTCString()}\r\nSignature: ${signature}\r\nContent-Length: 1000000\r\n\r\n`,
  'POST /webhook HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Gitlab-Token: x\r\nContent-Length: 100\r\n\r\nx',
  'POST /webhook HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n',
  `GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nX: ${'x'.repeat(8_000)}\r\n\r\n`.repeat(20),
  'GET /healthz HTTP/1.1\r\n',
  ' '
]

function again(n) {
  const socket = connect(port, '127.0.0.1', () => socket.write(requests[n % requests.length]))
  const end = setTimeout(() => socket.destroy(), 2_000)
  socket.on('error', () => undefined)
  socket.resume()
  socket.on('close', () => {
    clearTimeout(end)
    again(n + connections)
  })
}
for (let n = 0; n < connections; n += 1) again(n)
process.stdout.write('flooding\n')
