import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { createServer } from 'node:net'
import { createInterface } from 'node:readline'
import type { ServerChannel } from 'ssh2'
import ssh2 from 'ssh2'
import { nowMs } from '../os/clock.ts'
import { encodeFrame, type FrameHead } from './reader/frames.ts'
import { nonceOf } from './reader/reader.ts'

const { Server, utils } = ssh2

/** What a host answered to one command. */
export interface Recording {
  readonly argv: readonly string[]
  readonly exit: number
  readonly stdout: string
  readonly stderr: string
}

/** A key pair in OpenSSH's formats. */
export interface KeyPair {
  readonly private: string
  /** `ssh-ed25519 AAAA…`, without a comment. */
  readonly public: string
}

export interface RecordedHost {
  readonly port: number
  /** The host's public key, as a known_hosts line has it after `[127.0.0.1]:port`. */
  readonly hostKey: string
  /** The private key that is let in, under any user name. */
  readonly clientKey: string
  /** From now on the host answers from these. */
  play(recordings: readonly Recording[]): void
  close(): Promise<void>
}

/**
 * A new Ed25519 key. Written out here because one in about twenty of those that ssh2 makes is a file that
 * ssh-keygen does not read.
 */
export function makeKey(): KeyPair {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519')
  // The keys themselves are the last 32 bytes of their DER forms.
  const seed = privateKey.export({ type: 'pkcs8', format: 'der' }).subarray(-32)
  const open = publicKey.export({ type: 'spki', format: 'der' }).subarray(-32)
  const blob = Buffer.concat([text('ssh-ed25519'), text(open)])
  const check = randomBytes(4)
  const secret = Buffer.concat([check, check, blob, text(Buffer.concat([seed, open])), text('')])
  const padding = Buffer.from(Array.from({ length: -secret.length & 7 }, (_, index) => index + 1))
  const file = Buffer.concat([
    Buffer.from('openssh-key-v1\0'),
    // No cipher, no key derivation, no options; one key.
    text('none'),
    text('none'),
    text(''),
    Buffer.from([0, 0, 0, 1]),
    text(blob),
    text(Buffer.concat([secret, padding]))
  ])
  const lines = file.toString('base64').match(/.{1,70}/g) ?? []
  return {
    private: ['-----BEGIN OPENSSH PRIVATE KEY-----', ...lines, '-----END OPENSSH PRIVATE KEY-----', ''].join(
      '\n'
    ),
    public: `ssh-ed25519 ${blob.toString('base64')}`
  }
}

/** A string of the SSH protocol: its length, then its bytes. */
function text(value: string | Buffer): Buffer {
  const bytes = Buffer.from(value)
  const length = Buffer.alloc(4)
  length.writeUInt32BE(bytes.length)
  return Buffer.concat([length, bytes])
}

/**
 * A host that answers from recordings: a real SSH server on 127.0.0.1 that lets one new key in, runs
 * nothing, and speaks the reader's side of the protocol. What was not recorded is no command there: 127. What time
 * it is (`date +%s%N`) is never recorded: it tells its own.
 *
 * @param hostMicros the host's clock, microseconds since 1970; ours unless told otherwise.
 */
export async function serveRecordedHost(options: {
  readonly recordings: readonly Recording[]
  readonly hostKey?: KeyPair
  readonly hostMicros?: () => number
}): Promise<RecordedHost> {
  const hostKey = options.hostKey ?? makeKey()
  const clientKey = makeKey()
  const hostMicros = options.hostMicros ?? (() => nowMs() * 1000)
  let table = tableOf(options.recordings)
  const parsed = utils.parseKey(clientKey.public)
  if (parsed instanceof Error) throw parsed
  const connections = new Set<ssh2.Connection>()

  const server = new Server({ hostKeys: [hostKey.private] }, connection => {
    connections.add(connection)
    // A client that goes away is no event here.
    connection.on('error', () => undefined)
    connection.on('close', () => connections.delete(connection))
    connection.on('authentication', context => {
      if (context.method !== 'publickey' || !context.key.data.equals(parsed.getPublicSSH())) {
        return context.reject(['publickey'])
      }
      const { blob, signature } = context
      if (blob === undefined || signature === undefined) return context.accept()
      return parsed.verify(blob, signature, context.hashAlgo) ? context.accept() : context.reject()
    })
    connection.on('session', accept => {
      accept().on('exec', (acceptExec, reject, { command }) => {
        const nonce = nonceOf(command)
        if (nonce === undefined) reject()
        else answer(acceptExec(), nonce, argv => table.get(keyOf(argv)), hostMicros)
      })
    })
  })
  // A listener of our own, for noDelay: without it every answer waits 40 ms.
  const listener = createServer({ noDelay: true }, socket => server.injectSocket(socket))
  await new Promise<void>((resolve, reject) => {
    listener.once('error', reject)
    listener.listen(0, '127.0.0.1', resolve)
  })
  const address = listener.address()
  if (address === null || typeof address === 'string') throw new Error('the recorded host has no port')
  return {
    port: address.port,
    hostKey: hostKey.public,
    clientKey: clientKey.private,
    play(recordings) {
      table = tableOf(recordings)
    },
    async close() {
      for (const connection of connections) connection.end()
      await new Promise<void>(resolve => listener.close(() => resolve()))
    }
  }
}

/** The reader's side of the protocol: see frames.ts. */
function answer(
  channel: ServerChannel,
  nonce: string,
  recorded: (argv: readonly string[]) => Recording | undefined,
  hostMicros: () => number
): void {
  let read: { id: string; capBytes: number; missing: number; argv: string[] } | undefined
  const send = (kind: FrameHead['kind'], id: string, argument: string | number, body?: Buffer) =>
    channel.write(encodeFrame(nonce, { kind, id, argument: String(argument) }, body))

  const nanos = () => `${Math.round(hostMicros())}000`
  const sendTime = () => send('h', nanos(), 0)
  const request = (line: string) => {
    const [kind, id = '', , capBytes, words] = line.split(' ')
    if (kind === 'h') sendTime()
    else if (kind === 'r') read = { id, capBytes: Number(capBytes), missing: Number(words), argv: [] }
  }
  const onLine = (line: string) => {
    if (read === undefined) return request(line)
    read.argv.push(line)
    if (read.argv.length < read.missing) return
    const { id, capBytes, argv } = read
    read = undefined
    const time = argv.join(' ') === 'date +%s%N' ? { exit: 0, stdout: `${nanos()}\n`, stderr: '' } : undefined
    const { exit, stdout, stderr } = time ??
      recorded(argv) ?? {
        exit: 127,
        stdout: '',
        stderr: `${argv[0]}: not recorded: ${argv.join(' ')}\n`
      }
    const out = Buffer.from(stdout).subarray(0, capBytes + 1)
    const err = Buffer.from(stderr)
    send('s', id, 0)
    send('o', id, out.length, out)
    send('e', id, err.length, err)
    send('x', id, exit)
  }

  channel.on('error', () => undefined)
  sendTime()
  const lines = createInterface({ input: channel, crlfDelay: Number.POSITIVE_INFINITY })
  lines.on('line', onLine)
  lines.on('close', () => {
    channel.exit(0)
    channel.end()
  })
}

function tableOf(recordings: readonly Recording[]): ReadonlyMap<string, Recording> {
  return new Map(recordings.map(recording => [keyOf(recording.argv), recording]))
}

function keyOf(argv: readonly string[]): string {
  return JSON.stringify(argv)
}
