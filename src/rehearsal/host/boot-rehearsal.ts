import { type FactContext, type FactSource, Unseen } from '../../facts/fact.ts'
import type { Pattern } from '../../facts/read-command.ts'
import { isReadProgram } from '../../lib/secrets/readable-path.ts'
import { standaloneContainers } from '../../systems/docker/containers.ts'
import { dockerNetworks } from '../../systems/docker/networks.ts'
import { hostAddresses } from '../../systems/linux/addresses.ts'
import { listeners } from '../../systems/linux/listeners.ts'
import { linuxPattern, linuxRead } from '../../systems/linux/reads.ts'
import { swarmNodes } from '../../systems/swarm/nodes.ts'
import { swarmServices } from '../../systems/swarm/services.ts'
import { systemdRead } from '../../systems/systemd/reads.ts'
import {
  assembled,
  type BootPrograms,
  bootPrograms,
  unitPrograms
} from '../../systems/systemd/unit-programs.ts'
import { allUnits, readPulls } from '../../systems/systemd/units.ts'
import type { Happening, NotRehearsed, Rehearsal, Run } from '../answer.ts'
import { rehearse } from '../rehearse.ts'
import type { Fault, FileFact, RehearsalFacts } from '../rehearsal-facts.ts'
import {
  distributionFact,
  dockerFact,
  programFact,
  textFact,
  unitFacts,
  withFiles,
  withUnit
} from './host-facts.ts'
import { type AskedFile, unitAnswer, type UnitRehearsal } from './unit-answer.ts'

/** The next cold boot of a host, rehearsed from what was read of it. */
export interface BootRehearsal {
  /** Null: no unit has a start program of its own, so there is nothing to rehearse. */
  readonly answer: Rehearsal | NotRehearsed | null
  /** What the rehearsal asked for beyond the start programs. */
  readonly files: readonly AskedFile[]
  /** What else could not be seen of the host, as sentences: the rehearsal goes without. */
  readonly unseen: readonly string[]
}

/** How far and how much is read for it: each round is made of what the one before asked for. */
const bounds = { rounds: 4, files: 200, bytes: 2 * 1024 * 1024 } as const

/** Seconds of a day: see `hostFact`. */
const day = 86_400

const reads: readonly Pattern[] = [
  ...(allUnits.reads ?? []),
  ...(bootPrograms.reads ?? []),
  ...(hostAddresses.reads ?? []),
  ...(listeners.reads ?? []),
  ...(standaloneContainers.reads ?? []),
  ...(dockerNetworks.reads ?? []),
  ...(swarmServices.reads ?? []),
  ...(swarmNodes.reads ?? []),
  linuxPattern.scriptText(),
  linuxPattern.fileText()
]

export const bootRehearsal: FactSource<BootRehearsal> = {
  key: 'boot-rehearsal',
  place: 'host',
  reads,
  take: look => rehearsed(look, undefined)
}

/** The same with a fault: what the host would be without a unit, or with something that never answers. */
export function rehearsalWith(fault: Fault): FactSource<BootRehearsal> {
  return {
    key: `boot-rehearsal ${JSON.stringify(fault)}`,
    place: 'host',
    reads,
    take: look => rehearsed(look, fault)
  }
}

async function rehearsed(look: FactContext, fault: Fault | undefined): Promise<BootRehearsal> {
  const programs = await bootPrograms.take(look)
  if (programs.services.length === 0 && programs.untold.length === 0)
    return { answer: null, files: [], unseen: [] }
  const { facts, unseen } = await hostFacts(look, programs)
  const { answer, files } = await inRounds(look, fault === undefined ? facts : { ...facts, fault })
  const own = new Set([...programs.services.map(({ name }) => name), ...programs.untold])
  return { answer: 'unknown' in answer ? answer : withoutOthers(answer, own), files, unseen }
}

