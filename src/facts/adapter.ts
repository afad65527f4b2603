import type { Veil } from '../lib/secrets/veil.ts'
import type { RecordView, RehearsalOutput, RepoView, RouteAnswer, RouteRequest } from './fact.ts'
import type { HostSession } from './session.ts'

/** What collecting goes through. Production opens real ones; nothing here knows which. */
export interface Adapters {
  /** The session to a host of the home, opened on first use. Rejects with the true reason. */
  open(host: string): Promise<HostSession>
  /**
   * Why times of a host that was opened cannot be compared: its clock or ours has jumped since. Null: they can.
   * Rejects when that cannot be told.
   */
  jumped(host: string): Promise<string | null>
  fetch(request: RouteRequest): Promise<RouteAnswer>
  /** Rehearses a boot in a sandbox; see `FactContext.rehearse`. */
  rehearse(facts: string): Promise<RehearsalOutput>
  /** The text of a file of the home, for example a CA. */
  workspaceFile(path: string): Promise<string>
  readonly repo: RepoView
  readonly record: RecordView
  /** Hides secrets in what is shown of all that is read. */
  readonly veil: Veil
  /** A clock that only goes forward, in milliseconds. */
  tick(): number
}
