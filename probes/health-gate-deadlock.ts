import * as z from 'zod'
import { bootRehearsal } from '../src/rehearsal/host/boot-rehearsal.ts'
import { deadlocks, type FoundDeadlock } from '../src/rehearsal/host/deadlocks.ts'
import { judgeBoot } from '../src/systems/boot/boot-graph.ts'
import { blindSpots, startsOf } from '../src/systems/boot/starts.ts'
import {
  circleDiagram,
  circleText,
  circleTitle,
  hangText,
  hiddenText,
  historyText,
  orderingCircle,
  mendText,
  proofOf,
  quietText,
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
  needs: () => ({
    units: allUnits,
    programs: bootPrograms,
    services: swarmServices,
    rehearsal: bootRehearsal
  }),

  judge({ units: all, programs, services, rehearsal }) {
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
    const blind = blindSpots(starts, units, judgement)
    const lines = new Map(
      [...programs.services.flatMap(({ files }) => files), ...programs.programs, ...rehearsal.files].map(
        ({ path, text }) => [path, (text ?? '').split('\n')] as const
      )
    )
    const { found, unknown, waiting, delays } = deadlocks(
      { circles: judgement.circles, blind },
      rehearsal,
      units,
      (path, line) => lines.get(path)?.[line - 1]
    )

    const [first, ...rest] = [
      ...judgement.orderingCycles.map(orderingCycle),
      ...found.map(deadlock),
      ...unknown.map((why): Finding => ({ outcome: 'unknown', why }))
    ]
    if (first !== undefined) return [first, ...rest]

    const sizes = { units: units.length, own: files.size, files: read.files }
    const { saw, shows } = quietText(judgement, { waiting, delays, ...sizes })
    return [{ outcome: 'pass', saw, shows }]

    function deadlock({ circle, timeline }: FoundDeadlock): Finding {
      const saw = `${circleText(circle)}; ${hangText(circle, units)}`
      const [wait] = circle.steps.flatMap(({ wait }) => wait ?? [])
      const history = historyText(circle, units)
      return {
        outcome: 'fail',
        saw,
        expected: 'a start that does not wait for a later unit',
        at: wait?.at ?? circle.unit,
        shows: [...proofOf(circle, units, files), ...history, ...timeline],
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

  falsify({ units, programs, services, rehearsal }) {
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
        services,
        rehearsal: { ...rehearsal, answer: null }
      }
    ]
  }
})

function orderingCycle(names: readonly string[]): Finding {
  const [first = ''] = names
  const cycle = [...names, first].join(' after ')
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
      diagram: circleDiagram(orderingCircle(names))
    }
  }
}
