import * as z from 'zod'
import { counted } from '../src/lib/text/counted.ts'
import { type Circle, judgeBoot } from '../src/systems/boot/boot-graph.ts'
import { blindSpots, startsOf } from '../src/systems/boot/starts.ts'
import {
  circleDiagram,
  circleText,
  circleTitle,
  hangText,
  hiddenText,
  historyText,
  mendText,
  proofOf,
  shortName
} from '../src/systems/boot/story.ts'
import { defineProbe, type Finding } from '../src/probe/probe.ts'
import { swarmServices } from '../src/systems/swarm/services.ts'
import { bootPrograms, gone } from '../src/systems/systemd/unit-programs.ts'
import { allUnits } from '../src/systems/systemd/units.ts'

export const healthGateDeadlock = defineProbe({
  id: 'health-gate-deadlock',
  asserts: 'No unit waits during its start for something that starts only after it',
  because:
    'Such a host cannot boot from scratch: the gate waits for a unit that waits for the gate. On the running host everything is already up, so no tool reports it.',
  remedy:
    'Make the gate check something that starts before it, or move it to a unit ordered after what it checks.',
  fails: [
    'a unit waits during its start for a route, port, file, docker service or unit that starts only after it',
    'units form an ordering cycle'
  ],
  params: z.strictObject({}),
  hunts: { with: {}, severity: 'high' },
  needs: () => ({ units: allUnits, programs: bootPrograms, services: swarmServices }),

  judge({ units: all, programs, services }) {
    if (programs.services.length === 0) {
      return [
        {
          outcome: 'not-applicable',
          why: 'no unit has its own start program: all belong to the distribution'
        }
      ]
    }
    const units = all.filter(({ load }) => load === 'loaded')
    const files = new Map(programs.services.map(({ name, files }) => [name, files]))
    const texts = new Map(programs.programs.map(({ path, text }) => [path, text]))
    const absent = new Set(programs.programs.filter(({ why }) => why === gone).map(({ path }) => path))
    const read = startsOf(programs.services, texts, absent)
    const starts = {
      ...read,
      blind: [...read.blind, ...programs.untold.map(unit => ({ unit, path: 'the unit file' }))]
    }
    const judgement = judgeBoot({ units, starts: read.runs, services: [...services, ...read.declared] })
    const { circles, suspected, orderingCycles, waits } = judgement

    const [first, ...rest] = [
      ...orderingCycles.map(orderingCycle),
      ...circles.map(deadlock),
      ...blindSpots(starts, units, judgement).map((why): Finding => ({ outcome: 'unknown', why }))
    ]
    if (first !== undefined) return [first, ...rest]

    const resolved = waits.filter(({ providers }) => providers.length > 0)
    const doubtful = suspected.length === 0 ? '' : `; ${counted(suspected.length, 'suspected cycle')}`
    const waiting = unitsOf(waits)
    const here = unitsOf(resolved)
    const own = `${files.size} with ${files.size === 1 ? 'its own start program' : 'their own start programs'}`
    const saw =
      (waiting === 0
        ? 'no unit waits during its start'
        : `${counted(waiting, 'unit waits during its start', 'units wait during their start')}, ${here === waiting ? '' : here === 0 ? 'none ' : `${here} of them `}for something this host provides`) +
      `; no cycle${doubtful} (${counted(units.length, 'unit')}, ${own}, ${counted(read.files, 'file')} read)`
    const shows = [
      ...resolved.map(
        ({ unit, wait: { run }, providers }) =>
          `${unit} waits (${run.file}:${run.command.line}) for ${providers.join(', ')}`
      ),
      ...suspected.map(circle => `suspected only: ${circleText(circle)} (${circle.doubts.join('; ')})`)
    ]
    return [{ outcome: 'pass', saw, shows: shows.slice(0, 12) }]

    function deadlock(circle: Circle): Finding {
      const saw = `${circleText(circle)}; ${hangText(circle, units)}`
      const [wait] = circle.steps.flatMap(({ wait }) => wait ?? [])
      const history = historyText(circle, units)
      return {
        outcome: 'fail',
        saw,
        expected: 'a start that does not wait for a later unit',
        at: wait === undefined ? circle.unit : `${wait.run.file}:${wait.run.command.line}`,
        shows: [...proofOf(circle, units, files), ...history],
        filing: {
          subject: circle.unit,
          severity: 'high',
          title: circleTitle(circle),
          story: [
            `${circleText(circle)}. None of them can start first.`,
            `On a boot from scratch ${hangText(circle, units)}.`,
            hiddenText(circle, units),
            ...history
          ],
          remedy: mendText(circle),
          diagram: circleDiagram(circle)
        }
      }
    }
  },

  falsify({ units, programs, services }) {
    const [unit] = units
    if (unit === undefined) return []
    const as = { ...unit, load: 'loaded', active: 'active', type: 'oneshot', before: [], pulls: [] }
    const state = (name: string, after: readonly string[]) => ({ ...as, name, names: [name], after })
    const text = '[Service]\nExecStart=systemctl start f-app.service\n'
    const gate = { name: 'f-gate.service', files: [{ path: '/f-gate.service', text }] }
    return [
      {
        units: [...units, state('f-gate.service', []), state('f-app.service', ['f-gate.service'])],
        programs: { ...programs, services: [...programs.services, gate] },
        services
      }
    ]
  }
})

/** How many units these waits belong to. */
function unitsOf(waits: readonly { readonly unit: string }[]): number {
  return new Set(waits.map(({ unit }) => unit)).size
}

function orderingCycle(names: readonly string[]): Finding {
  const [first = ''] = names
  const cycle = [...names, first].join(' after ')
  const steps = names.map((from, at) => ({
    from,
    to: names[(at + 1) % names.length] ?? first,
    how: 'ordered' as const,
    what: '',
    proof: []
  }))
  return {
    outcome: 'fail',
    saw: `ordering cycle: ${cycle}`,
    expected: 'an order in which every unit can start',
    at: first,
    filing: {
      subject: first,
      severity: 'high',
      title: `${names.map(shortName).join(', ')} form an ordering cycle`,
      story: [
        `${cycle}. At boot systemd breaks the cycle by skipping one of them, and systemd chooses which.`
      ],
      remedy: 'Remove one of the After= or Before= lines.',
      diagram: circleDiagram({ unit: first, doubts: [], steps })
    }
  }
}
