import { answerBounds } from '../lib/bounds.ts'
import { messageOf } from '../lib/errors.ts'
import type { Answer, HostSession } from './session.ts'
import type {
  Certificate,
  ChangedFile,
  Evidence,
  Fact,
  FactSource,
  HostClock,
  FactContext,
  ReadResult,
  RecordView,
  RepoView,
  RouteAnswer,
  RouteRequest
} from './fact.ts'
import { Unseen } from './fact.ts'
import { mapStrings, type Veil } from '../lib/secrets/veil.ts'
import type { ReadCommand } from './read-command.ts'
import { fits, typed } from './read-command.ts'
import { seal, type Sealed } from './sealed.ts'

/** The doors that observing goes through. Production opens real ones; nothing here knows which. */
export interface Adapters {
  /** The session to a host of the home, opened on first use. Rejects with the true reason. */
  open(host: string): Promise<HostSession>
  /**
   * Why times of a host that was opened cannot be compared: its clock or ours has jumped since. Null: they can.
   * Rejects when that cannot be told.
   */
  jumped(host: string): Promise<string | null>
  fetch(request: RouteRequest): Promise<RouteAnswer>
  /** The text of a file of the home, for example a CA. */
  workspaceFile(path: string): Promise<string>
  readonly repo: RepoView
  readonly record: RecordView
  /** Hides secrets in what is shown of all that is read. */
  readonly veil: Veil
  /** A clock that only goes forward, in milliseconds. */
  tick(): number
}

/** What one check needs to be observed, on which host. */
export interface Wanted {
  readonly host: string
  readonly sources: readonly FactSource<unknown>[]
}

export interface Gathered {
  /**
   * The fact of a source, as seen from a host, as it may be shown: what the source makes of the same answers with the
   * secrets hidden. Throws if the source was not among those wanted.
   */
  fact(host: string, source: FactSource<unknown>): Fact<unknown>
  /** The same as it was read, for judging alone; of a source `asRecorded`, as it may be shown. */
  sealed(host: string, source: FactSource<unknown>): Sealed<Unnumbered>
  /** Every read as it may be shown, numbered in the order in which the wanted facts cite them. */
  readonly evidence: readonly Evidence[]
}

type Entry = Omit<Evidence, 'n'>

/** Nothing is judged that cannot be shown: whoever reads the review could not follow it. */
const uncleanable = 'what it printed could not be cleaned of secrets, so it is neither shown nor judged'

/**
 * Takes each wanted fact once and keeps its value or the reason why there is none. All sources start at
 * once; what they ask of one host before any answer is back travels together as one round.
 *
 * @param first the number of the first read, for attempts that continue an evidence list.
 * @param seen is called with each fact as it was read, by its name, as soon as it is there. It may yet turn out that
 * there is none: where a host's clock has jumped.
 */
