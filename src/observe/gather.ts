import { messageOf } from '../base/errors.ts'
import type { Answer, HostSession } from '../doors/session.ts'
import type {
  Certificate,
  ChangedFile,
  Evidence,
  Fact,
  FactSource,
  Look,
  ReadResult,
  RecordView,
  RepoView,
  RouteAnswer,
  RouteRequest
} from './fact.ts'
import { Unseen } from './fact.ts'
import type { ReadCommand } from './read-command.ts'
import { fits, typed } from './read-command.ts'

/** The doors that observing goes through. Production opens real ones; nothing here knows which. */
export interface Doors {
  /** The session to a host of the home, opened on first use. Rejects with the true reason. */
  open(host: string): Promise<HostSession>
  /**
   * Why times of a host that was opened cannot be compared: its clock or ours has jumped since. Null: they can.
   * Rejects when that cannot be told.
   */
  jumped(host: string): Promise<string | null>
  fetch(request: RouteRequest): Promise<RouteAnswer>
  /** The text of a file of the home, for example a CA. */
  homeFile(path: string): Promise<string>
  readonly repo: RepoView
  readonly record: RecordView
  /** Hides secrets, before anything is parsed, judged, logged or written. */
  redact(text: string): string
  /** A clock that only goes forward, in milliseconds. */
  tick(): number
}

/** What one check needs to be observed, on which host. */
export interface Wanted {
  readonly host: string
  readonly sources: readonly FactSource<unknown>[]
}

export interface Gathered {
  /** The fact of a source, as seen from a host. Throws if the source was not among those wanted. */
  fact(host: string, source: FactSource<unknown>): Fact<unknown>
  /** Every read, numbered in the order in which the wanted facts cite them. */
  readonly evidence: readonly Evidence[]
}

type Entry = Omit<Evidence, 'n'>

/**
 * Takes each wanted fact once and keeps its value or the reason why there is none. All sources start at
 * once; what they ask of one host before any answer is back travels together as one round.
 *
 * @param first the number of the first read, for attempts that continue an evidence list.
 * @param seen hears of each fact, by its name, as soon as it is there. It may yet turn out that there is none: where a host's
 * clock has jumped.
 */
export async function gather(
  wanted: readonly Wanted[],
  doors: Doors,
  first = 1,
  seen: (name: string, fact: Unnumbered) => void = () => undefined
): Promise<Gathered> {
  const hosts = new Map<string, HostReader>()
  const taken = new Map<string, Taken>()

  for (const { host, sources } of wanted) {
    for (const source of sources) {
      const name = factName(host, source)
      if (taken.has(name)) continue
      const cited: Cited = []
      const reader = hosts.get(host) ?? hostReader(host, doors)
      hosts.set(host, reader)
      const fact = take(source, look(host, source, reader, doors, cited))
      taken.set(name, { fact, cited, host, timed: source.timed === true })
      void fact.then(outcome => seen(name, outcome))
    }
  }

  const jumps = jumpsOf(taken, doors)
  const numbers = new Map<Entry, number>()
  const evidence: Evidence[] = []
  const facts = new Map<string, Fact<unknown>>()
  for (const [name, { fact, cited }] of taken) {
    const outcome = await fact
    const entries = await Promise.all(cited)
    const cites: number[] = []
    for (const entry of entries) {
      let n = numbers.get(entry)
      if (n === undefined) {
        n = first + evidence.length
        numbers.set(entry, n)
        evidence.push({ n, ...entry })
      }
      if (!cites.includes(n)) cites.push(n)
    }
    facts.set(name, { ...outcome, evidence: cites })
  }
  for (const [name, { host, timed }] of taken) {
    const fact = facts.get(name)
    const why = timed ? await jumps.get(host) : null
    if (typeof why === 'string' && fact?.seen === true)
      facts.set(name, { seen: false, why, evidence: fact.evidence })
  }

  return {
    evidence,
    fact(host, source) {
      const fact = facts.get(factName(host, source))
      if (fact === undefined) throw new Error(`${source.key} was not gathered`)
      return fact
    }
  }
}

interface Taken {
  readonly fact: Promise<Unnumbered>
  readonly cited: Cited
  readonly host: string
  /** Nothing is known by it where the host's clock has jumped. */
  readonly timed: boolean
}

/**
 * For each host whose time is told by a fact: why it tells none, its clock having jumped. It is looked at once more as
 * soon as all that is asked of this host is read, whatever is still read elsewhere: what the clock does later changes
 * nothing of that. All, because what tells a time need not be what tells how far that is to be believed.
 */
function jumpsOf(
  taken: ReadonlyMap<string, Taken>,
  doors: Doors
): ReadonlyMap<string, Promise<string | null>> {
  const byHost = new Map<string, Taken[]>()
  for (const one of taken.values()) {
    const all = byHost.get(one.host) ?? []
    all.push(one)
    byHost.set(one.host, all)
  }
  const jumpOf = async (host: string, all: readonly Taken[]) => {
    const outcomes = await Promise.all(
      all.map(async ({ fact, timed }) => ({ timed, seen: (await fact).seen }))
    )
    if (!outcomes.some(({ timed, seen }) => timed && seen)) return null
    return doors
      .jumped(host)
      .catch(error => `whether the host's clock jumped cannot be told: ${doors.redact(messageOf(error))}`)
  }
  return new Map([...byHost].map(([host, all]) => [host, jumpOf(host, all)]))
}

