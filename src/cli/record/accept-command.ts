import { oneLine } from '../../lib/text/clean.ts'
import { AdversaryError } from '../../lib/errors.ts'
import { tipAt } from '../../record/publish.ts'
import {
  acceptance,
  type Acceptance,
  acceptFile,
  type UnsignedPart
} from '../../review/annotations/accept.ts'
import { reviewTip, type ReviewContext } from '../../review/context/review-context.ts'
import { type ExitCode, exitCode } from '../../lib/words.ts'
import { done } from './finding-command.ts'
import { planOf } from '../review/hunt-command.ts'
import type { CommonOptions, Io } from '../io.ts'
import { enter } from '../enter.ts'

export interface AcceptOptions extends CommonOptions {
  readonly phase: string
  readonly reason?: string | undefined
  readonly yes?: boolean | undefined
  readonly dryRun?: boolean | undefined
}

/** How much of one part is shown, in characters and in lines. */
const shown = { characters: 16_384, lines: 200 } as const

/** Shows what of a review file is not signed, asks, and signs for it as it stands. */
export async function run(options: AcceptOptions, io: Io): Promise<ExitCode> {
  return enter(options, io, async context => {
    const { phase } = planOf(context, options.phase)
    const accepted = await acceptable(context, phase)
    io.progress(null)
    const document = { ...accepted, commit: null, finding: null, dryRun: options.dryRun === true }
    if (accepted.parts.length === 0) {
      io.out(`nothing to accept: all ${accepted.bytes} bytes of ${oneLine(accepted.path)} are signed`)
      io.json({ ...document, unchanged: 'nothing to accept' })
      return exitCode.pass
    }
    io.text(acceptanceText(accepted))
    const [refused] = accepted.refused
    if (refused !== undefined) {
      throw new AdversaryError('not-trusted', `${oneLine(accepted.path)} cannot be accepted: ${refused}`, {
        hint: 'restore the signed bytes; for another verdict, claim again'
      })
    }
    if (options.dryRun === true) {
      io.out('dry run: nothing was signed')
      io.json({ ...document, unchanged: null })
      return exitCode.pass
    }
    if (options.yes !== true && !(await agreed(accepted, io))) {
      io.out('nothing was signed')
      return exitCode.notProven
    }
    return done(await acceptFile(context, phase, { reason: options.reason ?? '', accepted }), io)
  })
}

async function acceptable(context: ReviewContext, phase: string): Promise<Acceptance> {
  const { tip, record } = await reviewTip(context)
  return acceptance(context, tipAt(context.git, tip, record), phase)
}

async function agreed({ path, digest }: Acceptance, io: Io): Promise<boolean> {
  const answer = await io.ask(`Sign for ${oneLine(path)} as it stands (${digest.slice(0, 19)})? Type yes:`)
  if (answer === null) {
    throw new AdversaryError('usage', 'accept signs what is shown above only after a yes', {
      hint: 'use --yes without a terminal, or --dry-run to only look'
    })
  }
  return answer.trim().toLowerCase() === 'yes'
}

function acceptanceText({ path, digest, bytes, parts }: Acceptance): string {
  return [
    `${oneLine(path)}: ${bytes} bytes, ${digest}; ${parts.length} ${parts.length === 1 ? 'part is' : 'parts are'} not signed`,
    ...parts.flatMap(partText)
  ].join('\n')
}

function partText({ from, to, line, text, was }: UnsignedPart): readonly string[] {
  const what = was === null ? 'never signed' : 'changed after it was signed'
  return [
    '',
    `line ${line}, bytes ${from} to ${to}: ${what}`,
    ...(was === null || was === '' ? [] : quoted(was, '-')),
    ...(text === '' ? ['  (removed)'] : quoted(text, '+'))
  ]
}

/** Each line behind its sign, so that none can pass for one of ours; what a terminal would not show is escaped. */
function quoted(text: string, sign: '+' | '-'): readonly string[] {
  const lines = text.slice(0, shown.characters).split('\n')
  const kept = lines.slice(0, shown.lines).map(line => `  ${sign} ${visible(line)}`)
  const left = text.length - lines.slice(0, shown.lines).join('\n').length
  return left > 0 ? [...kept, `  … ${left} more characters: --json shows all of them`] : kept
}

function visible(line: string): string {
  return line.replace(
    /[\p{Cc}\p{Default_Ignorable_Code_Point}\p{Noncharacter_Code_Point}\p{Surrogate}\p{Zl}\p{Zp}\p{Cf}]/gu,
    unit => `\\u{${(unit.codePointAt(0) ?? 0).toString(16)}}`
  )
}
