import { randomBytes } from 'node:crypto'
import type { Readable, Writable } from 'node:stream'
import { messageOf } from '../base/errors.ts'
import { printable } from '../base/text.ts'
import type { ReadCommand } from '../observe/read-command.ts'
import { nowMs, sleep, tick } from './clock.ts'
import { encodeRead, frameParser, stderrCap } from './frames.ts'
import type { Answer, HostAddress, HostSession, SessionOptions } from './session.ts'
import { HostUnseen } from './session.ts'

/**
 * The reader: one POSIX sh program (dash, bash, busybox) that runs on the host for the whole session. It
 * takes requests from its stdin, one word a line, and answers with frames (see frames.ts). It writes no
 * file: outputs wait in shell variables, which is why NUL bytes of an output are lost.
 *
 * - The text holds no single quote, backslash, `!` or newline: as one quoted word it passes unharmed
 *   through whatever login shell the account has, fish and csh included.
 * - No `eval`: what is asked arrives word by word and becomes `"$@"`.
 * - Frames written side by side would tear. A lone token in a pipe (9) is the lock; in another pipe (7)
 *   lie as many tokens as reads may run at once. A token is an empty line: `read` takes byte by byte.
 * - SIGPIPE is ignored around a frame, or a writer might die with the token and leave the others waiting
 *   on the host for ever. It is restored, because commands would inherit that.
 * - `timeout` does not end a grandchild that called setsid and holds the pipe: `head` has one of its own.
 * - The exit code of a pipe's first command has no other portable way out than its own descriptor (4).
 */
function readerLines({ run, check }: { readonly run: string; readonly check: string }): readonly string[] {
  return [
    'LC_ALL=C; TZ=UTC; SYSTEMD_COLORS=0;',
    // Formats that the account's own docker configuration sets would change what is printed.
    'DOCKER_CONFIG=/nonexistent/adversary;',
    // NixOS keeps nothing where others look, and a login that is not interactive often lacks sbin.
    'PATH=$PATH:/run/current-system/sw/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin;',
    'export LC_ALL TZ SYSTEMD_COLORS DOCKER_CONFIG PATH;',
    'exec 5<&0 8>&1 2>/dev/null; _n=$1;',

    // frame KIND ID ARGUMENT [BYTES]
    'frame() { trap "" PIPE; read -r _x <&9;',
    'echo "$_n $1 $2 $3"; printf %s "$4"; echo "$_n"; echo >&9; trap - PIPE; };',

    // take KIND CAP: at most CAP bytes of stdin, as one frame. The x saves trailing newlines.
    'take() { _h=head; [ -n "$_t" ] && _h="timeout $((_l+2)) head";',
    '_d=$($_h -c "$2"; echo x); _d=${_d%x}; frame "$1" "$_i" ${#_d} "$_d"; };',

    // job WORD…: one read, with its number, seconds and cap in _i, _l, _c
    'job() { _r=env; [ -n "$_t" ] && _r="timeout -k 1 $_l"; frame s "$_i" 0 >&8;',
    `_s=$( { { { ${run} "$@" </dev/null 2>&3 3>&- 4>&- 5<&- 7>&- 8>&- 9>&-; echo $? >&4; } |`,
    'take o $((_c+1)) >&8 3>&- 4>&-; } 3>&1 | take e 65536 >&8 4>&-; } 4>&1 );',
    'frame x "$_i" "$_s" >&8; echo >&7; };',

    ': | { exec 9<>/proc/self/fd/0; echo >&9;',
    ': | { exec 7<>/proc/self/fd/0; for _x in 1 2 3 4 5 6; do echo >&7; done; exec <&5 5<&-;',
    'frame h "$(date +%s%N)" 0 >&8; _t=; timeout -k 1 5 true && _t=1;',
    `while read -r _k _i _l _c _w; do ${check}case $_k in`,
    'h) frame h "$(date +%s%N)" 0 >&8;;',
    'r) set --; while [ $# -lt "$_w" ]; do IFS= read -r _x || exit; set -- "$@" "$_x"; done;',
    'read -r _x <&7; job "$@" & ;;',
    'esac; done; }; }'
  ]
}

