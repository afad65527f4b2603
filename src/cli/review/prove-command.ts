import { oneLine } from '../../lib/text/clean.ts'
import type { Check } from '../../config/types.ts'
import { prove, type Proof } from '../../probe/prove.ts'
import { factsOf } from '../../review/assessed.ts'
import { observe } from '../../review/review.ts'
import { viewsOf } from '../../review/context/views.ts'
import { snapshot } from '../../review/context/review-context.ts'
import { type ExitCode, exitCode } from '../../lib/words.ts'
import { planOf } from './hunt-command.ts'
import type { CommonOptions, Io } from '../io.ts'
import { progressOf } from '../progress.ts'
import { enter } from '../enter.ts'

export interface ProveOptions extends CommonOptions {
  readonly phase: string
}

/** Shows for every check of a plan that it can fail, by judging falsified facts of the hosts as they are. */
export async function run(options: ProveOptions, io: Io): Promise<ExitCode> {
  return enter(options, io, async context => {
    const plan = planOf(context, options.phase)
    const at = await snapshot(context)
    const checks: readonly (Check & { readonly milestone: string })[] = plan.milestones.flatMap(
      ({ id, checks: own }) => own.map(check => ({ ...check, milestone: id }))
    )
    // What `within` waits for is not needed: falsified facts do not settle.
    const once = checks.map(({ withinMs, ...check }) => check)
    const subject = { phase: plan.phase, commit: at.tip, checks: once, hunts: [] }
    const views = viewsOf(context, { ...subject, record: at.record })
    const observed = await observe(context, views, subject, { budgetMs: 60_000, progress: progressOf(io) })
    const { hide } = observed
    const proofs = once.map((check, index) => ({
      check: { ...check, title: hide.sentence(check.title) },
      proof: hide.sentences(prove(check.probe, factsOf(observed, index)))
    }))
    for (const { check, proof } of proofs) {
      const proved = `${proofText(proof)}${hide.sentence(waived(check))}`
      io.out(`${check.milestone}  ${proof.kind.padEnd(11)}  ${oneLine(check.title)}: ${oneLine(proved)}`)
    }
    io.json({
      phase: plan.phase,
      checks: proofs.map(({ check, proof }) => ({
        milestone: check.milestone,
        probe: check.probe.id,
        title: check.title,
        ...proof
      }))
    })
    const kinds = new Set(proofs.map(({ proof }) => proof.kind))
    if (kinds.has('cannot fail')) return exitCode.fail
    return kinds.has('unseen') || proofs.length === 0 ? exitCode.notProven : exitCode.pass
  })
}

function proofText(proof: Proof): string {
  return proof.kind === 'can fail' ? `${proof.ways} ${proof.ways === 1 ? 'way' : 'ways'}` : proof.why
}

/** A check that can fail decides nothing while it is waived. */
function waived({ waiver }: Check): string {
  return waiver === undefined ? '' : `; waived by ${waiver.by} until ${waiver.until}: ${waiver.reason}`
}