/** A fact before its reads have numbers. */
export type Unnumbered =
  | { readonly seen: true; readonly value: unknown }
  | { readonly seen: false; readonly why: string }
type Cited = Promise<Entry>[]

/** The source's key, and the host's name for facts of a host. */
export function factName(host: string, source: FactSource<unknown>): string {
  return source.place === 'host' ? `${source.key} @ ${host}` : source.key
}

async function take(source: FactSource<unknown>, at: Look): Promise<Unnumbered> {
  try {
    return { seen: true, value: await source.take(at) }
  } catch (error) {
    const why = messageOf(error)
    // A parser that did not understand what it was given has seen nothing either.
    return {
      seen: false,
      why: error instanceof Unseen ? why : `output not understood (${source.key}): ${why}`
    }
  }
}

function look(
  host: string,
  source: FactSource<unknown>,
  reader: HostReader,
  doors: Doors,
  cited: Cited
): Look {
  return {
    host,
    async read(command) {
      if (source.reads?.some(pattern => fits(pattern, command.argv)) === false) {
        throw new TypeError(`\`${shortened(typed(command))}\` is not among the reads that it declares`)
      }
      const { entry, result } = reader.read(command)
      cited.push(entry)
      return result
    },
    async fetch(request) {
      const { entry, answer } = fetchRoute(request, doors)
      cited.push(entry)
      return answer
    },
    async home(path) {
      return doors.homeFile(path)
    },
    repo: {
      ...doors.repo,
      async file(path) {
        const started = doors.tick()
        const reading = doors.repo.file(path).then(text => (text === null ? null : doors.redact(text)))
        const command = typed({ argv: ['git', 'show', `${doors.repo.commit}:${path}`] })
        cited.push(
          reading.then(
            text =>
              entryOf(
                'repo',
                command,
                doors.tick() - started,
                text === null
                  ? { exit: 128, stdout: '', stderr: 'no such file in this commit' }
                  : { exit: 0, stdout: text, stderr: '' }
              ),
            error => blind('repo', command, doors.tick() - started, messageOf(error))
          )
        )
        return reading
      },
      async changes(from, wanted) {
        const started = doors.tick()
        const { commit } = doors.repo
        const reading = doors.repo.changes(from, wanted).then(files => files.map(file => hidden(file, doors)))
        const command = typed({ argv: ['git', 'diff', '--name-only', '--no-renames', from, commit] })
        cited.push(
          reading.then(
            files => {
              const stdout = files.map(({ path }) => `${path}\n`).join('')
              return entryOf('repo', command, doors.tick() - started, { exit: 0, stdout, stderr: '' })
            },
            error => blind('repo', command, doors.tick() - started, messageOf(error))
          )
        )
        return reading
      }
    },
    record: doors.record,
    async hostClock() {
      const session = await reader.session().catch(error => {
        throw new Unseen(doors.redact(messageOf(error)), { cause: error })
      })
      return session.clock
    }
  }
}

/** Where a secret takes several lines, what is left has other numbers: nobody is said to have brought it. */
function hidden(file: ChangedFile, { redact }: Doors): ChangedFile {
  const { path, before, after, brought } = file
  const shown = after === null ? null : redact(after)
  const moved = after?.split('\n').length !== shown?.split('\n').length
  return {
    path: redact(path),
    before: before === null ? null : redact(before),
    after: shown,
    brought: moved ? new Map() : brought
  }
}

interface HostReader {
  session(): Promise<HostSession>
  read(command: ReadCommand): { readonly entry: Promise<Entry>; readonly result: Promise<ReadResult> }
}

/** Collects the reads that are asked for in one turn of the event loop and sends them as one round. */
function hostReader(host: string, doors: Doors): HostReader {
  interface Waiting {
    readonly command: ReadCommand
    readonly settle: (answer: Answer) => void
  }
  const asked = new Map<string, { entry: Promise<Entry>; result: Promise<ReadResult> }>()
  let waiting: Waiting[] = []
  let session: Promise<HostSession> | undefined

  const open = () => {
    session ??= doors.open(host)
    return session
  }

  const flush = async () => {
    const round = waiting.toSorted((one, other) => other.command.leads - one.command.leads)
    waiting = []
    const started = doors.tick()
    try {
      const answers = (await open()).ask(round.map(({ command }) => command))
      round.forEach(({ settle }, index) => {
        const answer = answers[index]
        if (answer === undefined) settle({ answered: false, why: 'the reader lost this read', ms: 0 })
        else void answer.then(settle)
      })
    } catch (error) {
      for (const { settle } of round) {
        settle({
          answered: false,
          why: `could not see ${host}: ${messageOf(error)}`,
          ms: doors.tick() - started
        })
      }
    }
  }

  return {
    session: open,
    read(command) {
      const key = JSON.stringify(command.argv)
      const before = asked.get(key)
      if (before !== undefined) return before
      const answer = new Promise<Answer>(settle => {
        if (waiting.push({ command, settle }) === 1) setImmediate(() => void flush())
      }).then(redacted)
      const text = doors.redact(typed(command))
      const now = {
        entry: answer.then(got => entryOfAnswer(host, text, got)),
        result: answer.then(got => understood(command, text, got))
      }
      // Whoever asked sees the rejection; this keeps a source that never awaits it from ending the process.
      now.result.catch(() => undefined)
      asked.set(key, now)
      return now
    }
  }

  function redacted(answer: Answer): Answer {
    return answer.answered
      ? { ...answer, stdout: doors.redact(answer.stdout), stderr: doors.redact(answer.stderr) }
      : { ...answer, why: doors.redact(answer.why) }
  }
}

