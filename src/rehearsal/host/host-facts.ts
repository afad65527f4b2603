import { settingsOf, startCommands, type UnitFile } from '../../systems/languages/unit-file.ts'
import { baseName } from '../../systems/programs/shell-runs.ts'
import { isSystemProgram } from '../../systems/programs/program-runs.ts'
import type { StandaloneContainer } from '../../systems/docker/containers.ts'
import type { DockerNetwork } from '../../systems/docker/networks.ts'
import type { SwarmService } from '../../systems/swarm/services.ts'
import type { BootPrograms, ProgramFile, UnitPrograms } from '../../systems/systemd/unit-programs.ts'
import { gone } from '../../systems/systemd/unit-programs.ts'
import type { UnitPulls, UnitState } from '../../systems/systemd/units.ts'
import type { DockerFact, FileFact, RehearsalFacts, UnitFact } from '../rehearsal-facts.ts'

/** What was read of a host, as a rehearsal wants it. Pure. */

/** The units of a boot. Of those of the distribution the text counts only where it starts Docker. */
export function unitFacts(
  states: readonly UnitState[],
  pulls: readonly UnitPulls[],
  { services, untold }: Pick<BootPrograms, 'services' | 'untold'>,
  texts: ReadonlyMap<string, readonly UnitFile[]>
): readonly UnitFact[] {
  const pulled = new Map(pulls.map(each => [each.name, each]))
  const own = new Map(services.map(({ name, files }) => [name, files]))
  return states.map(({ name, names, load, after, before }): UnitFact => {
    const { requires = [], requisite = [], wants = [], bindsTo = [] } = pulled.get(name) ?? {}
    const files = own.get(name) ?? engineFiles(texts.get(name) ?? [], name)
    const said = (key: string) =>
      settingsOf(files)
        .filter(setting => setting.section === 'Unit' && setting.key === key)
        .flatMap(({ value }) => value.split(/\s+/).filter(Boolean))
    return {
      id: name,
      names: names.includes(name) ? names : [name, ...names],
      load: untold.includes(name) ? 'loaded' : load,
      relations: {
        requires,
        requisite,
        wants,
        bindsTo,
        partOf: said('PartOf'),
        conflicts: said('Conflicts'),
        after,
        before
      },
      files
    }
  })
}

function engineFiles(files: readonly UnitFile[], name: string): readonly UnitFile[] {
  const isEngine = startCommands(files, name).some(({ argv }) => baseName(argv[0] ?? '') === 'dockerd')
  return isEngine ? files : []
}

/** A program as `bootPrograms` read it: an empty text is a file that is no script. */
export function programFact({ path, text, why }: ProgramFile): FileFact {
  if (text === null) return why === gone ? { kind: 'missing' } : { kind: 'unseen', why }
  return textFact(path, text)
}

/** What a file holds, as it was read. */
export function textFact(path: string, text: string): FileFact {
  if (text === '') return { kind: 'opaque', why: `${path} is not a script`, executable: true }
  if (text.includes('\0') || text.includes('\ufffd'))
    return { kind: 'opaque', why: `${path} is not text`, executable: true }
  return { kind: 'text', text, executable: true }
}

/**
 * A program of the distribution: known by its name, and never read. Where one is only looked for in a folder that comes
 * before its own in PATH, it is taken not to be there.
 */
export function distributionFact(path: string): FileFact | null {
  if (!isSystemProgram(path)) return null
  return /^\/usr\/local\/s?bin\//.test(path)
    ? { kind: 'missing' }
    : { kind: 'opaque', why: `${path} belongs to the distribution`, executable: true }
}

export function dockerFact(
  services: readonly SwarmService[],
  containers: readonly StandaloneContainer[],
  networks: readonly DockerNetwork[]
): DockerFact {
  return {
    services: services.map(({ name, stack, template, labels, ports, mode }) => ({
      name,
      stack,
      image: template.image,
      labels,
      ports: ports.flatMap(({ protocol, port }) =>
        // What it is in the container is not asked for: nothing outside reaches it by that.
        protocol === 'tcp' || protocol === 'udp' ? [{ protocol, port, target: 0 }] : []
      ),
      replicas: mode.kind === 'replicated' ? mode.replicas : null
    })),
    containers: containers.map(container => ({ ...container, comesBack: null })),
    networks: networks.map(({ name, driver, subnets }) => ({
      name,
      driver,
      subnets: subnets.map(({ subnet }) => subnet)
    }))
  }
}

/** The same host with a unit that its boot starts, in any case. */
export function withUnit(facts: RehearsalFacts, { unit, files, programs }: UnitPrograms): RehearsalFacts {
  const known = facts.units.find(({ id }) => id === unit.name)
  const relations = known?.relations ?? {
    requires: [],
    requisite: [],
    wants: unit.pulls,
    bindsTo: [],
    partOf: [],
    conflicts: [],
    after: unit.after,
    before: unit.before
  }
  const names = unit.names.includes(unit.name) ? unit.names : [unit.name, ...unit.names]
  const own: UnitFact = { id: unit.name, names, load: unit.load, relations, files }
  const others = facts.units.filter(({ id }) => id !== unit.name)
  const wanting = others.map(other =>
    other.names.includes('default.target') && !other.relations.wants.includes(unit.name)
      ? { ...other, relations: { ...other.relations, wants: [...other.relations.wants, unit.name] } }
      : other
  )
  const read = programs.map(file => [file.path, programFact(file)] as const)
  return withFiles({ ...facts, units: [...wanting, own] }, read)
}

/** With more files than before. */
export function withFiles(
  facts: RehearsalFacts,
  files: readonly (readonly [path: string, fact: FileFact])[]
): RehearsalFacts {
  return { ...facts, files: { ...facts.files, ...Object.fromEntries(files) } }
}
