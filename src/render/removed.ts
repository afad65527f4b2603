import { fence, inline } from '../lib/text/clean.ts'
import { blocks, minute, name } from './parts.ts'

/** The section that says that a force-push took reviews off the branch. */

export interface RemovedInput {
  readonly phase: string
  /** ISO UTC. */
  readonly at: string
  readonly branch: string
  /** The tip that was seen last, and is gone. */
  readonly tip: string
  readonly reviews: readonly {
    readonly review: string
    readonly milestone: string
    readonly verdict: string
    /** Null: known from an earlier word of this kind alone. */
    readonly claim: string | null
  }[]
  /** Findings and vetoes that stood there and are put again below. */
  readonly again: readonly string[]
}

export function renderRemoved(input: RemovedInput): string {
  const { phase, reviews, again } = input
  const milestones = [...new Set(reviews.map(({ milestone }) => milestone))]
  return blocks([
    `## History rewritten @${minute(input.at)}`,
    `A force-push moved the branch ${inline(input.branch)}: its former tip ${short(input.tip)} is no longer in its history.`,
    ...(reviews.length === 0
      ? []
      : [
          'It removed these signed reviews:',
          reviews
            .map(
              ({ review, milestone, verdict, claim }) =>
                `- ${name(milestone)} was ${verdict}: ${short(review)}${claim === null ? '' : `, of the claim ${short(claim)}`}`
            )
            .join('\n'),
          'An older verdict does not replace a removed one. To have a milestone reviewed again, claim it again:',
          fence(
            milestones
              .map(each => `git commit --allow-empty -m "claim(${name(phase)}-${name(each)}): …"`)
              .join('\n'),
            'sh'
          )
        ]),
    again.length === 0
      ? ''
      : `Open again, because they were open before the force-push: ${again.map(word => name(word)).join(', ')}.`
  ])
}

function short(sha: string): string {
  return inline(sha.slice(0, 12))
}
