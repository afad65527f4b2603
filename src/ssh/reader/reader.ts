import { randomBytes } from 'node:crypto'
import type { Readable, Writable } from 'node:stream'
import { answerBounds } from '../../lib/bounds.ts'
import { messageOf } from '../../lib/errors.ts'
import { parseDateSeconds } from '../../lib/instant.ts'
import { printable } from '../../lib/text/clean.ts'
import type { ReadCommand } from '../../facts/read-command.ts'
import { awakeClock, nowMs, sleep, tick } from '../../os/clock.ts'
import { encodeRead, frameParser, stderrCap } from './frames.ts'
import type { Answer, HostAddress, HostSession, SessionOptions } from '../../facts/session.ts'
import { HostUnseen } from '../../facts/session.ts'

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
 * - Processes are what a read costs, on both machines where they are one. The exit code of a pipe's first
 *   command has no portable way out but a descriptor, so it is the last line of stderr, behind the nonce; where
 *   nothing is before it, which is nearly always, the shell itself has read all there is.
 * - Patterns are tried on texts from their end: from the front dash needs the square of the length.
 * - A grandchild that called setsid may hold the pipes long after `timeout` has ended the command: what still
 *   waits for it, and all that still runs when the session breaks off, is ended by `sweep`.
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

    // frame KIND ID ARGUMENT [BYTES]: false where the other end has gone.
    'frame() { trap "" PIPE; read -r _x <&9;',
    'echo "$_n $1 $2 $3" && printf %s "$4" && echo "$_n"; _e=$?; echo >&9; trap - PIPE; return $_e; } >&8;',

    // out WORD…: runs one read, with its number, seconds and cap in _i, _l, _c. Its output is whole if the nonce comes
    // right behind it: what a `head` that was killed leaves is not, nor what was cut, whatever NUL bytes it had.
    'out() { _r=env; [ -n "$_t" ] && _r="timeout -k 1 $_l";',
    `_d=$( { ${run} "$@" </dev/null 2>&3 3>&- 5<&- 7>&- 8>&- 9>&-; _s=$?;`,
    'trap "" PIPE; echo "$_n $_s ." >&3; printf %s "$_n"; } |',
    `head -c $((_c+32)) 3>&- 7>&- 8>&- 9>&-); _x=\${_d%${'?'.repeat(32)}}; if [ "$_x$_n" = "$_d" ]; then`,
    'frame o "$_i" ${#_x} "$_x"; elif [ ${#_d} -gt "$_c" ]; then frame o "$_i" ${#_d} "$_d"; else frame x "$_i"; fi; };',

    // fin: takes its stderr and its exit code.
    'fin() { IFS= read -r _d; case $_d in "$_n "*) _s=${_d#* }; _d=;; *) more;; esac;',
    'frame e "$_i" ${#_d} "$_d"; frame x "$_i" "${_s%% *}"; echo >&7; };',
    'more() { _h=head; [ -n "$_t" ] && _h="timeout $((_l+2)) head"; case $_d in *"$_n "*) ;;',
    '*) _d=$(printf %.65536s "$_d"; echo; $_h -c 65600 8>&- 9>&- && echo x); _d=${_d%x};; esac; exec </dev/null;',
    '_s=$(printf %s "$_d" | tail -c 39);',
    'case $_s in *"$_n "*.*) _s=${_s##*"$_n "}; _d=${_d%"$_n "*};; *) _s=;; esac;',
    '[ ${#_d} -gt 65536 ] && { _d=$(printf %.65536s "$_d"; echo x); _d=${_d%x}; : "${_s:=141}"; }; };',

    // sweep: ends every process that came from this one.
    'sweep() { set +f; read -r _x _y </proc/self/stat; _s=" $_x "; _q=$_s; _y=; until [ "$_y" = "$_q" ]; do _y=$_q;',
    'for _x in /proc/[0-9]*/stat; do read -r _i _w _k _l _d <$_x || continue;',
    'case $_q in *" $_i "*) ;; *" $_l "*) _q="$_q$_i ";; esac; done; done; kill ${_q#"$_s"}; };',

    ': | { exec 9<>/proc/self/fd/0; echo >&9;',
    ': | { exec 7<>/proc/self/fd/0; for _x in 1 2 3 4 5 6; do echo >&7; done; exec <&5 5<&-;',
    // Whether there is a `timeout` that can do this is found out by what is asked anyway.
    '_t=1; _d=$(timeout -k 1 5 date +%s%N) || { _t=; _d=$(date +%s%N); }; frame h "$_d" 0;',
    `while read -r _k _i _l _c _w; do ${check}case $_k in`,
    'h) frame h "$(date +%s%N)" 0 || break;;',
    'q) exit;;',
    'r) set --; while [ $# -lt "$_w" ]; do IFS= read -r _x || break 2; set -- "$@" "$_x"; done;',
    // What is still asked for by an end that has gone is not run.
    'read -r _x <&7; frame s "$_i" 0 || break; out "$@" 3>&1 | fin & ;;',
    'esac; done; sweep; }; }'
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

const tooMuch = `the host has answered more than ${answerBounds.hostBytes / 2 ** 20} MiB in this review`

/** The host's own `timeout` answers first where it can; this is for when it cannot. */
const graceMs = 1_500
/** How long a host may take to say goodbye. */
const goodbyeMs = 300

