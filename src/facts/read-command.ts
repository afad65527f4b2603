import { isReadProgram, readablePath } from '../lib/secrets/readable-path.ts'
import { shellQuoted } from '../lib/text/shell-quote.ts'

/**
 * The only maker of read commands. Each technology lists its own in a file `reads.ts`: each reads and never writes, and
 * each knows which exit codes are answers: any other exit means that the question was not answered, which is `unknown`.
 *
 * The brand keeps the rest of the code from building commands of its own. It stops accidents, not
 * a determined cast, so the account on the host should be read-only as well (`adversary lockdown`).
 */

declare const brand: unique symbol

export interface ReadCommand {
  readonly [brand]: true
  /** Program and arguments. No shell ever splits them; none holds a newline or a NUL. */
  readonly argv: readonly string[]
  /** The exit codes that are answers. */
  readonly answers: readonly number[]
  /** How long the host may take, in milliseconds. */
  readonly deadlineMs: number
  /** How many bytes of stdout are read. What is longer is cut, and a cut answer is `unknown`. */
  readonly capBytes: number
  /** How many rounds of reads wait for its answer, one behind the other: the longest way is begun first. */
  readonly priority: number
}

interface Limits {
  readonly answers?: readonly number[]
  readonly deadlineMs?: number
  readonly capBytes?: number
  readonly priority?: number
}

/**
 * The most that any read asks for: what a host that `lockdown` guards grants to whoever has the key. Bytes are those of
 * stdout, seconds those of a deadline, words those of a command.
 */
export const mostAsked = { capBytes: 16 * 1024 * 1024, seconds: 20, words: 4_096 } as const

const defaults = { answers: [0], deadlineMs: 10_000, capBytes: 4 * 1024 * 1024, priority: 0 } as const

/**
 * One place of a command: a word that is always this one, or a placeholder that only the host's own earlier answers,
 * or the time of a review, can fill.
 */
export type Place =
  | string
  /** One or more ids as docker makes them; always the last place. */
  | { readonly placeholder: 'ids' }
  /** An absolute path of a file that a unit's start runs or sources, whose content is read. */
  | { readonly placeholder: 'program' }
  /** An absolute path: the folder of docker's data. */
  | { readonly placeholder: 'path' }
  /** One or more absolute paths, of whose files the times are asked; always the last place. */
  | { readonly placeholder: 'paths' }
  /** Numbers of processes, apart by commas. */
  | { readonly placeholder: 'pids' }
  /** A word that begins like this and ends in seconds since 1970. */
  | { readonly placeholder: 'seconds'; readonly after: string }

/** What a command may look like, place by place: commands are made from it, and `lockdown` guards hosts by it. */
export type Pattern = readonly Place[]

/** Whether a command is one that the pattern allows. */
export function fits(pattern: Pattern, argv: readonly string[]): boolean {
  if (takesMany(pattern.at(-1)) ? argv.length < pattern.length : argv.length !== pattern.length) return false
  return argv.every((word, index) => {
    const place = pattern[Math.min(index, pattern.length - 1)]
    return place !== undefined && fills(place, word)
  })
}

/** Whether a place takes one word or more. */
export function takesMany(place: Place | undefined): boolean {
  return typeof place === 'object' && (place.placeholder === 'ids' || place.placeholder === 'paths')
}

function fills(place: Place, word: string): boolean {
  if (typeof place === 'string') return word === place
  switch (place.placeholder) {
    case 'ids':
      return /^[0-9a-z]{12,64}$/.test(word)
    case 'program':
      return isReadProgram(word)
    case 'path':
    case 'paths':
      return readablePath(word) === word
    case 'pids':
      return word.length <= 4_000 && /^\d+(?:,\d+)*$/.test(word)
    case 'seconds':
      return word.startsWith(place.after) && /^\d{1,12}$/.test(word.slice(place.after.length))
  }
}

/** A command of a pattern, its placeholders filled in their order. */
export function readCommand(
  pattern: Pattern,
  limits: Limits = {},
  ...values: readonly string[]
): ReadCommand {
  let filled = 0
  const argv: readonly string[] = pattern.flatMap(place => {
    if (typeof place === 'string') return place
    const rest = values.slice(filled)
    filled += takesMany(place) ? rest.length : 1
    return takesMany(place) ? rest : `${place.placeholder === 'seconds' ? place.after : ''}${rest[0] ?? ''}`
  })
  for (const word of argv) {
    // A newline would end the word in the reader's protocol; nothing that we ask for has one.
    if (/[\0\r\n]/.test(word)) throw new RangeError('a word of a read command holds a line break or NUL')
  }
  if (!fits(pattern, argv)) {
    const wrong = argv.find((word, index) => !fills(pattern[Math.min(index, pattern.length - 1)] ?? '', word))
    throw new RangeError(
      `\`${argv.slice(0, 3).join(' ')}\` takes no ${wrong === undefined ? 'empty list' : JSON.stringify(wrong)}`
    )
  }
  if (argv.length > mostAsked.words)
    throw new RangeError(
      `\`${argv.slice(0, 3).join(' ')}\` takes ${mostAsked.words} words at most, and these are ${argv.length}`
    )
  return { ...defaults, ...limits, argv } as ReadCommand
}

/** A command of a pattern that asks for nothing that is there: to see whether a host lets it through. */
export function sampleOf(pattern: Pattern): ReadCommand {
  const nothing = {
    ids: '0'.repeat(12),
    program: '/nix/store/adversary-lockdown',
    path: '/nix/store/adversary-lockdown',
    paths: '/nix/store/adversary-lockdown',
    // One more than Linux ever gives.
    pids: '4194305',
    seconds: '999999999999'
  }
  const values = pattern.flatMap(place => (typeof place === 'string' ? [] : [nothing[place.placeholder]]))
  return readCommand(pattern, {}, ...values)
}

/** The command as a person would type it into a POSIX shell. */
export function typed(command: Pick<ReadCommand, 'argv'>): string {
  return command.argv.map(word => (/^[\w@%+=:,./-]+$/.test(word) ? word : shellQuoted(word))).join(' ')
}

/** Limits of a read whose answer may be long. */
export const large = { capBytes: mostAsked.capBytes, deadlineMs: mostAsked.seconds * 1000 } as const

/** The placeholders of patterns, ready to use. */
export const placeholder = {
  ids: { placeholder: 'ids' },
  path: { placeholder: 'path' },
  program: { placeholder: 'program' },
  paths: { placeholder: 'paths' },
  pids: { placeholder: 'pids' },
  /** The start of a search of the journal. */
  since: { placeholder: 'seconds', after: '--since=@' }
} as const satisfies Record<string, Place>
