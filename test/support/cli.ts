import { Writable } from 'node:stream'
import { createIo } from '../../src/commands/io.ts'
import { main } from '../../src/commands/program.ts'

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

/** Runs one command line in this process, with streams and surroundings of its own. */
export async function runCli(argv: readonly string[], place: CliPlace): Promise<CliRun> {
  const stdout = new Kept(place.tty)
  const stderr = new Kept(place.tty)
  const around = {
    cwd: place.cwd,
    userHome: place.userHome ?? place.cwd,
    env: place.env ?? {},
    signal: place.signal ?? new AbortController().signal
  }
  const code = await main(argv, {
    io: manner => createIo({ stdout, stderr }, manner, around),
    version: async () => '1.2.3'
  })
  return { code, stdout: stdout.text, stderr: stderr.text }
}