/** The reader as it is sent to a host that keeps no list of its own. */
export const readerProgram = readerLines({ run: '$_r', check: '' }).join(' ')

/**
 * The same reader as part of a script on the host, which keeps to a list of its own. It must define two
 * functions before: `ask WORD…` runs a read (by `$_r`) or refuses it, and `sane` is false for a request whose
 * numbers (`_i`, `_l`, `_c`, `_w`) are none: they come to stand in arithmetic, where some shells run commands.
 */
export const guardedReader = readerLines({ run: 'ask', check: 'sane || exit 126; ' }).join('\n')

/** A reader that is about to be started. Made right before that: the clock counts from here. */
export interface Start {
  /** New for each session. */
  readonly nonce: string
  /** What `/bin/sh` is given. */
  readonly argv: readonly string[]
  /** What a login shell is given. */
  readonly command: string
  readonly atMs: number
  readonly at: number
}

export function newStart(): Start {
  const nonce = randomBytes(16).toString('hex')
  return {
    nonce,
    argv: ['-c', readerProgram, 'adversary', nonce],
    command: `${commandStart}${nonce}`,
    atMs: nowMs(),
    at: tick()
  }
}

/** What a login shell is given, but for the nonce. */
export const commandStart = `/bin/sh -c '${readerProgram}' adversary `

/** The nonce in a command that starts the reader; undefined for every other command. */
export function nonceOf(command: string): string | undefined {
  const nonce = command.startsWith(commandStart) ? command.slice(commandStart.length) : ''
  return /^[0-9a-f]{32}$/.test(nonce) ? nonce : undefined
}

/** The two ends of a running reader, whichever way it was started. */
export interface Wire {
  readonly stdin: Writable
  readonly stdout: Readable
  /** It was started over a connection that stands; otherwise its first answer comes after dialling. */
  readonly dialled: boolean
  /** Settles when the other end is gone, with the reason. Never rejects. */
  readonly gone: Promise<HostUnseen>
  /** Lets go at once, whatever the host does. May be called twice. */
  destroy(): void
}

/** The host's own `timeout` answers first where it can; this is for when it cannot. */
const graceMs = 1_500
/** How long a host may take to say goodbye. */
const goodbyeMs = 300

interface Pending {
  readonly command: ReadCommand
  readonly settle: (answer: Answer) => void
  readonly askedAt: number
  startedAt?: number
  stdout?: Buffer
  stderr?: Buffer
}

/**
 * Speaks with a reader that was just started.
 *
 * @param login aborts when the host may no longer take its time to begin; its reason is a HostUnseen.
 * @throws HostUnseen when no reader answers; the wire is destroyed then.
 */
