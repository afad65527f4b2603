import { AdversaryError } from '../../lib/errors.ts'
import { clean, oneLine, toText } from '../../lib/text/clean.ts'
import { knownFindings } from '../../review/render-commit.ts'
import { closeFinding, openFinding, type Annotated } from '../../review/annotations/annotate.ts'
import { snapshot } from '../../review/context/review-context.ts'
import { type ExitCode, exitCode, type Severity } from '../../lib/words.ts'
import { planOf } from '../review/hunt-command.ts'
import type { CommonOptions, Io } from '../io.ts'
import { publishedText } from '../review/check-text.ts'
import { enter } from '../enter.ts'

export interface FindingOptions extends CommonOptions {
  readonly action: string
  readonly phase: string
  /** The finding's number, for `close`. */
  readonly id?: string | undefined
  readonly title?: string | undefined
  readonly severity?: string | undefined
  /** Milestones; default: those that the plan's hunt blocks. */
  readonly blocks?: readonly string[] | undefined
  readonly story?: string | undefined
  readonly mend?: string | undefined
  readonly reason?: string | undefined
  readonly dryRun?: boolean | undefined
}

const severities: readonly Severity[] = ['low', 'medium', 'high', 'critical']

/** A person's or an agent's own finding: the same format, numbering and life as the probes' ones. */
export async function run(options: FindingOptions, io: Io): Promise<ExitCode> {
  return enter(options, io, async context => {
    const plan = planOf(context, options.phase)
    const how = { dryRun: options.dryRun === true }
    switch (options.action) {
      case 'list': {
        const findings = knownFindings((await snapshot(context)).record, plan.phase)
        for (const { id, status, severity, blocks, origin, title } of findings) {
          const blocked = blocks.length === 0 ? '' : `, blocks ${blocks.join(', ')}`
          io.out(
            `${id.padEnd(4)} ${status.padEnd(6)} ${severity.padEnd(8)} ${oneLine(title)} (${origin}${blocked})`
          )
        }
        if (findings.length === 0) io.out(`no findings in ${plan.phase}`)
        io.json({ phase: plan.phase, findings })
        return exitCode.pass
      }
      case 'open': {
        const title = needed(options.title, '--title')
        const severity = severities.find(word => word === (options.severity ?? 'medium'))
        if (severity === undefined) {
          throw new AdversaryError(
            'usage',
            `--severity: got ${JSON.stringify(options.severity)}, expected one of ${severities.join(', ')}`
          )
        }
        const blocks = options.blocks ?? plan.hunt.blocks
        for (const id of blocks) {
          if (plan.milestones.some(milestone => milestone.id === id)) continue
          throw new AdversaryError('usage', `--blocks: ${plan.file} has no milestone ${JSON.stringify(id)}`)
        }
        const { story = '', mend: remedy = '' } = options
        return done(
          await openFinding(context, plan.phase, { title, severity, blocks, story, remedy }, how),
          io
        )
      }
      case 'close': {
        const reason = needed(options.reason, '--reason')
        return done(
          await closeFinding(
            context,
            plan.phase,
            needed(options.id, 'the number of the finding'),
            reason,
            how
          ),
          io
        )
      }
      default:
        throw new AdversaryError(
          'usage',
          `finding: got ${JSON.stringify(options.action)}, expected open, close or list`
        )
    }
  })
}

export function needed(value: string | undefined, what: string): string {
  if (value === undefined || value.trim() === '')
    throw new AdversaryError('usage', `${what} is required and must not be empty`)
  return value
}

/** Says what was pushed, what would be, or why nothing had to be. */
export function done(said: Annotated, io: Io): ExitCode {
  const { outcome, finding, unchanged } = said
  if (unchanged !== null) {
    io.out(`nothing changed: ${oneLine(unchanged)}`)
    io.json({ commit: null, finding, unchanged })
    return exitCode.pass
  }
  switch (outcome.kind) {
    case 'published':
      if (finding !== null) io.out(`[adversary] ${finding.id} ${finding.status}: ${oneLine(finding.title)}`)
      io.out(publishedText({ outcome, rendered: null }))
      io.json({ commit: outcome.commit, finding, unchanged })
      return exitCode.pass
    case 'dry-run':
      io.text(clean(toText(outcome.appended)))
      io.out(publishedText({ outcome, rendered: null }))
      io.json({ commit: null, finding, unchanged, dryRun: true, section: toText(outcome.appended) })
      return exitCode.pass
    case 'dropped':
    case 'stale':
      throw new AdversaryError('repository', 'the branch was too busy to push to', { hint: 'run it again' })
  }
}