/** What a rehearsal of this host is made from, as far as it is known before it asks for more; and what was not seen. */
async function hostFacts(
  look: FactContext,
  programs: BootPrograms
): Promise<{ readonly facts: RehearsalFacts; readonly unseen: readonly string[] }> {
  const units = await allUnits.take(look)
  const unseen: string[] = []
  const or = async <Value>(taking: Promise<Value>, instead: Value): Promise<Value> => {
    try {
      return await taking
    } catch (error) {
      if (!(error instanceof Unseen)) throw error
      unseen.push(error.message)
      return instead
    }
  }
  const [pulls, cat, services, containers, networks, nodes, addresses, sockets, clock] = await Promise.all([
    readPulls(look),
    look.read(systemdRead.unitTexts(['*.service'])),
    or(swarmServices.take(look), []),
    or(standaloneContainers.take(look), []),
    or(dockerNetworks.take(look), []),
    or(swarmNodes.take(look), []),
    or(hostAddresses.take(look), { interfaces: [], routes: [] }),
    or(listeners.take(look), { sockets: [], sshPort: null }),
    look.hostClock()
  ])
  const texts = new Map(
    assembled(units, cat.stdout).flatMap(({ name, files }) =>
      files === null ? [] : [[name, files] as const]
    )
  )
  const facts: RehearsalFacts = {
    units: unitFacts(units, pulls, programs, texts),
    files: Object.fromEntries(programs.programs.map(file => [file.path, programFact(file)])),
    host: {
      hostname: nodes.find(({ self }) => self)?.hostname ?? '',
      addresses: [
        ...new Set([
          '127.0.0.1',
          '::1',
          ...addresses.interfaces.flatMap(each => each.addresses.map(({ address }) => address))
        ])
      ],
      listeners: sockets.sockets.map(({ protocol, address, port, owner }) => ({
        protocol,
        address,
        port,
        owner: owner ?? null
      })),
      // By the day: two rehearsals of the same host are to say the same.
      bootAt: Math.floor(clock.hostMicros / 1_000_000 / day) * day
    },
    docker: dockerFact(services, containers, networks)
  }
  return { facts, unseen: [...new Set(unseen)] }
}

/** What the start of one unit does, whether or not the next boot starts it. @param unit a full unit name. */
export function unitRehearsal(unit: string): FactSource<UnitRehearsal> {
  const own = unitPrograms(unit)
  return {
    key: `unit-rehearsal ${unit}`,
    place: 'host',
    reads: [...reads, ...(own.reads ?? [])],
    async take(look) {
      const [programs, all] = await Promise.all([own.take(look), bootPrograms.take(look)])
      const { facts } = await hostFacts(look, all)
      const { answer, files } = await inRounds(look, withUnit(facts, programs))
      return { answer: unitAnswer(answer, programs.unit.name), files }
    }
  }
}

/** Rehearses, reads what was asked for, and rehearses again. */
async function inRounds(
  look: FactContext,
  first: RehearsalFacts
): Promise<{ readonly answer: Rehearsal | NotRehearsed; readonly files: readonly AskedFile[] }> {
  const read: AskedFile[] = []
  let facts = first
  let bytes = 0
  for (let round = 1; ; round++) {
    const answer = await rehearse(facts, input => look.rehearse(input))
    if ('unknown' in answer || round >= bounds.rounds) return { answer, files: read }
    const wanted = answer.asked.filter(path => !Object.hasOwn(facts.files, path))
    if (wanted.length === 0) return { answer, files: read }
    const found = await Promise.all(
      wanted.map(
        async (path, index): Promise<readonly [string, FileFact]> => [
          path,
          read.length + index < bounds.files && bytes < bounds.bytes
            ? await readAsked(look, path)
            : { kind: 'unseen', why: 'not read: too many files' }
        ]
      )
    )
    for (const [path, fact] of found) {
      bytes += fact.kind === 'text' ? fact.text.length : 0
      read.push(askedFile(path, fact))
    }
    facts = withFiles(facts, found)
  }
}

function askedFile(path: string, fact: FileFact): AskedFile {
  if (fact.kind === 'text') return { path, text: fact.text, why: '' }
  return { path, text: null, why: 'why' in fact ? fact.why : fact.kind }
}

/** A file that a program asked for: a script first, else as text. What is named like a secret is not read. */
async function readAsked(look: FactContext, path: string): Promise<FileFact> {
  const known = distributionFact(path)
  if (known !== null) return known
  if (!isReadProgram(path)) return { kind: 'unseen', why: 'not read: its name is not that of a program' }
  try {
    const { stdout: script } = await look.read(linuxRead.scriptText(path))
    if (script !== '') return textFact(path, script)
    return textFact(path, (await look.read(linuxRead.fileText(path))).stdout)
  } catch (error) {
    if (!(error instanceof Unseen)) throw error
    return /No such file or directory/.test(error.message)
      ? { kind: 'missing' }
      : { kind: 'unseen', why: error.message }
  }
}

/** Units of the distribution that simply start are not told of: they are hundreds, and the same on every host. */
function withoutOthers(answer: Rehearsal, own: ReadonlySet<string>): Rehearsal {
  const isPlain = (state: string) => /^(?:starting|active|done|skipped)$/.test(state)
  const tells = (happening: Happening) =>
    happening.kind !== 'unit' || own.has(happening.unit) || !isPlain(happening.state)
  const less = (run: Run): Run => ({
    ...run,
    timeline: run.timeline.filter(tells),
    units: run.units.filter(({ unit, state }) => own.has(unit) || !/^(?:active|done|skipped)$/.test(state))
  })
  return {
    ...answer,
    boot: less(answer.boot),
    through: answer.through === null ? null : less(answer.through)
  }
}