export async function gather(
  wanted: readonly Wanted[],
  adapters: Adapters,
  first = 1,
  seen: (name: string, fact: Sealed<Unnumbered>) => void = () => undefined
): Promise<Gathered> {
  const hosts = new Map<string, HostReader>()
  const taken = new Map<string, Taken>()

  for (const { host, sources } of wanted) {
    for (const source of sources) {
      const name = factName(host, source)
      if (taken.has(name)) continue
      const cited: Cited = []
      const heard = nothingHeard()
      const reader = hosts.get(host) ?? hostReader(host, adapters)
      hosts.set(host, reader)
      const fact = take(source, look(host, source, reader, adapters, cited, heard)).then(value => ({
        value,
        sealed: seal(value)
      }))
      taken.set(name, { source, fact, cited, heard, host, timed: source.timed === true })
      void fact.then(({ sealed }) => seen(name, sealed))
    }
  }

  const jumps = jumpsOf(taken, adapters)
  const numbers = new Map<Entry, number>()
  const entries: Entry[] = []
  const facts = new Map<string, Gotten>()
  for (const [name, { fact, cited }] of taken) {
    const outcome = await fact
    const cites: number[] = []
    for (const entry of await Promise.all(cited)) {
      let n = numbers.get(entry)
      if (n === undefined) {
        n = first + entries.length
        numbers.set(entry, n)
        entries.push(entry)
      }
      if (!cites.includes(n)) cites.push(n)
    }
    facts.set(name, { ...outcome, evidence: cites })
  }
  for (const [name, { host, timed }] of taken) {
    const fact = facts.get(name)
    const why = timed ? await jumps.get(host) : null
    if (typeof why === 'string' && fact?.value.seen === true) {
      const value = { seen: false, why } as const
      facts.set(name, { value, sealed: seal(value), evidence: fact.evidence })
    }
  }

  // Only now is all read that may tell of a secret.
  const { veil } = adapters
  const shown = new Map<string, Fact<unknown>>()
  for (const [name, one] of taken) {
    const fact = facts.get(name)
    if (fact === undefined) continue
    const { value, evidence } = fact
    const repeat = await again(one, value, adapters)
    // A parser's complaint quotes what it did not understand.
    const published = repeat.seen && !value.seen ? value : repeat
    shown.set(name, published.seen ? { ...published, evidence } : { ...veil.sentences(published), evidence })
  }

  const found = <T>(facts: ReadonlyMap<string, T>, host: string, source: FactSource<unknown>): T => {
    const fact = facts.get(factName(host, source))
    if (fact === undefined) throw new Error(`${source.key} was not gathered`)
    return fact
  }
  return {
    evidence: entries.map((entry, index) => ({ n: first + index, ...shownEntry(entry, veil) })),
    fact: (host, source) => found(shown, host, source),
    sealed(host, source) {
      const { value, sealed } = found(facts, host, source)
      if (source.recorded !== true) return sealed
      const fact = found(shown, host, source)
      if (fact.seen === value.seen && (!fact.seen || !value.seen || fact.value === value.value)) return sealed
      return seal(fact.seen ? { seen: true, value: fact.value } : { seen: false, why: fact.why })
    }
  }
}

function shownEntry({ stdout, stderr, command, ...rest }: Entry, veil: Veil): Entry {
  const { why } = rest
  return {
    ...rest,
    command: veil.shown(command),
    stdout: veil.shown(stdout),
    stderr: veil.shown(stderr),
    ...(why === undefined ? {} : { why: veil.sentence(why) })
  }
}

/**
 * What the source makes of the same answers with the secrets hidden. The value itself where nothing is hidden in them,
 * so that nothing need be parsed twice.
 */
async function again(
  { source, host, heard }: Taken,
  value: Unnumbered,
  adapters: Adapters
): Promise<Unnumbered> {
  const { veil } = adapters
  const reads = await shownAnswers(heard.reads, answer => shownRead(answer, veil))
  const routes = await shownAnswers(heard.routes, answer => shownRoute(answer, veil))
  const files = await shownAnswers(heard.files, text => (text === null ? null : veil.shown(text)))
  const changes = await shownAnswers(heard.changes, changed => shownChanges(changed, veil))
  if (![reads, routes, files, changes].some(({ altered }) => altered)) return value
  return take(source, {
    host,
    read: command => repeated(reads.answers, readKey(command)),
    fetch: request => repeated(routes.answers, routeKey(request)),
    home: path => repeated(heard.homes, path),
    repo: {
      ...adapters.repo,
      file: path => repeated(files.answers, path),
      changes: from => repeated(changes.answers, from)
    },
    record: adapters.record,
    hostClock: () => repeated(heard.clocks, host)
  })
}

/** What a source was answered, as it was read, by the question. */
interface Heard {
  readonly reads: Map<string, Promise<ReadResult>>
  readonly routes: Map<string, Promise<RouteAnswer>>
  readonly files: Map<string, Promise<string | null>>
  readonly changes: Map<string, Promise<readonly ChangedFile[]>>
  readonly homes: Map<string, Promise<string>>
  readonly clocks: Map<string, Promise<HostClock>>
}

function nothingHeard(): Heard {
  return {
    reads: new Map(),
    routes: new Map(),
    files: new Map(),
    changes: new Map(),
    homes: new Map(),
    clocks: new Map()
  }
}

