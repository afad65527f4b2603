import { messageOf } from '../lib/errors.ts'
import { mapStrings } from '../lib/secrets/veil.ts'
import type { Adapters } from './adapter.ts'
import { blind, type Entry, entryOf, shortened, uncleanable } from './evidence.ts'
import { type FactContext, type FactSource, type RouteEvidence, type RouteRequest, Unseen } from './fact.ts'
import { type Heard, noted, readKey, routeKey } from './heard.ts'
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

function fetchRoute(request: RouteRequest, { command, output }: RouteEvidence, adapters: Adapters) {
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
  const entry = answer.then(
    got =>
      entryOf('web', command, adapters.tick() - started, {
        exit: 0,
        stdout: output(got),
        stderr: ''
      }),
    error => blind('web', command, adapters.tick() - started, messageOf(error))
  )
  return { answer, entry }
}