export async function startReader(
  wire: Wire,
  start: Start,
  options: SessionOptions,
  login: AbortSignal
): Promise<HostSession> {
  const pending = new Map<string, Pending>()
  let reads = 0
  let progressAt = tick()
  let overdue = false
  let over: HostUnseen | undefined
  let timer: NodeJS.Timeout | undefined
  let greeted: ((time: string) => void) | undefined
  /** The end of what the host printed before the reader's first word: nologin says there why. Null after that. */
  let preface: string | null = ''
  let ended: (reason: HostUnseen) => void
  const end = new Promise<HostUnseen>(resolve => {
    ended = resolve
  })

  const finish = (reason: HostUnseen) => {
    if (over !== undefined) return
    over = reason
    clearTimeout(timer)
    options.signal.removeEventListener('abort', stop)
    login.removeEventListener('abort', tooLate)
    for (const id of pending.keys()) unanswered(id, reason.message)
    ended(reason)
  }
  const fail = (reason: HostUnseen) => {
    finish(reason)
    wire.destroy()
  }
  const stop = () => fail(stopped(options.signal))
  const tooLate = () => fail(reasonOf(login))

  const settle = (id: string, answer: (read: Pending) => Answer) => {
    const read = pending.get(id)
    if (read === undefined) return
    pending.delete(id)
    read.settle(answer(read))
    watch()
  }
  const unanswered = (id: string, why: string) =>
    settle(id, read => ({ answered: false, why, ms: tick() - (read.startedAt ?? read.askedAt) }))

  // A read that has started has its own deadline. One that waits for its turn has as long again after
  // every sign of life: it must not pay for the length of the queue.
  const dueAt = (read: Pending) =>
    (read.startedAt ?? Math.max(progressAt, read.askedAt)) + read.command.deadlineMs + graceMs
  const watch = () => {
    clearTimeout(timer)
    if (pending.size === 0 || over !== undefined) return
    const first = Math.min(...[...pending.values()].map(dueAt))
    timer = setTimeout(expire, Math.max(0, first - tick()) + 1)
  }
  const expire = () => {
    const at = tick()
    for (const [id, read] of pending) {
      if (dueAt(read) > at) continue
      overdue = true
      unanswered(id, late(read.command))
    }
    watch()
  }

  const parser = frameParser(start.nonce, {
    room(head) {
      if (head.kind === 'e') return stderrCap
      const read = pending.get(head.id)
      return read === undefined ? null : read.command.capBytes + 1
    },
    onFrame(head, body) {
      progressAt = tick()
      preface = null
      const read = pending.get(head.id)
      if (head.kind === 'h') greeted?.(head.id)
      else if (read === undefined) return
      else if (head.kind === 'o') read.stdout = body
      else if (head.kind === 'e') read.stderr = body
      else if (head.kind === 'x') settle(head.id, () => answerOf(read, head.argument, progressAt))
      else {
        read.startedAt = progressAt
        watch()
      }
    },
    onBroken: why => fail(new HostUnseen('shell', why))
  })
  wire.stdout.on('data', (chunk: Buffer) => {
    if (preface !== null) preface = (preface + chunk.toString('latin1')).slice(-200)
    if (over === undefined) parser.push(chunk)
  })
  // What went wrong is told by `gone`.
  wire.stdout.on('error', () => undefined)
  wire.stdin.on('error', () => undefined)
  void wire.gone.then(reason => {
    const printed = printable(preface ?? '')
    if (reason.kind !== 'shell' || printed === '') fail(reason)
    else fail(new HostUnseen('shell', `${reason.message} (it printed: ${printed})`, reason.cause))
  })
  options.signal.addEventListener('abort', stop, { once: true })
  login.addEventListener('abort', tooLate, { once: true })
  if (options.signal.aborted) stop()
  else if (login.aborted) tooLate()

  const clockSince = async (atMs: number, at: number) => {
    const answer = new Promise<string>(resolve => {
      greeted = resolve
    })
    const time = await Promise.race([answer, end])
    if (time instanceof HostUnseen) throw time
    return clockOf(time, atMs, tick() - at)
  }
  let clock: HostSession['clock']
  try {
    clock = await clockSince(start.atMs, start.at)
    if (!wire.dialled) {
      wire.stdin.write('h\n')
      clock = await clockSince(nowMs(), tick())
    }
  } catch (error) {
    fail(error instanceof HostUnseen ? error : new HostUnseen('shell', messageOf(error), error))
    throw error
  }
  login.removeEventListener('abort', tooLate)

  return {
    clock,
    get stats() {
      return { connections: 1, execs: 1, reads }
    },
    ask(commands) {
      const askedAt = tick()
      const round: string[] = []
      const answers = commands.map(command => {
        const id = String(reads++)
        const seconds = Math.max(1, Math.ceil(command.deadlineMs / 1000))
        round.push(encodeRead({ id, seconds, capBytes: command.capBytes, argv: command.argv }))
        return new Promise<Answer>(settle => {
          if (over === undefined) pending.set(id, { command, settle, askedAt })
          else settle({ answered: false, why: over.message, ms: 0 })
        })
      })
      if (over === undefined) wire.stdin.write(round.join(''))
      watch()
      return answers
    },
    async close() {
      const idle = over === undefined && pending.size === 0 && !overdue
      finish(new HostUnseen('shell', 'the session was closed'))
      if (idle) {
        wire.stdin.end()
        await goneWithin(wire, goodbyeMs)
      }
      wire.destroy()
      await goneWithin(wire, goodbyeMs)
    }
  }
}

