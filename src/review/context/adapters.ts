import { randomBytes } from 'node:crypto'
import { setMaxListeners } from 'node:events'
import { rehearsalBounds } from '../../lib/bounds.ts'
import { messageOf } from '../../lib/errors.ts'
import type { Hidden } from '../../lib/secrets/hidden.ts'
import { openVeil, type Veil } from '../../lib/secrets/veil.ts'
import { nowMs, tick } from '../../os/clock.ts'
import { openSession as openDoor } from '../../ssh/open-session.ts'
import { HostUnseen, type HostSession } from '../../facts/session.ts'
import { workspaceFile } from '../../config/workspace.ts'
import { Unseen } from '../../facts/fact.ts'
import type { Adapters } from '../../facts/adapter.ts'
import { typed } from '../../facts/read-command.ts'
import { jumpOf } from '../../systems/linux/clock-jump.ts'
import { linuxRead } from '../../systems/linux/reads.ts'
import { bounded } from '../../facts/bounded.ts'
import type { Views } from './views.ts'
import type { HostContext } from './review-context.ts'

/** The adapters of one review: sessions opened on first use, closed by `close`. */
export interface OpenAdapters extends Adapters {
  close(): Promise<void>
  stats(): { readonly connections: number; readonly execs: number; readonly reads: number }
  /** What was hidden so far, by kind. */
  redacted(): readonly Hidden[]
  /** Clock skew of each host that was seen, in milliseconds. */
  clocks(): Readonly<Record<string, { readonly skewMs: number; readonly uncertaintyMs: number }>>
}

export interface Progress {
  /** A host is being connected to, or answers. */
  host(name: string, state: 'connecting' | 'connected' | 'unseen'): void
  /** A read was sent to a host, or to `web`. Answers what is to be called when it is over. */
  read(place: string, what: string): () => void
}

export function openAdapters(
  { home, userHome, openSession = bounded(openDoor, home.concurrency), rehearse }: HostContext,
  { repo, record }: Views,
  signal: AbortSignal,
  progress?: Progress
): OpenAdapters {
  // One listener for each host is no leak, however many hosts.
  setMaxListeners(0, signal)
  const sessions = new Map<string, Promise<HostSession>>()
  const opened = new Map<string, HostSession>()
  // Random and never written down: equal secrets get equal marks within one review, and none can be guessed from its mark.
  const veil = openVeil(randomBytes(16).toString('hex'))

  async function open(name: string): Promise<HostSession> {
    const address = home.hosts.get(name)
    if (address === undefined) throw new HostUnseen('configuration', `adversary.yaml has no host ${name}`)
    progress?.host(name, 'connecting')
    try {
      const session = await openSession(address, { signal })
      opened.set(name, session)
      progress?.host(name, 'connected')
      return progress === undefined ? session : followed(name, session, progress, veil)
    } catch (error) {
      progress?.host(name, 'unseen')
      throw error
    }
  }

  function sessionOf(name: string): Promise<HostSession> {
    const session = sessions.get(name) ?? open(name)
    sessions.set(name, session)
    return session
  }

  return {
    tick,
    veil,
    repo,
    record,
    open: sessionOf,
    async jumped(name) {
      const session = await sessionOf(name)
      const [askedMs, asked] = [nowMs(), tick()]
      const answer = await session.ask([linuxRead.hostTime()])[0]
      if (answer?.answered !== true) throw new Unseen(answer?.why ?? 'no answer')
      if (answer.exit !== 0) throw new Unseen(`\`date +%s%N\` ended with ${answer.exit}`)
      return jumpOf(session.clock, { printed: answer.stdout, askedMs, tookMs: tick() - asked })
    },
    async fetch(request) {
      const { fetchRoute } = await import('../../systems/http/fetch-route.ts')
      const over = progress?.read('web', veil.line(request.url))
      return fetchRoute(request, signal).finally(over)
    },
    async rehearse(facts) {
      if (rehearse !== undefined) return rehearse(facts)
      const { inSandbox, programOf } = await import('../../os/sandbox.ts')
      return inSandbox(programOf('rehearsal'), facts, rehearsalBounds, signal)
    },
    async workspaceFile(path) {
      try {
        return await workspaceFile(home, path, userHome)
      } catch (error) {
        throw new Unseen(messageOf(error), { cause: error })
      }
    },
    async close() {
      await Promise.all([...opened.values()].map(session => session.close()))
    },
    stats() {
      const all = [...opened.values()].map(session => session.stats)
      const sum = (key: 'connections' | 'execs' | 'reads') =>
        all.reduce((total, stats) => total + stats[key], 0)
      return { connections: sum('connections'), execs: sum('execs'), reads: sum('reads') }
    },
    redacted: veil.hidden,
    clocks() {
      return Object.fromEntries(
        [...opened].map(([name, { clock }]) => [
          name,
          { skewMs: clock.skewMs, uncertaintyMs: clock.uncertaintyMs }
        ])
      )
    }
  }
}

/** The same session, with each of its reads told of. */
function followed(name: string, session: HostSession, progress: Progress, veil: Veil): HostSession {
  return {
    get clock() {
      return session.clock
    },
    get stats() {
      return session.stats
    },
    ask(commands) {
      const over = commands.map(command => progress.read(name, veil.line(typed(command))))
      return session.ask(commands).map((answer, index) => answer.finally(over[index]))
    },
    close: () => session.close()
  }
}
