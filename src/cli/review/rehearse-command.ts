import { oneLine } from '../../lib/text/clean.ts'
import { AdversaryError } from '../../lib/errors.ts'
import { type ExitCode, exitCode } from '../../lib/words.ts'
import type { BoundProbe } from '../../probe/probe.ts'
import type { BootRehearsal } from '../../rehearsal/host/boot-rehearsal.ts'
import { bootRehearsal, rehearsalWith } from '../../rehearsal/host/boot-rehearsal.ts'
import { endLines, placeText, timelineLines } from '../../rehearsal/host/boot-timeline.ts'
import { runOneProbe } from '../../review/one-probe.ts'
import { unitName } from '../../systems/systemd/units.ts'
import { type CommonOptions, type Io, paint } from '../io.ts'
import { openWorkspace } from '../open-home.ts'
import { progressOf } from '../progress.ts'
import { onlyHost } from './probe-command.ts'

export interface RehearseOptions extends CommonOptions {
  readonly on?: string
  readonly unit?: string
  /** Units that are left out of the boot. */
  readonly without?: readonly string[]
  /** URLs and `host:port`s that never answer. */
  readonly down?: readonly string[]
}

const budgetMs = 120_000

/** The timeline of a host's next cold boot, for a person: nothing is written, and nothing of the host is changed. */
export async function run(options: RehearseOptions, io: Io): Promise<ExitCode> {
  const home = await openWorkspace(options, io)
  const { without = [], down = [] } = options
  const fault = {
    ...(without.length === 0 ? {} : { without: without.map(unitName) }),
    ...(down.length === 0 ? {} : { down })
  }
  const source = Object.keys(fault).length === 0 ? bootRehearsal : rehearsalWith(fault)
  const probe: BoundProbe = {
    id: 'rehearse',
    given: {},
    needs: { rehearsal: source },
    judge: () => [{ outcome: 'pass', saw: 'a rehearsal' }],
    falsify: () => []
  }
  const host = onlyHost(options.on, home, probe)
  const { facts, stats } = await runOneProbe(
    { home, userHome: io.userHome, signal: io.signal },
    { probe, title: 'a cold boot', host, phase: null },
    { budgetMs, progress: progressOf(io) }
  )
  io.progress(null)
  const [fact] = Object.values(facts)
  if (fact === undefined) throw new TypeError('a rehearsal was made and not kept')
  if (!fact.seen) {
    io.out(`${paint(io, 'yellow', '?')} not rehearsed: ${oneLine(fact.why)}`)
    io.json({ host, rehearsal: null, why: fact.why, stats })
    return exitCode.notProven
  }
  // The only source that was asked: the fact is its value.
  const value = fact.value as BootRehearsal
  const { answer } = value
  io.json({ host, rehearsal: answer, files: value.files, unseen: value.unseen, stats })
  if (answer === null) {
    io.out('no unit has its own start program: a cold boot has nothing to rehearse')
    return exitCode.pass
  }
  if ('unknown' in answer) {
    io.out(`${paint(io, 'yellow', '?')} not rehearsed: ${oneLine(answer.unknown)}`)
    return exitCode.notProven
  }
  const unit = options.unit === undefined ? null : unitName(options.unit)
  if (unit !== null && !answer.boot.units.some(each => each.unit === unit)) {
    throw new AdversaryError('usage', `--unit: this boot does not start ${oneLine(unit, 80)}`)
  }
  const wanted = (name: string) => unit === null || name === unit
  for (const line of timelineLines(answer.boot, wanted)) io.out(oneLine(line, 400))
  io.out('')
  const ends = endLines(answer.boot, answer.waits, wanted)
  for (const line of ends) io.out(`${paint(io, 'red', '✗')} ${oneLine(line, 400)}`)
  for (const { name, unit: of, place, why } of answer.unknowns.filter(each => wanted(each.unit))) {
    const where = place === null ? '' : ` (${placeText(place)})`
    io.out(`${paint(io, 'yellow', '?')} ${oneLine(`${of} runs ${name}${where}: ${why}`, 400)}`)
  }
  for (const why of value.unseen) io.out(`${paint(io, 'yellow', '?')} ${oneLine(why, 400)}`)
  if (ends.length === 0 && answer.unknowns.length === 0)
    io.out(`${paint(io, 'green', '✓')} every unit that this boot starts comes up`)
  return exitCode.pass
}
