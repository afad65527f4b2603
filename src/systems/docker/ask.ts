import { parseJson } from '../../lib/json.ts'
import * as z from 'zod'
import { messageOf } from '../../lib/errors.ts'
import { parseGoTime, parseIso } from '../../lib/instant.ts'
import { type FactContext, type ReadResult, Unseen } from '../../facts/fact.ts'
import { oneLine } from '../../lib/text/clean.ts'
import { type ReadCommand } from '../../facts/read-command.ts'
import { dockerRead } from './reads.ts'

/** What docker's refusals mean, most telling first. */
const refusals: readonly (readonly [RegExp, string])[] = [
  [/permission denied/i, 'the login may not read docker (permission denied on the daemon socket)'],
  [/not a swarm manager/i, 'the host is not a swarm manager, so it does not show services, tasks and nodes'],
  [/podman/i, 'the docker command of this host is podman, which has no swarm and another output format'],
  [/cannot connect to the docker daemon|is the docker daemon running/i, 'the docker daemon does not respond']
]

/**
 * Asks docker.
 *
 * @throws Unseen with a sentence that a person can act on, where docker's own words are known.
 */
export async function askDocker(look: FactContext, command: ReadCommand): Promise<ReadResult> {
  try {
    return await look.read(command)
  } catch (error) {
    if (error instanceof Unseen) throw refused(error.message) ?? error
    throw error
  }
}

/**
 * Does what asks docker, and believes it only where docker is about this host: not podman under docker's name, and
 * not the engine of another docker context, which is elsewhere than the addresses, ports and units that are read.
 * A source that calls it declares `dockerInfo` among its reads; both are asked at the same time.
 *
 * @throws Unseen naming the other engine, or whatever the work throws.
 */
export async function onOwnDocker<T>(look: FactContext, work: () => Promise<T>): Promise<T> {
  const working = work()
  // Rejected or not, what the other engine is comes first: it explains the rejection.
  working.catch(() => undefined)
  const other = await otherEngine(look)
  if (other !== null) throw new Unseen(other)
  return working
}

const self = z.object({
  Name: z.string().nullish(),
  ClientInfo: z.object({ Context: z.string().nullish() }).nullish(),
  /** Only podman has these. */
  host: z.looseObject({}).nullish(),
  store: z.looseObject({}).nullish()
})

/** Whose engine answers, where it is not this host's docker; null where it is, or where that was not said. */
async function otherEngine(look: FactContext): Promise<string | null> {
  let stdout: string
  try {
    stdout = (await look.read(dockerRead.dockerInfo())).stdout
  } catch (error) {
    // Whether docker can be asked at all is for the question itself to show.
    if (error instanceof Unseen) return null
    throw error
  }
  const found = self.safeParse(jsonOrNull(stdout))
  if (!found.success) return null
  const { Name, ClientInfo, host, store } = found.data
  if ((host ?? store ?? null) !== null) return refused('podman')?.message ?? null
  const context = ClientInfo?.Context ?? ''
  if (context === '' || context === 'default') return null
  const engine = (Name ?? '') === '' ? '' : ` of ${oneLine(Name ?? '', 80)}`
  return `docker of this login connects to the engine${engine} of its context "${oneLine(context, 80)}", not to this host's own; run \`docker context use default\``
}

function jsonOrNull(text: string): unknown {
  try {
    return parseJson(text)
  } catch (error) {
    if (error instanceof SyntaxError) return null
    throw error
  }
}

/** The words of a refusal as `Unseen`, or null where they are none that is known. */
export function refused(words: string): Unseen | null {
  const known = refusals.find(([pattern]) => pattern.test(words))
  return known === undefined ? null : new Unseen(known[1])
}

/** Ids as the engine makes them. Anything else in their place is output that we do not understand. */
export const id = z.string().regex(/^[0-9a-z]{8,64}$/)

/**
 * A time in microseconds since 1970: RFC 3339 as `inspect` writes it, or Go's form as the lists write it
 * (`2026-06-13 05:38:02.125154677 +0000 UTC`). Null for docker's "never" (the year 1).
 */
export const time = z.string().transform((printed, context) => {
  if (printed === '' || printed.startsWith('0001-01-01')) return null
  try {
    return printed[10] === 'T' ? parseIso(printed) : parseGoTime(printed)
  } catch (error) {
    context.addIssue({ code: 'custom', message: messageOf(error) })
    return z.NEVER
  }
})