interface Pending {
  readonly command: ReadCommand
  readonly settle: (answer: Answer) => void
  /** By the clock that stands still while we do, and by the one that does not. */
  readonly askedAt: number
  readonly askedTick: number
  startedAt?: number
  stdout?: Buffer
  stderr?: Buffer
  /** Exit code; empty where the host lost it. */
  status?: string
  /** Its answer would have been more than is taken of this host. */
  isTooMuch?: true
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
  const awake = awakeClock()
  let reads = 0
  let progressAt = awake.now()
  let overdue = false
  let leftBytes: number = answerBounds.hostBytes
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
    awake.stop()
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
    settle(id, read => ({ answered: false, why, ms: awake.now() - (read.startedAt ?? read.askedAt) }))

  // A read that has started has its own deadline. One that waits for its turn has as long again after every sign of life,
  // for it must not pay for the length of the queue: a read that begins or ends. A host that sends anything else does
  // nothing that is waited for.
  const dueAt = (read: Pending) =>
    (read.startedAt ?? Math.max(progressAt, read.askedAt)) + read.command.deadlineMs + graceMs
  const watch = () => {
    clearTimeout(timer)
    if (pending.size === 0 || over !== undefined) return
    const first = Math.min(...[...pending.values()].map(dueAt))
    timer = setTimeout(() => setImmediate(expire), Math.max(0, first - awake.now()) + 1)
  }
  // A turn later than it is due: what has come meanwhile is heard first.
  const expire = () => {
    const at = awake.now()
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
      if (read === undefined) return null
      const room = read.command.capBytes + start.nonce.length
      const length = Number(head.argument)
      if (length > room || length <= leftBytes) return room
      // Thrown away as it comes.
      read.isTooMuch = true
      return null
    },
    onFrame(head, body) {
      preface = null
      const read = pending.get(head.id)
      if (head.kind === 'h') greeted?.(head.id)
      else if (read === undefined) return
      else if (head.kind === 's') {
        if (read.startedAt !== undefined) return
        progressAt = awake.now()
        read.startedAt = progressAt
        watch()
      } else {
        leftBytes -= body.length
        if (read.isTooMuch) return unanswered(head.id, tooMuch)
        if (head.kind === 'o') read.stdout = body
        else if (head.kind === 'e') read.stderr = body
        else read.status = head.argument
        // The two that write them do not wait for each other.
        if (read.status === '' || (read.status !== undefined && read.stdout !== undefined)) {
          progressAt = awake.now()
          settle(head.id, () => answerOf(read, progressAt))
        }
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
  let clockAt: number
  try {
    clock = await clockSince(start.atMs, start.at)
    if (!wire.dialled) {
      wire.stdin.write('h\n')
      clock = await clockSince(nowMs(), tick())
    }
    clockAt = tick()
  } catch (error) {
    fail(error instanceof HostUnseen ? error : new HostUnseen('shell', messageOf(error), error))
    throw error
  }
  login.removeEventListener('abort', tooLate)

  return {
    get clock() {
      return { ...clock, hostMicros: Math.round(clock.hostMicros + (tick() - clockAt) * 1000) }
    },
    get stats() {
      return { connections: 1, execs: 1, reads }
    },
    ask(commands) {
      const [askedAt, askedTick] = [awake.now(), tick()]
      const round: string[] = []
      const answers = commands.map(command => {
        const id = String(reads++)
        const seconds = Math.max(1, Math.ceil(command.deadlineMs / 1000))
        round.push(encodeRead({ id, seconds, capBytes: command.capBytes, argv: command.argv }))
        return new Promise<Answer>(settle => {
          if (over === undefined) pending.set(id, { command, settle, askedAt, askedTick })
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
        wire.stdin.end('q\n')
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

function answerOf(read: Pending, at: number): Answer {
  const ms = at - (read.startedAt ?? read.askedAt)
  const { status = '', stdout, stderr } = read
  const { deadlineMs, capBytes } = read.command
  // 124: coreutils' timeout. 143 and 137: what busybox's reports, and a command that had to be killed.
  // Far past the deadline something else had held the pipes. Where we stood still meanwhile, it began before we heard so.
  const ended = ['124', '137', '143'].includes(status) && tick() - read.askedTick >= deadlineMs - 50
  if (ended || ms >= deadlineMs + graceMs) {
    return { answered: false, why: late(read.command), ms }
  }
  if (status === '' || stdout === undefined || stderr === undefined) {
    return { answered: false, why: 'the read was killed on the host', ms }
  }
  return {
    answered: true,
    exit: Number(status),
    stdout: stdout.subarray(0, capBytes).toString(),
    stderr: stderr.toString(),
    ms,
    cut: stdout.length > capBytes
  }
}

function late(command: ReadCommand): string {
  return `no answer within ${command.deadlineMs / 1000} s`
}

/** The host's clock against ours: it was read somewhere between sending and receiving. */
function clockOf(time: string, sentMs: number, roundTripMs: number): HostSession['clock'] {
  const hostTime = parseDateSeconds(time)
  if (hostTime === null) throw new HostUnseen('shell', 'the host does not show its time (`date +%s%N`)')
  return {
    hostMicros: hostTime.micros,
    skewMs: Math.round(hostTime.micros / 1000 - (sentMs + roundTripMs / 2)),
    uncertaintyMs: Math.ceil(roundTripMs / 2) + hostTime.unsureMs
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
