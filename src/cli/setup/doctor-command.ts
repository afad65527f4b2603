import { AdversaryError } from '../../lib/errors.ts'
import { oneLine } from '../../lib/text/clean.ts'
import { counted } from '../../lib/text/counted.ts'
import type { DroneConfig, ForgeConfig, Workspace } from '../../config/workspace.ts'
import { proveAll, proveTools } from './doctor.ts'
import { missing, type Proof, proved } from './doctor-result.ts'
import { type ExitCode, exitCode } from '../../lib/words.ts'
import { openWorkspace } from '../open-home.ts'
import type { CommonOptions, Io } from '../io.ts'
import { proofsText } from '../review/check-text.ts'

/** Proves every permission before it is needed. Nothing is pushed, and the hosts are only read. */
export async function run(options: CommonOptions, io: Io): Promise<ExitCode> {
  io.progress('checking the tools')
  const tools = await proveTools()
  const at = { id: 'home', subject: 'home' }
  let home: Workspace
  try {
    home = await openWorkspace(options, io)
  } catch (error) {
    if (!(error instanceof AdversaryError)) throw error
    answer([...tools, missing(at, error, error.hint ?? 'correct the file as the message says')], io)
    return error.exit
  }
  io.progress('checking the repository and the hosts')
  const seat = { home, userHome: io.userHome, signal: io.signal }
  const plans = counted(home.plans.size, 'plan')
  const forge = home.forge === null ? [] : [await tryForge(home.forge, io)]
  const drone = home.serve.drone === null ? [] : [await droneProof(home, home.serve.drone)]
  const proofs = [
    ...tools,
    proved(at, `${home.dir}, ${plans}`),
    ...(await proveAll(seat, tools)),
    ...forge,
    ...drone
  ]
  answer(proofs, io)
  io.out(`\n${summary(proofs, home, options)}`)
  return proofs.some(({ ok }) => ok === false) ? exitCode.fail : exitCode.pass
}

/** What to type next. */
function summary(proofs: readonly Proof[], home: Workspace, options: CommonOptions): string {
  const wrong = proofs.filter(({ ok }) => ok === false).length
  const where = options.home === undefined ? '' : ` --home ${oneLine(options.home)}`
  if (wrong > 0) {
    const lines = wrong === 1 ? 'line' : 'lines from the top'
    return `${counted(wrong, 'check')} failed. Fix the ✗ ${lines}, then run \`adversary doctor${where}\` again.`
  }
  const [plan] = home.plans.values()
  const [milestone] = plan?.milestones ?? []
  const next =
    plan === undefined || milestone === undefined
      ? 'write a plan; `adversary suggest` prints the checks that hold today'
      : `adversary review ${plan.phase}-${milestone.id} --dry-run${where}`
  return `All checks passed. Next: ${next}`
}

async function tryForge(forge: ForgeConfig, io: Io): Promise<Proof> {
  const { proveForge } = await import('./forge-check.ts')
  return proveForge(forge, io.env, io.signal)
}

async function droneProof(home: Workspace, drone: DroneConfig): Promise<Proof> {
  const { proveDrone } = await import('./drone-check.ts')
  return proveDrone(home, drone)
}

function answer(proofs: readonly Proof[], io: Io): void {
  io.progress(null)
  io.out(proofsText(proofs, io))
  io.json({ checks: proofs })
}
