import { Readable, Writable } from 'node:stream'
import { createIo } from '../../src/cli/io.ts'
import { main } from '../../src/cli/program.ts'

export interface CliRun {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

export interface CliPlace {
  readonly cwd: string
  readonly userHome?: string
  readonly env?: Readonly<Record<string, string>>
  readonly tty?: boolean
  /** What a person at the terminal types, a line for each question; after the last one, the end of input. */
  readonly answers?: readonly string[]
  readonly signal?: AbortSignal
}

/** A stream that keeps what is written. */
export class Kept extends Writable {
  text = ''
  readonly isTTY: boolean
  readonly columns = 80

  constructor(isTTY = false) {
    super()
    this.isTTY = isTTY
  }

  override _write(chunk: Buffer, _: BufferEncoding, done: () => void): void {
    this.text += chunk.toString()
    done()
  }
}

/** Types the next answer once it is asked for: what is typed before is nobody's. */
function typing(answers: readonly string[], screen: Kept): Readable & { readonly isTTY: boolean } {
  const left = [...answers]
  let seen = 0
  const keys = new Readable({
    read() {
      const wait = setInterval(() => {
        if (!/[?.)] $/.test(screen.text.slice(seen))) return
        clearInterval(wait)
        seen = screen.text.length
        const next = left.shift()
        keys.push(next === undefined ? null : `${next}\n`)
      }, 5).unref()
    }
  })
  return Object.assign(keys, { isTTY: true })
}

/** A command that goes on: what it has written so far, and its end. */
export interface CliGoing {
  readonly stdout: string
  readonly stderr: string
  readonly over: Promise<CliRun>
}

/** Runs one command line in this process, with streams and surroundings of its own. */
export function runCli(argv: readonly string[], place: CliPlace): Promise<CliRun> {
  return startCli(argv, place).over
}

/** The same, while it runs. */
export function startCli(argv: readonly string[], place: CliPlace): CliGoing {
  const stdout = new Kept(place.tty)
  const stderr = new Kept(place.tty)
  const stdin = typing(place.answers ?? [], stderr)
  const around = {
    cwd: place.cwd,
    userHome: place.userHome ?? place.cwd,
    env: place.env ?? {},
    signal: place.signal ?? new AbortController().signal
  }
  const ended = main(argv, {
    io: manner => createIo({ stdin, stdout, stderr }, manner, around),
    version: async () => '1.2.3',
    node: '20.19.0'
  })
  return {
    get stdout() {
      return stdout.text
    },
    get stderr() {
      return stderr.text
    },
    over: ended.then(code => ({ code, stdout: stdout.text, stderr: stderr.text }))
  }
}
