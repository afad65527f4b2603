import { bootHost, hostObstacle, type TestHost } from '../support/host.ts'
import { type Phase, playPhase, swarmNix } from '../support/phase.ts'
import type { Bench, Group } from './bench.ts'
import { controlMaster, farPlace, homeBeside, nearPlace, oneScript, type Place } from './far-host.ts'
import { peersOn } from './peers.ts'
import { program, run } from './processes.ts'

/** The reference review on the real test host, from the start of the process to the verdict. */
export const group: Group = {
  name: 'Review',
  obstacle: async () => hostObstacle(),
  async prepare({ say, peers }) {
    say('booting the test host')
    const host = await bootHost()
    await host.settle()
    const phase = await claimed(host)
    const places = [nearPlace(host, `${phase.repo.dir}/home`), await farPlace(host, phase)]
    const benches: Bench[] = []
    for (const place of places) {
      benches.push(await reference(place, host), ...(await trivial(place, host, peers)))
    }
    return {
      benches,
      async dispose() {
        for (const place of places) await place.close()
        await phase.dispose()
        await host.stop()
      }
    }
  }
}

/** M1 reviewed, the maintenance done, M2 claimed and not yet answered. */
async function claimed(host: TestHost): Promise<Phase> {
  const phase = await playPhase(host)
  await phase.build('claim(pvfix-M1): patched', { 'nix/modules/swarm.nix': await swarmNix('after') })
  await phase.answer()
  await host.maintain()
  await phase.build('claim(pvfix-M2): recreated')
  return phase
}

interface Answer {
  readonly verdict: string
  readonly evidence: readonly { readonly on: string; readonly command: string }[]
  readonly stats: { readonly connections: number; readonly execs: number }
}

/** A review that ends before it pushes, and is a PASS: a review that saw less would be fast for nothing. */
function review(home: string) {
  const argv = [process.execPath, program, 'review', 'pvfix-M2', '--dry-run', '--json', '--home', home]
  return async (): Promise<{ readonly ms: number; readonly answer: Answer }> => {
    const { ms, stdout } = await run(argv, { codes: [0, 1, 2] })
    const answer = JSON.parse(stdout) as Answer
    if (answer.verdict !== 'PASS' || answer.stats.connections !== 1) throw new Error(`not a PASS: ${stdout}`)
    return { ms, answer }
  }
}

async function reference(place: Place, host: TestHost): Promise<Bench> {
  const look = review(place.home)
  const { evidence } = (await look()).answer
  const reads = evidence.filter(({ on }) => on === 'cc-ci').map(({ command }) => command)
  const routes = evidence
    .filter(({ on }) => on === 'web')
    .map(({ command }) => command.replace('--cacert ca.pem', `--cacert ${host.ca}`))
  const script = 'the same reads in one `ssh host sh -s`'
  const limit = place.roundTrip === '0 ms' ? 1.2 : 1
  return {
    name: `review of M2, ${place.roundTrip}`,
    unit: 'ms',
    rounds: 15,
    ours: { name: 'review --dry-run', run: async () => (await look()).ms },
    baselines: [
      { ...oneScript(`${script}, then curl for the routes`, place, reads, routes), limit },
      { ...oneScript(`${script}, and no route`, place, reads), limit },
      controlMaster('`ssh` for each read, ControlMaster', place, reads)
    ],
    note: `${reads.length} reads of the host and ${routes.length} routes. Ours also reads the claim, the record and its signatures, judges, and writes the section.`
  }
}

/** Fifty small questions: is this unit active? */
async function trivial(place: Place, host: TestHost, install: boolean): Promise<readonly Bench[]> {
  const listed = await host.run(
    'systemctl list-units --state=active --no-legend --plain --full | cut -d " " -f 1'
  )
  const units = listed.stdout
    .split('\n')
    .filter(name => /^[a-zA-Z0-9][\w.:@-]*\.(?:service|socket|target|slice|timer)$/.test(name))
    .slice(0, 50)
  if (units.length < 50) throw new Error(`the host has ${units.length} active units, not 50`)
  const checks = units.map(
    unit => `      - probe: unit-activation\n        with: { unit: ${JSON.stringify(unit)} }\n`
  )
  const home = await homeBeside(
    place,
    'fifty',
    `phase: pvfix\nhost: cc-ci\nmilestones:\n  M2:\n    checks:\n${checks.join('')}hunt:\n  probes: []\n`
  )
  const look = review(home)
  const commands = units.map(unit => `systemctl is-active ${unit}`)
  const ours = { name: 'review --dry-run', run: async () => (await look()).ms }
  const { baselines, missing } = await peersOn(place, units, install)
  return [
    {
      name: `50 trivial checks, ${place.roundTrip}`,
      unit: 'ms',
      rounds: 7,
      ours,
      baselines: [
        oneScript('the same questions in one `ssh host sh -s`', place, commands),
        controlMaster('`ssh` for each, ControlMaster', place, commands)
      ]
    },
    {
      name: `50 trivial checks and the tools of others, ${place.roundTrip}`,
      unit: 'ms',
      rounds: 3,
      ours,
      baselines,
      ...(missing.length === 0 ? {} : { note: `${missing.join('; ')}.` })
    }
  ]
}
