import type { Readable, Writable } from 'node:stream'
import { sayDuration } from '../lib/duration.ts'
import { concealed } from '../lib/secrets/veil.ts'
import { forTerminal, forTerminalJson } from '../lib/text/terminal.ts'
import { wrapped } from '../lib/text/wrap.ts'
import { tick } from '../os/clock.ts'
import type { ExitCode } from '../lib/words.ts'

/** What every command takes. */
export interface CommonOptions {
  /** Folder of the home, as typed; absent: the nearest one upwards. */
  readonly home?: string | undefined
  readonly json?: boolean | undefined
  readonly quiet?: boolean | undefined
}

/** One command: options as they were typed and checked, to an exit code. Lives in a file of its own. */
export type Command<Options extends CommonOptions> = (options: Options, io: Io) => Promise<ExitCode>

/** All that a command has of the world outside, so that it can be run without a process of its own. */
export interface Io {
  /**
   * A line (or lines) for people, on stdout. Not heard with `--json` or `--quiet`. On a terminal long lines are broken
   * between words.
   */
  out(text: string): void
  /** The same for what is copied whole (scripts, plans, sections of a review, commands): no line is broken. */
  text(content: string): void
  /** One JSON document on one line of stdout. Heard with `--json` alone. */
  json(document: unknown): void
  /** A line for people on stderr, whatever the options: warnings and errors. Broken as `out` is. */
  err(text: string): void
  /** What happened, on stderr, whatever the options: a line for programs, or lines that are laid out already. */
  event(line: string): void
  /**
   * What is being done now and for how long; null: nothing any more. On a terminal one line that is written
   * over, elsewhere a plain line each. On stderr; not heard with `--quiet`.
   *
   * @param live what a terminal shows instead, asked anew whenever its line is drawn.
   */
  progress(text: string | null, live?: () => string): void
  /**
   * Asks the person at the terminal. Null where there is none, or where nobody is to be asked (`--json`,
   * `--quiet`, CI); an empty answer is an empty text.
   */
  ask(question: string): Promise<string | null>
  /** Whether `out` may use colours. */
  readonly color: boolean
  /** Whether a person watches stderr. */
  readonly tty: boolean
  /** Columns of the terminal that `out` writes to; Infinity where there is none. */
  readonly columns: number
  /** The same of the terminal that `err` writes to. */
  readonly errors: { readonly color: boolean; readonly columns: number }
  readonly env: Readonly<Record<string, string | undefined>>
  readonly cwd: string
  /** How this program was started, as words for a shell. */
  readonly program: string
  /** What `~` stands for. */
  readonly userHome: string
  readonly signal: AbortSignal
}

/** Where an Io writes, and what it reads a person's answers from. */
export interface Streams {
  readonly stdin?: Readable & { readonly isTTY?: boolean }
  readonly stdout: Writable & { readonly isTTY?: boolean; readonly columns?: number }
  readonly stderr: Writable & { readonly isTTY?: boolean; readonly columns?: number }
}

/** How a command's output is wanted. */
export interface OutputMode {
  readonly json: boolean
  readonly quiet: boolean
}

export type Surroundings = Pick<Io, 'env' | 'cwd' | 'userHome' | 'signal'> & Partial<Pick<Io, 'program'>>

/** How often the time on a terminal's progress line moves, in milliseconds. */
const refreshMs = 100

