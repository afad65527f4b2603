import { parseDuration, durationForm } from '../../lib/duration.ts'
import { AdversaryError } from '../../lib/errors.ts'
import { globMatches } from '../../lib/text/glob.ts'
import { didYouMean } from '../../lib/text/nearest.ts'
import { type ExitCode } from '../../lib/words.ts'
import { run as runGate } from './gate-command.ts'
import type { CommonOptions, Io } from '../io.ts'

/** The `settings:` of a plugin step, as Drone and Woodpecker hand them over, and what each is to the gate. */
const settings = {
  gate: 'a phase, or <phase>-<milestone>',
  promote: 'where a promotion goes (a name or a glob): the gate that it needs',
  wait: 'how long a review is waited for',
  reviewer: 'whose verdicts count',
  allowed_signers: "the lines of git's allowed-signers format, not a path",
  remote: 'where reviews are read',
  branch: 'the branch with the claims',
  review_branch: 'the branch with the reviews',
  commit: 'the commit being built',
  repo: 'what the reviews were signed for'
} as const

type Setting = keyof typeof settings

/**
 * The gate as a plugin: an image whose entry point this is takes its options from `settings:`. What is not
 * understood is an error, so that no misspelt word opens anything.
 */
export async function run(options: CommonOptions, io: Io): Promise<ExitCode> {
  const given = settingsOf(io.env)
  const wait = given.wait
  const waitMs = wait === undefined ? undefined : parseDuration(wait)
  if (waitMs === null) throw usage(`wait: expected ${durationForm}`)
  const { remote, branch, review_branch: reviewBranch, commit, repo } = given
  const env = {
    ...io.env,
    ...(given.reviewer === undefined ? {} : { ADVERSARY_REVIEWER: given.reviewer }),
    ...(given.allowed_signers === undefined ? {} : { ADVERSARY_ALLOWED_SIGNERS: given.allowed_signers })
  }
  return runGate(
    {
      ...options,
      gate: gateFor(given, io.env),
      ...(waitMs === undefined ? {} : { waitMs }),
      ...(remote === undefined ? {} : { remote }),
      ...(branch === undefined ? {} : { branch }),
      ...(reviewBranch === undefined ? {} : { reviewBranch }),
      ...(commit === undefined ? {} : { commit }),
      ...(repo === undefined ? {} : { repo })
    },
    { ...io, env }
  )
}

/** Drone leaves a dash in a key, Woodpecker makes it an underscore. An empty setting is none. */
function settingsOf(env: Io['env']): Readonly<Partial<Record<Setting, string>>> {
  const given = Object.entries(env).flatMap(([name, value]) => {
    const key = /^PLUGIN_(?<key>.+)$/.exec(name)?.groups?.['key']?.toLowerCase().replaceAll('-', '_')
    return key === undefined || value === undefined || value === '' ? [] : [[key, value] as const]
  })
  for (const [key] of given) {
    if (!isSetting(key)) {
      const known = Object.keys(settings)
      throw new AdversaryError('usage', `unknown setting ${JSON.stringify(key)}${didYouMean(key, known)}`, {
        hint: `the settings are ${known.join(', ')}`
      })
    }
  }
  return Object.fromEntries(given)
}

function isSetting(key: string): key is Setting {
  return Object.hasOwn(settings, key)
}

/** A promotion needs the gate that its target names; every other build the one of `gate`. */
function gateFor(given: Readonly<Partial<Record<Setting, string>>>, env: Io['env']): string {
  const target = env['DRONE_DEPLOY_TO'] || env['CI_PIPELINE_DEPLOY_TARGET'] || ''
  const named = given.promote === undefined ? null : promotions(given.promote)
  if (named !== null && target !== '') {
    const found = named.find(([glob]) => globMatches(glob, target))
    if (found !== undefined) return found[1]
    throw usage(`promote: no gate is configured for ${JSON.stringify(target)}, so it stays closed`)
  }
  if (given.gate !== undefined) return given.gate
  throw usage(
    named === null
      ? 'neither `gate` nor `promote` is set'
      : 'this build is not a promotion, and `gate` is not set: run the step for promotions only (`when`)'
  )
}

/** A map in the pipeline file comes as JSON. */
function promotions(text: string): readonly (readonly [glob: string, gate: string])[] {
  let told: unknown
  try {
    told = JSON.parse(text)
  } catch {
    // Said below, in the same words as for JSON that is none of it.
    told = null
  }
  const entries =
    typeof told === 'object' && told !== null && !Array.isArray(told) ? Object.entries(told) : []
  const pairs = entries.flatMap(([glob, gate]) => (typeof gate === 'string' ? [[glob, gate] as const] : []))
  if (pairs.length === 0 || pairs.length < entries.length) {
    throw usage('promote: expected a map such as `production: pvfix-M2`')
  }
  return pairs
}

function usage(what: string): AdversaryError {
  return new AdversaryError('usage', `settings: ${what}`, { hint: 'docs/ci.md shows a step' })
}
