import { messageOf } from '../lib/errors.ts'
import { mapStrings } from '../lib/secrets/veil.ts'
import { anchored } from '../lib/text/path-glob.ts'
import type { Adapters } from './adapter.ts'
import { blind, type Entry, entryOf, shortened, uncleanable } from './evidence.ts'
import {
  type ChangedFile,
  type FactContext,
  type FactSource,
  type RehearsalOutput,
  type ReadResult,
  type RouteEvidence,
  type RouteRequest,
  type TreeFound,
  type TreeQuery,
  Unseen
} from './fact.ts'
import { type Received, noted, readKey, routeKey, searchKey } from './received.ts'
import type { Veil } from '../lib/secrets/veil.ts'
import type { HostReader } from './host-reader.ts'
import { fits, typed } from './read-command.ts'

/** The reads that a fact cites, in the order in which its source asked for them. */
export type Cited = Promise<Entry>[]

/** What a source may ask, each answer kept as it was read and as evidence. */
export function contextOf(
  host: string,
  source: FactSource<unknown>,
  reader: HostReader,
  adapters: Adapters,
  cited: Cited,
  received: Received
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
      return noted(received.reads, readKey(command), result)
    },
    async fetch(request, shown) {
      const { entry, answer } = fetchRoute(request, shown, adapters)
      cited.push(entry)
      return noted(received.routes, routeKey(request), answer)
    },
    async home(path) {
      return noted(received.homes, path, adapters.workspaceFile(path))
    },
    repo: {
      ...adapters.repo,
      async file(path) {
        const reading = adapters.repo.file(path).then(text => {
          if (text !== null && !veil.read(text)) throw new Unseen(uncleanable)
          return text
        })
        const command = typed({ argv: ['git', 'show', `${adapters.repo.commit}:${path}`] })
        const result = (text: string | null): ReadResult =>
          text === null ? { exit: 128, stdout: '', stderr: 'no such file in this commit' } : printed(text)
        cited.push(entryWhenRead('repo', command, reading, result, adapters))
        return noted(received.files, path, reading)
      },
      async changes(from, wanted) {
        const { commit } = adapters.repo
        const reading = adapters.repo.changes(from, wanted).then(files => {
          const texts = files.flatMap(({ path, before, after }) => [path, before ?? '', after ?? ''])
          if (texts.map(text => veil.read(text)).includes(false)) throw new Unseen(uncleanable)
          return files
        })
        const command = typed({ argv: ['git', 'diff', '--name-only', '--no-renames', from, commit] })
        const result = (files: readonly ChangedFile[]) =>
          printed(files.map(({ path }) => `${path}\n`).join(''))
        cited.push(entryWhenRead('repo', command, reading, result, adapters))
        return noted(received.changes, from, reading)
      },
      async changedPaths(from) {
        const reading = adapters.repo.changedPaths(from).then(paths => clean(paths, adapters))
        const { commit } = adapters.repo
        const command = typed({ argv: ['git', 'diff', '--name-only', '--no-renames', from, commit] })
        const result = (paths: readonly string[]) => printed(paths.map(path => `${path}\n`).join(''))
        cited.push(entryWhenRead('repo', command, reading, result, adapters))
        return noted(received.changedPaths, from, reading)
      },
      async search(query) {
        const { commit } = adapters.repo
        const reading = adapters.repo.search(query).then(found => clean(found, adapters))
        const command = searchCommand(query, commit)
        const result = (found: TreeFound) =>
          printed(
            searchLines(found)
              .map(line => `${line}\n`)
              .join('')
          )
        cited.push(entryWhenRead('repo', command, reading, result, adapters))
        return noted(received.searches, searchKey(query), reading)
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
      return noted(received.clocks, host, clock)
    },
    async rehearse(facts) {
      const rehearsal = adapters.rehearse(facts).then(answer => readable(answer, veil))
      return noted(received.rehearsals, String(received.rehearsals.size), rehearsal)
    }
  }
}

/** What programs were seen to do may tell of a secret that no file has in one piece. */
function readable(answer: RehearsalOutput, veil: Veil): RehearsalOutput {
  if (!answer.ok) return answer
  let isClean = true
  mapStrings(JSON.parse(answer.stdout), text => {
    if (!veil.read(text)) isClean = false
    return text
  })
  return isClean ? answer : { ok: false, why: uncleanable }
}

function fetchRoute(request: RouteRequest, { command, output }: RouteEvidence, adapters: Adapters) {
  const answer = adapters.fetch(request).then(got => clean(got, adapters))
  answer.catch(() => undefined)
  return { answer, entry: entryWhenRead('web', command, answer, got => printed(output(got)), adapters) }
}

/** @throws Unseen for an answer that cannot be cleaned of secrets. */
function clean<Answered>(answer: Answered, { veil }: Adapters): Answered {
  let isClean = true
  mapStrings(answer, text => {
    if (!veil.read(text)) isClean = false
    return text
  })
  if (!isClean) throw new Unseen(uncleanable)
  return answer
}

/** The command by which git itself finds the same. */
function searchCommand(query: TreeQuery, commit: string): string {
  const where = [
    ...query.paths.map(glob => `:(glob)${anchored(glob)}`),
    ...query.except.map(glob => `:(exclude,glob)${anchored(glob)}`)
  ]
  const grep = (how: string, texts: readonly string[]) =>
    texts.length === 0
      ? []
      : [
          typed({
            argv: ['git', 'grep', how, ...texts.flatMap(text => ['-e', text]), commit, '--', ...where]
          })
        ]
  const searches = [...grep('-nF', [...query.lacks, ...query.contains]), ...grep('-nE', query.matches)]
  return searches.length > 0
    ? searches.join('; ')
    : typed({ argv: ['git', 'ls-tree', '-r', '--name-only', commit] })
}

/** A search as evidence: how many files were searched, and where what was looked for stands. */
function searchLines({ files, bytes, unread, lacks, contains, matches }: TreeFound): readonly string[] {
  return [
    `${files} files, ${bytes} bytes; ${unread.count} not searched`,
    ...unread.first.map(path => `not searched: ${path}`),
    ...lacks.flatMap(({ text, count, first }) => [
      `${JSON.stringify(text)}: ${count} files`,
      ...first.map(({ path, line, shows }) => `${path}:${line ?? '-'}:${shows}`)
    ]),
    ...[...contains, ...matches].flatMap(({ text, count, first }) => [
      `${JSON.stringify(text)}: ${count} files`,
      ...first.map(({ path }) => path)
    ])
  ]
}

/** The evidence of a read that is under way, of whatever is not a host. Never rejects. */
function entryWhenRead<Answered>(
  on: string,
  command: string,
  reading: Promise<Answered>,
  result: (answer: Answered) => ReadResult,
  { tick }: Adapters
): Promise<Entry> {
  const started = tick()
  return reading.then(
    answer => entryOf(on, command, tick() - started, result(answer)),
    error => blind(on, command, tick() - started, messageOf(error))
  )
}

function printed(stdout: string): ReadResult {
  return { exit: 0, stdout, stderr: '' }
}