function noted<Answered>(
  answers: Map<string, Promise<Answered>>,
  key: string,
  answer: Promise<Answered>
): Promise<Answered> {
  answers.set(key, answer)
  // Whoever asked sees the rejection; this keeps a source that never awaits it from ending the process.
  answer.catch(() => undefined)
  return answer
}

async function shownAnswers<Answered>(
  heard: ReadonlyMap<string, Promise<Answered>>,
  show: (answer: Answered) => Answered
) {
  const answers = new Map<string, Promise<Answered>>()
  let altered = false
  const outcomes = await Promise.allSettled(heard.values())
  for (const [index, [key, asked]] of [...heard].entries()) {
    const outcome = outcomes[index]
    // Why there was no answer holds no secret: `understood` and the doors see to it.
    if (outcome?.status !== 'fulfilled') {
      answers.set(key, asked)
      continue
    }
    const shown = show(outcome.value)
    altered ||= shown !== outcome.value
    answers.set(key, Promise.resolve(shown))
  }
  return { answers, altered }
}

function repeated<Answered>(answers: ReadonlyMap<string, Promise<Answered>>, key: string): Promise<Answered> {
  const answer = answers.get(key)
  return answer ?? Promise.reject(new Unseen('it is named by a text that is hidden'))
}

function readKey({ argv }: ReadCommand): string {
  return JSON.stringify(argv)
}

function routeKey(request: RouteRequest): string {
  return JSON.stringify(request)
}

/** The same object where nothing is hidden. */
function shownRead(answer: ReadResult, veil: Veil): ReadResult {
  const stdout = veil.shown(answer.stdout)
  const stderr = veil.shown(answer.stderr)
  return stdout === answer.stdout && stderr === answer.stderr ? answer : { ...answer, stdout, stderr }
}

function shownRoute(answer: RouteAnswer, veil: Veil): RouteAnswer {
  return mapStrings(answer, veil.shown)
}

function shownChanges(files: readonly ChangedFile[], veil: Veil): readonly ChangedFile[] {
  const shown = files.map(file => shownChange(file, veil))
  return shown.some((file, index) => file !== files[index]) ? shown : files
}

/** Where a secret takes several lines, what is left has other numbers: nobody is said to have brought it. */
function shownChange(file: ChangedFile, veil: Veil): ChangedFile {
  const show = (text: string | null) => (text === null ? null : veil.shown(text))
  const [path, before, after] = [veil.shown(file.path), show(file.before), show(file.after)]
  if (path === file.path && before === file.before && after === file.after) return file
  const moved = after?.split('\n').length !== file.after?.split('\n').length
  return { path, before, after, brought: moved ? new Map() : file.brought }
}

/** A fact with its reads, before it is published. */
interface Gotten {
  readonly value: Unnumbered
  readonly sealed: Sealed<Unnumbered>
  readonly evidence: readonly number[]
}

