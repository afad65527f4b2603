import { messageOf } from '../lib/errors.ts'
import { mapStrings } from '../lib/secrets/veil.ts'
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
  Unseen
} from './fact.ts'
import { type Heard, noted, readKey, routeKey } from './heard.ts'
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
    async fetch(request, shown) {
      const { entry, answer } = fetchRoute(request, shown, adapters)
      cited.push(entry)
      return noted(heard.routes, routeKey(request), answer)
    },
    async home(path) {
      return noted(heard.homes, path, adapters.workspaceFile(path))
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
        return noted(heard.files, path, reading)
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
    },
    async rehearse(facts) {
      const rehearsal = adapters.rehearse(facts).then(answer => readable(answer, veil))
      return noted(heard.rehearsals, String(heard.rehearsals.size), rehearsal)
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
  return { answer, entry: entryWhenRead('web', command, answer, got => printed(output(got)), adapters) }
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