/** Waits for the other end to go, but not for long, and leaves no timer behind that would keep the process. */
async function goneWithin(wire: Wire, ms: number): Promise<void> {
  const enough = new AbortController()
  const waited = sleep(ms, enough.signal).catch(() => undefined)
  await Promise.race([wire.gone, waited])
  enough.abort()
}

function answerOf(read: Pending, status: string, at: number): Answer {
  const ms = at - (read.startedAt ?? read.askedAt)
  const { deadlineMs, capBytes } = read.command
  // 124: coreutils' timeout. 143 and 137: what busybox's reports, and a command that had to be killed. Far
  // past the deadline, it was `head` that was ended, and what it had read so far is gone.
  const ended = ['124', '137', '143'].includes(status) && ms >= deadlineMs - 50
  if (ended || ms >= deadlineMs + graceMs) {
    return { answered: false, why: late(read.command), ms }
  }
  if (status === '' || read.stdout === undefined || read.stderr === undefined) {
    return { answered: false, why: 'the read was ended on the host', ms }
  }
  return {
    answered: true,
    exit: Number(status),
    stdout: read.stdout.subarray(0, capBytes).toString(),
    stderr: read.stderr.toString(),
    ms,
    cut: read.stdout.length > capBytes
  }
}

function late(command: ReadCommand): string {
  return `no answer within ${command.deadlineMs / 1000} s`
}

/** The host's clock against ours: it was read somewhere between sending and receiving. */
function clockOf(time: string, sentMs: number, roundTripMs: number): HostSession['clock'] {
  const digits = /^\d{9,19}/.exec(time)?.[0]
  if (digits === undefined) throw new HostUnseen('shell', 'the host does not tell its time (`date +%s%N`)')
  // busybox prints whole seconds and a literal `%N`.
  const whole = digits.length < 16
  const hostMicros = whole ? Number(digits) * 1e6 + 500_000 : Number(BigInt(digits) / 1000n)
  return {
    hostMicros,
    skewMs: Math.round(hostMicros / 1000 - (sentMs + roundTripMs / 2)),
    uncertaintyMs: Math.ceil(roundTripMs / 2) + (whole ? 500 : 0)
  }
}

/**
 * A signal for the time from dialling to the reader's first answer: aborts when `host.timeoutMs` has
 * passed or the review is given up, with a HostUnseen as its reason. Call `done` when it is over.
 */
export function loginLimit(
  host: HostAddress,
  options: SessionOptions
): { signal: AbortSignal; done(): void } {
  const controller = new AbortController()
  const why = `no answer from ${host.ssh} within ${host.timeoutMs / 1000} s of connecting`
  const timer = setTimeout(() => controller.abort(new HostUnseen('timeout', why)), host.timeoutMs)
  const stop = () => controller.abort(stopped(options.signal))
  options.signal.addEventListener('abort', stop, { once: true })
  if (options.signal.aborted) stop()
  return {
    signal: controller.signal,
    done() {
      clearTimeout(timer)
      options.signal.removeEventListener('abort', stop)
    }
  }
}

/** The HostUnseen that a signal of `loginLimit` was aborted with. */
export function reasonOf(signal: AbortSignal): HostUnseen {
  return signal.reason instanceof HostUnseen ? signal.reason : stopped(signal)
}

function stopped(signal: AbortSignal): HostUnseen {
  return new HostUnseen('timeout', `stopped: ${messageOf(signal.reason)}`)
}
