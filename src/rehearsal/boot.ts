import type { Rehearsal, Run, UnknownThing, Wait } from './answer.ts'
import { createChoices, nextList } from './choices.ts'
import type { RehearsalFacts } from './rehearsal-facts.ts'
import { createKernel } from './kernel.ts'
import type { Machine } from './machine.ts'
import { createDocker } from './model/docker-model.ts'
import { createFiles } from './model/file-model.ts'
import { createRoutes } from './model/route-model.ts'
import { createSystemd } from './model/systemd-model.ts'
import { createNotes } from './notes.ts'
import { runProgram } from './programs/run-program.ts'

const limits = { horizon: 3_600_000, turns: 100_000 } as const

/** Runs in which something that is not known was decided differently. */
const mostRuns = 16

interface OneRun {
  readonly run: Run
  readonly machine: Machine
}

/** The whole rehearsal: a pure function of the facts. It is to be called in the sandbox alone, see `rehearse.ts`. */
export async function rehearseHere(facts: RehearsalFacts): Promise<Rehearsal> {
  const cold = await bootOnce(facts, [], new Set())
  const runs = [cold]
  let cut = false
  for (let list = nextList(cold.machine.choices.made()); list !== null; ) {
    if (runs.length >= mostRuns) {
      cut = true
      break
    }
    const next = await bootOnce(facts, list, new Set())
    runs.push(next)
    list = nextList(next.machine.choices.made())
  }
  const each = await Promise.all(runs.map(run => waitsOf(facts, run)))
  const [waits = []] = each
  const same =
    !cut && each.every(other => JSON.stringify(verdicts(other)) === JSON.stringify(verdicts(waits)))
  const asked = new Set(runs.flatMap(({ machine }) => [...machine.notes.asked]))
  return {
    schema: 1,
    boot: cold.run,
    through: null,
    waits: same ? waits : waits.map(wait => ({ ...wait, verdict: 'unknown' })),
    orderingCycles: [],
    executed: cold.machine.notes.executed,
    reached: [],
    asked: [...asked].sort(),
    unknowns: distinct(runs.flatMap(({ machine }) => machine.notes.unknowns))
  }
}

async function bootOnce(
  facts: RehearsalFacts,
  list: readonly number[],
  letGo: ReadonlySet<string>
): Promise<OneRun> {
  const kernel = createKernel()
  const choices = createChoices(list)
  const notes = createNotes(kernel)
  const files = createFiles(facts, notes, kernel.touch)
  const docker = createDocker(facts, files, notes)
  const routes = createRoutes(facts, docker)
  const systemd = createSystemd(facts, { letGo }, () => machine)
  const machine: Machine = {
    facts,
    kernel,
    choices,
    notes,
    files,
    docker,
    routes,
    systemd,
    run: program => runProgram(program, machine)
  }
  systemd.boot()
  const ended = await kernel.run(limits)
  const { timeline, up } = notes
  return {
    machine,
    run: { ended, lasted: kernel.now(), timeline, units: systemd.ends(), up, docker: docker.end() }
  }
}

/**
 * Who stands still, and whether what is ordered after it would end that. The proof is a second rehearsal in which the
 * unit holds up nobody: if its start ends there, and something that one of those brought up came before that, the two
 * wait for each other.
 */
async function waitsOf(facts: RehearsalFacts, { run, machine }: OneRun): Promise<readonly Wait[]> {
  const list = machine.choices.made().map(({ took }) => took)
  const waits: Wait[] = []
  for (const { unit, began, state } of run.units) {
    if (state !== 'starting' || began === null) continue
    const asked = machine.notes.lastAsked(unit)
    if (asked === null) continue
    const holds = run.units.flatMap(other =>
      other.state === 'waiting' && machine.systemd.isAfter(other.unit, unit) ? [other.unit] : []
    )
    const free = await bootOnce(facts, list, new Set([unit]))
    const ended = free.run.units.find(other => other.unit === unit)?.ended ?? null
    const by = free.run.up.findLast(
      ({ at, unit: other }) => ended !== null && at <= ended && machine.systemd.isAfter(other, unit)
    )
    waits.push({
      unit,
      place: asked.place,
      argv: asked.argv,
      target: asked.target,
      answer: asked.answer,
      verdict: by === undefined ? 'never' : 'circle',
      stood: null,
      broughtUpBy: by ?? null,
      circle: [],
      dependsOn: [],
      holds
    })
  }
  return waits
}

function verdicts(waits: readonly Wait[]): readonly (readonly [string, string])[] {
  return waits.map(({ unit, verdict }) => [unit, verdict])
}

function distinct(things: readonly UnknownThing[]): readonly UnknownThing[] {
  return [...new Map(things.map(thing => [JSON.stringify([thing.name, thing.unit]), thing])).values()]
}
