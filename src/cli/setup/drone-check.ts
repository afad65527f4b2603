import { oneLine } from '../../lib/text/clean.ts'
import { guessForge } from '../../forge/forge.ts'
import type { DroneConfig, Workspace } from '../../config/types.ts'
import { readAskedOthers } from '../../watch/asked-others.ts'
import { type Proof, proved, type Subject, untold } from './doctor-result.ts'

/** As many names as a line has room for. */
const most = 5

/** Which repository Drone's questions are answered for, and for which others it has asked: one may be mistyped. */
export async function proveDrone(
  { stateDir, repo }: Pick<Workspace, 'stateDir' | 'repo'>,
  drone: DroneConfig
): Promise<Proof> {
  const step: Subject = { id: 'repo/drone', subject: 'Drone validation' }
  const others = await readAskedOthers(stateDir)
  const become = drone.others === 'block' ? 'blocked' : 'let through'
  const names = others.slice(0, most).map(({ slug, times }) => `${oneLine(slug, 100)} (${times})`)
  const asked =
    names.length === 0
      ? ''
      : `; requests so far: ${names.join(', ')}${others.length > most ? ' and more' : ''}`
  const saw = `the gates are for builds of ${drone.repo}; builds of other repositories are ${become}${asked}`
  const { repo: own } = guessForge(repo.url)
  return own === null || own.toLowerCase() === drone.repo.toLowerCase()
    ? proved(step, saw)
    : untold(
        step,
        `${saw}; the watched repository is ${own}: check that \`serve.drone.repo\` is the name that Drone uses`
      )
}