interface Taken {
  readonly source: FactSource<unknown>
  readonly fact: Promise<Pick<Gotten, 'value' | 'sealed'>>
  readonly cited: Cited
  readonly heard: Heard
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
  adapters: Adapters
): ReadonlyMap<string, Promise<string | null>> {
  const byHost = new Map<string, Taken[]>()
  for (const one of taken.values()) {
    const all = byHost.get(one.host) ?? []
    all.push(one)
    byHost.set(one.host, all)
  }
  const jumpOf = async (host: string, all: readonly Taken[]) => {
    const outcomes = await Promise.all(
      all.map(async ({ fact, timed }) => ({ timed, seen: (await fact).value.seen }))
    )
    if (!outcomes.some(({ timed, seen }) => timed && seen)) return null
    return adapters
      .jumped(host)
      .catch(
        error => `whether the host's clock jumped cannot be told: ${adapters.veil.line(messageOf(error))}`
      )
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

async function take(source: FactSource<unknown>, at: FactContext): Promise<Unnumbered> {
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
  adapters: Adapters,
  cited: Cited,
  heard: Heard
): FactContext {
  const { veil } = adapters
  return {
    host,
    async read(command) {
      if (source.reads?.some(pattern => fits(pattern, command.argv)) === false) {
        throw new TypeError(`\`${shortened(typed(command))}\` is not among the reads that it declares`)
      }
      const { entry, result } = reader.read(command)
      cited.push(entry)
      return noted(heard.reads, readKey(command), result)
    },
    async fetch(request) {
      const { entry, answer } = fetchRoute(request, adapters)
      cited.push(entry)
      return noted(heard.routes, routeKey(request), answer)
    },
    async home(path) {
      return noted(heard.homes, path, adapters.workspaceFile(path))
    },
    repo: {
      ...adapters.repo,
      async file(path) {
        const started = adapters.tick()
        const reading = adapters.repo.file(path).then(text => {
          if (text !== null && !veil.read(text)) throw new Unseen(uncleanable)
          return text
        })
        const command = typed({ argv: ['git', 'show', `${adapters.repo.commit}:${path}`] })
        cited.push(
          reading.then(
            text =>
              entryOf(
                'repo',
                command,
                adapters.tick() - started,
                text === null
                  ? { exit: 128, stdout: '', stderr: 'no such file in this commit' }
                  : { exit: 0, stdout: text, stderr: '' }
              ),
            error => blind('repo', command, adapters.tick() - started, messageOf(error))
          )
        )
        return noted(heard.files, path, reading)
      },
      async changes(from, wanted) {
        const started = adapters.tick()
        const { commit } = adapters.repo
        const reading = adapters.repo.changes(from, wanted).then(files => {
          const texts = files.flatMap(({ path, before, after }) => [path, before ?? '', after ?? ''])
          if (texts.map(text => veil.read(text)).includes(false)) throw new Unseen(uncleanable)
          return files
        })
        const command = typed({ argv: ['git', 'diff', '--name-only', '--no-renames', from, commit] })
        cited.push(
          reading.then(
            files => {
              const stdout = files.map(({ path }) => `${path}\n`).join('')
              return entryOf('repo', command, adapters.tick() - started, { exit: 0, stdout, stderr: '' })
            },
            error => blind('repo', command, adapters.tick() - started, messageOf(error))
          )
        )
        return noted(heard.changes, from, reading)
      }
    },
    record: adapters.record,
    async hostClock() {
      const clock = reader.session().then(
        session => session.clock,
        (error: unknown) => {
          throw new Unseen(veil.line(messageOf(error)), { cause: error })
        }
      )
      return noted(heard.clocks, host, clock)
    }
  }
}

const tooManyLines = `it printed more than ${answerBounds.lines} lines, which is more than are looked at`

function hasManyLines(text: string): boolean {
  let lines = 0
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) {
    lines += 1
    if (lines > answerBounds.lines) return true
  }
  return false
}

interface HostReader {
  session(): Promise<HostSession>
  read(command: ReadCommand): { readonly entry: Promise<Entry>; readonly result: Promise<ReadResult> }
}

/** Collects the reads that are asked for in one turn of the event loop and sends them as one round. */
function hostReader(host: string, adapters: Adapters): HostReader {
  const { veil } = adapters
  interface Waiting {
    readonly command: ReadCommand
    readonly settle: (answer: Answer) => void
  }
  const asked = new Map<string, { entry: Promise<Entry>; result: Promise<ReadResult> }>()
  let waiting: Waiting[] = []
  let session: Promise<HostSession> | undefined

  const open = () => {
    session ??= adapters.open(host)
    return session
  }

  const flush = async () => {
    const round = waiting.toSorted((one, other) => other.command.priority - one.command.priority)
    waiting = []
    const started = adapters.tick()
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
          ms: adapters.tick() - started
        })
      }
    }
  }

  return {
    session: open,
    read(command) {
      const key = readKey(command)
      const before = asked.get(key)
      if (before !== undefined) return before
      const answer = new Promise<Answer>(settle => {
        if (waiting.push({ command, settle }) === 1) setImmediate(() => void flush())
      }).then((got): Answer => {
        if (got.answered && hasManyLines(got.stdout))
          return { answered: false, why: tooManyLines, ms: got.ms }
        const texts = got.answered ? [got.stdout, got.stderr] : [got.why]
        // All of them: each may tell of a secret that stands elsewhere.
        const cleaned = texts.map(text => veil.read(text))
        return cleaned.includes(false) ? { answered: false, why: uncleanable, ms: got.ms } : got
      })
      const text = typed(command)
      const now = {
        entry: answer.then(got => entryOfAnswer(host, text, got)),
        result: answer.then(got => understood(command, got, veil))
      }
      // Whoever asked sees the rejection; this keeps a source that never awaits it from ending the process.
      now.result.catch(() => undefined)
      asked.set(key, now)
      return now
    }
  }
}

