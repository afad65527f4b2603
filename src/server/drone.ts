import * as z from 'zod'
import { messageOf } from '../lib/errors.ts'
import { globMatches } from '../lib/text/glob.ts'
import { oneLine } from '../lib/text/clean.ts'
import type { HttpAnswer } from './http-server.ts'
import type { GateAnswer } from '../gate/gate.ts'
import type { DroneConfig, DroneRule } from '../config/types.ts'
import { exitCode } from '../lib/words.ts'
import { publicReason, withoutPlaces } from './reason.ts'
import { json, type Route } from './router.ts'
import { type Rejection, verifyDroneBody, verifyDroneHead } from './webhook-signatures.ts'

/**
 * Drone's validation extension: before a build begins, the server asks whether it may. 204 lets it begin, 499
 * blocks it until an administrator approves, 498 drops it; Drone makes an error of everything else and begins
 * nothing. Whatever is not clear blocks.
 */
export interface DroneOptions {
  readonly secret: () => Promise<string>
  /** By what the question is answered: read anew for each. */
  current(): Promise<DroneRules>
  refused(why: string, peer: string): void
  /** What was decided, for the log. @param what.foreign it is a build of another repository. */
  decided(what: {
    readonly build: string
    readonly answer: string
    readonly why: string
    readonly foreign?: string
  }): void
  /** Folders of the reviewer's machine that builders do not read of. */
  readonly places: readonly string[]
  now(): number
}

export interface DroneRules {
  readonly config: Pick<DroneConfig, 'repo' | 'rules' | 'others'>
  /** The gate's answer for the commit that is to be built. */
  ask(gate: string, commit: string, signal: AbortSignal): Promise<GateAnswer>
}

/** As drone-go's types have them; of no more is anything asked. */
const validation = z.object({
  build: z.object({
    event: z.string(),
    after: z.string(),
    target: z.string().default(''),
    deploy_to: z.string().default('')
  }),
  repo: z.object({ slug: z.string() })
})

/** Two clones at once are enough for a gate; who waits behind many is told so. */
const most = { asking: 2, waiting: 16 } as const
/** Drone waits a minute. */
const deadlineMs = 50_000

export function droneRoute(options: DroneOptions): Route {
  const turns = queue(most.asking, most.waiting)
  return {
    method: 'POST',
    path: '/drone',
    name: 'drone',
    // Whoever does not have the secret is refused before a byte of a body: nothing that they do keeps Drone waiting.
    async admit(head) {
      return refusal(options, verifyDroneHead(head, await options.secret(), options.now()), head.peer)
    },
    async handle(request, signal) {
      const refused = refusal(options, verifyDroneBody(request), request.peer)
      if (refused !== null) return refused
      const read = readValidation(request.body)
      if (read === null) return block(options, 'a build', 'the request is not a valid Drone request')
      const { build, repo } = read
      const name = oneLine(`${repo.slug} ${build.event} ${build.deploy_to || build.target}`, 200)
      let rules: DroneRules
      try {
        rules = await options.current()
      } catch (error) {
        return unanswered(options, name, 'the gate could not be read', error)
      }
      const { config, ask } = rules
      // The one extension of a Drone server is asked for all its repositories.
      if (repo.slug.toLowerCase() !== config.repo.toLowerCase()) {
        return foreign(options, config, { build: name, slug: oneLine(repo.slug, 100) })
      }

      const promotion = build.event === 'promote' || build.event === 'rollback'
      const target = promotion ? build.deploy_to : build.target
      const rule = config.rules.find(each => fits(each, build.event, target))
      if (rule === undefined) {
        return promotion
          ? block(options, name, `no gate is configured for ${build.event} to ${target}`)
          : pass(options, name)
      }
      if (rule.gate === null) return pass(options, name)
      if (!/^(?:[0-9a-f]{40}|[0-9a-f]{64})$/.test(build.after))
        return block(options, name, 'the request names no commit')

      const { gate } = rule
      try {
        const ending = AbortSignal.any([signal, AbortSignal.timeout(deadlineMs)])
        const answer = await turns(() => ask(gate, build.after, ending), ending)
        if (answer.code === exitCode.pass) return pass(options, name)
        const why = `${answer.gate}: ${answer.reasons[0] ?? 'closed'}`
        return rule.closed === 'skip' ? skip(options, name, why) : block(options, name, why)
      } catch (error) {
        return unanswered(options, name, `the gate ${gate} could not be read`, error)
      }
    }
  }
}

function readValidation(body: Uint8Array): z.infer<typeof validation> | null {
  try {
    return validation.parse(JSON.parse(Buffer.from(body).toString()))
  } catch {
    // Signed, and still not what Drone sends: the caller blocks, and says so.
    return null
  }
}

function refusal({ refused }: DroneOptions, rejection: Rejection, peer: string): HttpAnswer | null {
  if (rejection === null) return null
  refused(rejection, peer)
  return { status: 401 }
}

/** Whoever waits for the build learns what kind of thing is wrong, and the log what it was. */
function unanswered(options: DroneOptions, build: string, what: string, error: unknown): HttpAnswer {
  options.decided({ build, answer: 'blocked', why: `${what}: ${messageOf(error)}` })
  return blocked(options, `${what}: ${publicReason(error)}`)
}

function foreign(
  options: DroneOptions,
  { repo, others }: DroneRules['config'],
  { build, slug }: { readonly build: string; readonly slug: string }
): HttpAnswer {
  const why = `the build is not of ${repo} (\`serve.drone.repo\`)`
  const answer = others === 'block' ? 'blocked' : 'accepted'
  options.decided({ build, answer, why, foreign: slug })
  return others === 'block'
    ? blocked(options, `${why}, and \`serve.drone.others\` is \`block\``)
    : { status: 204 }
}

function fits({ event, target }: DroneRule, asked: string, where: string): boolean {
  return event === asked && (target === null || globMatches(target, where))
}

function pass({ decided }: DroneOptions, build: string): HttpAnswer {
  decided({ build, answer: 'accepted', why: '' })
  return { status: 204 }
}

function block(options: DroneOptions, build: string, why: string): HttpAnswer {
  options.decided({ build, answer: 'blocked', why: oneLine(why, 400) })
  return blocked(options, why)
}

function skip({ decided, places }: DroneOptions, build: string, why: string): HttpAnswer {
  decided({ build, answer: 'skipped', why: oneLine(why, 400) })
  return json(498, { message: shown(why, places) })
}

function blocked({ places }: DroneOptions, why: string): HttpAnswer {
  return json(499, { message: shown(why, places) })
}

function shown(why: string, places: readonly string[]): string {
  return oneLine(withoutPlaces(why, places), 400)
}

/** So many at once, the others in turn. @throws what the work throws; an error for who comes when too many wait. */
function queue(atOnce: number, waiting: number) {
  let running = 0
  const line: (() => void)[] = []
  return async <T>(work: () => Promise<T>, signal: AbortSignal): Promise<T> => {
    if (running >= atOnce) {
      if (line.length >= waiting) throw new Error('too many requests')
      await new Promise<void>(next => line.push(next))
    }
    running += 1
    try {
      signal.throwIfAborted()
      return await work()
    } finally {
      running -= 1
      line.shift()?.()
    }
  }
}