/** An answer is an exit code that answers, with output that is whole. Everything else was not seen. */
function understood(command: ReadCommand, text: string, answer: Answer): ReadResult {
  if (!answer.answered) throw new Unseen(answer.why)
  const name = command.argv[0] ?? ''
  // Before its exit code, which is that of a command whose reader went away.
  if (answer.cut)
    throw new Unseen(`the output of \`${shortened(text)}\` was cut at ${command.capBytes} bytes`)
  if (!command.answers.includes(answer.exit)) {
    const said = firstLine(answer.stderr) || firstLine(answer.stdout)
    if (answer.exit === 127)
      throw new Unseen(`${name}: no such command on the host${said ? ` (${said})` : ''}`)
    throw new Unseen(`\`${shortened(text)}\` ended with ${answer.exit}${said ? `: ${said}` : ''}`)
  }
  return { exit: answer.exit, stdout: answer.stdout, stderr: answer.stderr }
}

function fetchRoute(request: RouteRequest, doors: Doors) {
  const started = doors.tick()
  const answer = doors.fetch(request).then(got => redactedRoute(got, doors))
  answer.catch(() => undefined)
  const command = doors.redact(typedRoute(request))
  const entry = answer.then(
    got =>
      entryOf('web', command, doors.tick() - started, {
        exit: 0,
        stdout: routeText(got),
        stderr: ''
      }),
    error => blind('web', command, doors.tick() - started, messageOf(error))
  )
  return { answer, entry }
}

function redactedRoute(answer: RouteAnswer, doors: Doors): RouteAnswer {
  if (answer.kind !== 'answered') {
    const { certificate = null } = answer
    return {
      ...answer,
      detail: doors.redact(answer.detail),
      certificate: redactedCertificate(certificate, doors)
    }
  }
  return {
    ...answer,
    location: answer.location === null ? null : doors.redact(answer.location),
    body: doors.redact(answer.body),
    certificate: redactedCertificate(answer.certificate, doors)
  }
}

function redactedCertificate(seen: Certificate | null, { redact }: Doors): Certificate | null {
  if (seen === null) return null
  const { subject, issuer, names } = seen
  return { ...seen, subject: redact(subject), issuer: redact(issuer), names: names.map(redact) }
}

/** The question as a person would ask it with curl. */
export function typedRoute(request: RouteRequest): string {
  const url = new URL(request.url)
  const port = url.port || (url.protocol === 'https:' ? '443' : '80')
  const argv = ['curl', request.method === 'HEAD' ? '-sI' : '-si']
  if (request.address !== undefined) argv.push('--resolve', `${url.hostname}:${port}:${request.address}`)
  if (request.ca !== undefined) argv.push('--cacert', 'ca.pem')
  return typed({ argv: [...argv, request.url] })
}

function routeText(answer: RouteAnswer): string {
  if (answer.kind !== 'answered') return `${answer.kind}: ${answer.detail}\n`
  const lines = [`HTTP/${answer.version} ${answer.status}`]
  if (answer.location !== null) lines.push(`location: ${answer.location}`)
  return `${lines.join('\n')}\n`
}

function entryOfAnswer(on: string, command: string, answer: Answer): Entry {
  if (!answer.answered) return blind(on, command, answer.ms, answer.why)
  return {
    on,
    command,
    exit: answer.exit,
    ms: Math.round(answer.ms),
    stdout: answer.stdout,
    stderr: answer.stderr,
    cut: answer.cut
  }
}

function entryOf(on: string, command: string, ms: number, result: ReadResult): Entry {
  return { on, command, ...result, ms: Math.round(ms), cut: false }
}

function blind(on: string, command: string, ms: number, why: string): Entry {
  return { on, command, exit: null, ms: Math.round(ms), stdout: '', stderr: '', cut: false, why }
}

function firstLine(text: string): string {
  return shortened(text.trimStart().split('\n', 1)[0]?.trimEnd() ?? '')
}

function shortened(text: string): string {
  return text.length > 160 ? `${text.slice(0, 157)}...` : text
}