/**
 * An answer is an exit code that answers, with output that is whole. Everything else was not seen. What it quotes of an
 * answer is hidden before it is shortened: half a secret looks like none.
 */
function understood(command: ReadCommand, answer: Answer, veil: Veil): ReadResult {
  if (!answer.answered) throw new Unseen(veil.line(answer.why))
  const name = command.argv[0] ?? ''
  const text = () => shortened(veil.line(typed(command)))
  // Before its exit code, which is that of a command whose reader went away.
  if (answer.cut) throw new Unseen(`the output of \`${text()}\` was cut at ${command.capBytes} bytes`)
  if (!command.answers.includes(answer.exit)) {
    const said = firstLine(veil.line(answer.stderr)) || firstLine(veil.line(answer.stdout))
    if (answer.exit === 127)
      throw new Unseen(`${name}: no such command on the host${said ? ` (${said})` : ''}`)
    throw new Unseen(`\`${text()}\` ended with ${answer.exit}${said ? `: ${said}` : ''}`)
  }
  return { exit: answer.exit, stdout: answer.stdout, stderr: answer.stderr }
}

function fetchRoute(request: RouteRequest, adapters: Adapters) {
  const started = adapters.tick()
  const answer = adapters.fetch(request).then(got => {
    let isClean = true
    mapStrings(got, text => {
      if (!adapters.veil.read(text)) isClean = false
      return text
    })
    if (!isClean) throw new Unseen(uncleanable)
    return got
  })
  answer.catch(() => undefined)
  const command = typedRoute(request)
  const entry = answer.then(
    got =>
      entryOf('web', command, adapters.tick() - started, {
        exit: 0,
        stdout: routeText(got),
        stderr: ''
      }),
    error => blind('web', command, adapters.tick() - started, messageOf(error))
  )
  return { answer, entry }
}

/** The question as a person would ask it with curl, or of a certificate alone with openssl. */
export function typedRoute(request: RouteRequest): string {
  const url = new URL(request.url)
  const port = url.port || (url.protocol === 'https:' ? '443' : '80')
  if (request.method === 'TLS') {
    const to = request.address ?? url.hostname
    const at = to.includes(':') && !to.startsWith('[') ? `[${to}]` : to
    const protocol = request.startTls ?? null
    // An address is no name to ask for.
    const isNamed = !url.hostname.startsWith('[') && !/^[\d.]+$/.test(url.hostname)
    return typed({
      argv: [
        'openssl',
        's_client',
        '-connect',
        `${at}:${port}`,
        ...(isNamed ? ['-servername', url.hostname] : []),
        ...(protocol === null ? [] : ['-starttls', protocol]),
        ...(request.ca === undefined ? [] : ['-CAfile', 'ca.pem'])
      ]
    })
  }
  const argv = ['curl', request.method === 'HEAD' ? '-sI' : '-si']
  if (request.address !== undefined) argv.push('--resolve', `${url.hostname}:${port}:${request.address}`)
  if (request.ca !== undefined) argv.push('--cacert', 'ca.pem')
  return typed({ argv: [...argv, request.url] })
}

function routeText(answer: RouteAnswer): string {
  if (answer.kind === 'handshake') return certificateText(answer.certificate ?? null)
  if (answer.kind !== 'answered') return `${answer.kind}: ${answer.detail}\n`
  const lines = [`HTTP/${answer.version} ${answer.status}`]
  if (answer.location !== null) lines.push(`location: ${answer.location}`)
  return `${lines.join('\n')}\n`
}

function certificateText(seen: Certificate | null): string {
  if (seen === null) return 'no certificate\n'
  const lines = [`subject=CN = ${seen.subject}`, `issuer=CN = ${seen.issuer}`, `notAfter=${seen.validTo}`]
  return lines.map(line => `${line}\n`).join('')
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