export function createIo({ stdin, stdout, stderr }: Streams, manner: OutputMode, around: Surroundings): Io {
  const { env } = around
  const plain = (env['NO_COLOR'] ?? '') !== '' || env['TERM'] === 'dumb'
  const ci = (env['CI'] ?? '') !== ''
  const rewrites = stderr.isTTY === true && env['TERM'] !== 'dumb' && !ci
  let current: { readonly text: string; readonly since: number; readonly live: () => string } | null = null
  let timer: NodeJS.Timeout | null = null

  function clear(): void {
    if (rewrites && current !== null) stderr.write('\r\u001B[2K')
  }
  function draw(): void {
    if (!rewrites || current === null) return
    const elapsed = tick() - current.since
    const text = forTerminal(concealed(current.live())).replaceAll('\n', ' ')
    const line = elapsed < 1000 ? text : `${text} (${sayDuration(elapsed)})`
    const width = (stderr.columns || 80) - 1
    stderr.write(`\r\u001B[2K${line.length > width ? `${line.slice(0, width - 1)}…` : line}`)
  }
  // What a review shows has its secrets hidden by all that it read. This is for everything else that is printed: the
  // words of a home, and what a server or a builder said.
  function lines(stream: Writable, text: string): void {
    clear()
    stream.write(text.endsWith('\n') ? text : `${text}\n`)
    draw()
  }
  /** Where a person reads, no word is broken by the edge of the terminal. What is laid out already fits. */
  function people(text: string, columns: number): string {
    if (!Number.isFinite(columns)) return text
    return text
      .split('\n')
      .flatMap(line => wrapped(line, columns, hangOf(line)))
      .join('\n')
  }

  const columnsOf = (stream: { readonly isTTY?: boolean; readonly columns?: number }) =>
    // A terminal that does not know its width says 0.
    stream.isTTY === true ? stream.columns || 80 : Number.POSITIVE_INFINITY
  return {
    program: 'adversary',
    ...around,
    color: stdout.isTTY === true && !plain,
    tty: stderr.isTTY === true,
    columns: columnsOf(stdout),
    errors: { color: stderr.isTTY === true && !plain, columns: columnsOf(stderr) },
    out(text) {
      if (!manner.json && !manner.quiet)
        lines(stdout, people(forTerminal(concealed(text)), columnsOf(stdout)))
    },
    text(content) {
      if (!manner.json && !manner.quiet) lines(stdout, forTerminal(concealed(content)))
    },
    event(line) {
      lines(stderr, forTerminal(concealed(line)))
    },
    json(document) {
      if (manner.json) lines(stdout, forTerminalJson(JSON.stringify(concealed(document))))
    },
    err(text) {
      lines(stderr, people(forTerminal(concealed(text)), columnsOf(stderr)))
    },
    async ask(question) {
      const person = stdin?.isTTY === true && stderr.isTTY === true && !ci && !manner.json && !manner.quiet
      // Whoever ended the input has said that no more is to be asked.
      if (!person || stdin.readableEnded || stdin.destroyed) return null
      clear()
      const { createInterface } = await import('node:readline/promises')
      // The terminal itself lets a line be edited while it is typed.
      const terminal = createInterface({ input: stdin, output: stderr, terminal: false })
      // An end of input answers nothing more.
      const ended = new Promise<null>(resolve => terminal.once('close', () => resolve(null)))
      try {
        return await Promise.race([
          terminal.question(`${forTerminal(question)} `, { signal: around.signal }),
          ended
        ])
      } finally {
        terminal.close()
      }
    },
    progress(open, live) {
      const text = open === null ? null : concealed(open)
      if (manner.quiet || text === (current?.text ?? null)) return
      clear()
      // What is live goes on: its time is that of the whole.
      const since = live === undefined ? tick() : (current?.since ?? tick())
      current = text === null ? null : { text, since, live: live ?? (() => text) }
      if (timer !== null) clearInterval(timer)
      timer = null
      if (text === null) return
      if (rewrites) timer = setInterval(draw, refreshMs).unref()
      if (rewrites) draw()
      else stderr.write(`${forTerminal(text)}\n`)
    }
  }
}

/** Where a broken line goes on: a little to the right of where it began. */
function hangOf(line: string): number {
  const [indent = ''] = /^ */.exec(line) ?? []
  return Math.min(indent.length, 20) + (indent.length > 0 ? 2 : 0)
}

export type Style = 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan'

const codes: Readonly<Record<Style, readonly [on: number, off: number]>> = {
  bold: [1, 22],
  dim: [2, 22],
  red: [31, 39],
  green: [32, 39],
  yellow: [33, 39],
  cyan: [36, 39]
}

/** Colours the text where colours are wanted, and leaves it alone elsewhere. */
export function paint(io: Pick<Io, 'color'>, style: Style, text: string): string {
  const [on, off] = codes[style]
  return io.color ? `\u001B[${on}m${text}\u001B[${off}m` : text
}
