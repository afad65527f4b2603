/**
 * The words that the reader and we exchange: see reader.ts for the program on the other side.
 *
 *   h                              asks for the time; the first answer comes unasked
 *                                  → `NONCE h <date +%s%N> 0`
 *   r ID SECONDS CAP WORDS ⏎ …     asks for one read; one line for each word
 *                                  → `NONCE s ID 0`           it has started
 *                                  → `NONCE o ID <bytes>` …   what it wrote to stdout; more than CAP bytes where it was cut
 *                                  → `NONCE e ID <bytes>` …   what it wrote to stderr
 *                                  → `NONCE x ID <exit code>` it has ended; after e, and before or after o
 *
 * Every frame ends with `NONCE` on a line. The nonce is new for each session: what a login shell, a banner
 * or a command prints cannot pass for a frame, and a frame that something else wrote into shows it.
 */
export interface FrameHead {
  readonly kind: 'h' | 's' | 'o' | 'e' | 'x'
  readonly id: string
  readonly argument: string
}

/** Of stderr, this much is read, in bytes: a command that writes more is ended by SIGPIPE and has exit code 141. */
export const stderrCap = 65_536

/** One frame as the reader writes it. `body` is for o and e alone. */
export function encodeFrame(nonce: string, head: FrameHead, body: Uint8Array = Buffer.alloc(0)): Buffer {
  return Buffer.concat([
    Buffer.from(`${nonce} ${head.kind} ${head.id} ${head.argument}\n`),
    body,
    Buffer.from(`${nonce}\n`)
  ])
}

export interface ReadRequest {
  readonly id: string
  readonly seconds: number
  readonly capBytes: number
  readonly argv: readonly string[]
}

export function encodeRead({ id, seconds, capBytes, argv }: ReadRequest): string {
  return `r ${id} ${seconds} ${capBytes} ${argv.length}\n${argv.map(word => `${word}\n`).join('')}`
}

export interface FrameListener {
  /** How many bytes this frame may carry; null for a frame nobody waits for, whose bytes are thrown away. */
  room(head: FrameHead): number | null
  onFrame(head: FrameHead, body: Buffer): void
  /** What came cannot be trusted any more. Nothing is parsed after this. */
  onBroken(why: string): void
}

/** No header is longer; what has no line end within this many bytes after a nonce is not a header. */
const headerCap = 200
/** This much that is not a frame (a banner, a chatty login shell) is skipped. */
const noiseCap = 1024 * 1024

type State =
  | { readonly at: 'header' }
  | { readonly at: 'body'; readonly head: FrameHead; readonly parts: Buffer[] | null; missing: number }
  | { readonly at: 'end'; readonly head: FrameHead; readonly body: Buffer }
  | { readonly at: 'broken' }

/** Cuts a stream of bytes into frames, in time and memory proportional to what is asked for. */
export function frameParser(nonce: string, listener: FrameListener): { push(chunk: Buffer): void } {
  const mark = Buffer.from(nonce)
  const ending = Buffer.from(`${nonce}\n`)
  let rest: Buffer = Buffer.alloc(0)
  let noise = 0
  let state: State = { at: 'header' }

  const broken = (why: string) => {
    state = { at: 'broken' }
    rest = Buffer.alloc(0)
    listener.onBroken(why)
  }

  /** One step; false when more bytes are needed. */
  const step = (): boolean => {
    switch (state.at) {
      case 'header':
        return header()
      case 'body': {
        const part = rest.subarray(0, state.missing)
        rest = rest.subarray(part.length)
        state.parts?.push(part)
        state.missing -= part.length
        if (state.missing > 0) return false
        state = { at: 'end', head: state.head, body: Buffer.concat(state.parts ?? []) }
        return true
      }
      case 'end': {
        if (rest.length < ending.length) return false
        if (!rest.subarray(0, ending.length).equals(ending)) {
          broken('the output is corrupt: another program on the host writes into it')
          return false
        }
        rest = rest.subarray(ending.length)
        const { head, body } = state
        state = { at: 'header' }
        listener.onFrame(head, body)
        return true
      }
      case 'broken':
        return false
    }
  }

  const header = (): boolean => {
    const start = rest.indexOf(mark)
    const skipped = start === -1 ? Math.max(0, rest.length - mark.length + 1) : start
    rest = rest.subarray(skipped)
    noise += skipped
    if (noise > noiseCap) {
      broken('the login shell prints too much output')
      return false
    }
    if (start === -1) return false
    const end = rest.indexOf(0x0a)
    if (end === -1 && rest.length < headerCap) return false
    const head = parseHead(rest.subarray(mark.length, end === -1 ? headerCap : end).toString('latin1'))
    const room = head === undefined ? null : listener.room(head)
    const length = head?.kind === 'o' || head?.kind === 'e' ? Number(head.argument) : 0
    if (head === undefined || !Number.isSafeInteger(length) || (room !== null && length > room)) {
      broken('the output is not in the format of the reader')
      return false
    }
    rest = rest.subarray(end + 1)
    state = { at: 'body', head, parts: room === null ? null : [], missing: length }
    return true
  }

  return {
    push(chunk) {
      if (state.at === 'broken') return
      // Within a body nothing is left over, so this copies a header's worth at most.
      rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
      while (step());
    }
  }
}

function parseHead(text: string): FrameHead | undefined {
  const [, kind, id, argument] = /^ ([hsoex]) (\S*) (\d*)$/.exec(text) ?? []
  if (id === undefined || argument === undefined) return undefined
  switch (kind) {
    case 'h':
    case 's':
    case 'o':
    case 'e':
    case 'x':
      return { kind, id, argument }
    default:
      return undefined
  }
}
