import { analysisBounds } from '../../lib/bounds.ts'
import { hostEffort } from '../../lib/effort.ts'
import { type FileRef, isSystemProgram, programRuns, type Texts } from '../programs/program-runs.ts'
import { isReadProgram } from '../../lib/secrets/readable-path.ts'
import { baseName } from '../programs/shell-runs.ts'
import {
  type ExecCommand,
  environmentOf,
  filesOfCat,
  startCommands,
  type UnitFile
} from '../languages/unit-file.ts'
import { type FactSource, type FactContext, Unseen } from '../../facts/fact.ts'
import { linuxPattern, linuxRead } from '../linux/reads.ts'
import { systemdPattern, systemdRead } from './reads.ts'
import { readState, readStates, stateReads, type UnitState, unitName } from './units.ts'

/** What a unit's start really runs, as bytes. */
export interface UnitPrograms {
  readonly unit: UnitState
  readonly files: readonly UnitFile[]
  readonly programs: readonly ProgramFile[]
}

/** A file that a start runs. */
export interface ProgramFile {
  readonly path: string
  /** Empty for a binary; null if it could not be read. */
  readonly text: string | null
  /** Why it could not be read; empty if it was. `gone` is a file that does not exist: it runs nothing. */
  readonly why: string
}

export const gone = 'no such file'

/** How far and how much is read. The first hop is the program that the unit names. */
const bounds = { files: 200, bytes: 2 * 1024 * 1024 } as const

const programReads = [linuxPattern.scriptText(), linuxPattern.fileText()]

/** One unit with its programs and the files that they run: the unit file, then two hops. */
export function unitPrograms(unit: string): FactSource<UnitPrograms> {
  const name = unitName(unit)
  return {
    key: `unit-programs ${name}`,
    place: 'host',
    reads: [stateReads([name]), systemdPattern.unitTexts([name]), ...programReads],
    async take(look) {
      const [state, cat] = await Promise.all([
        readState(look, name),
        look.read(systemdRead.unitTexts([name]))
      ])
      const [made] = assembled([state], cat.stdout)
      if (made?.files === null) throw new Unseen(`systemctl cat did not print the files of ${name}`)
      const files = made?.files ?? []
      // By its own name: `name` may be an alias, and specifiers speak of the unit.
      const root = { commands: startCommands(files, state.name), files, name: state.name }
      const programs = await readPrograms(look, [root], 2)
      return { unit: state, files, programs }
    }
  }
}

/** The services that are not the distribution's own, and the programs that start them, three hops deep. */
export interface BootPrograms {
  readonly services: readonly { readonly name: string; readonly files: readonly UnitFile[] }[]
  readonly programs: readonly ProgramFile[]
  /** Services whose unit files systemd names but does not print. */
  readonly untold: readonly string[]
}

export const bootPrograms: FactSource<BootPrograms> = {
  key: 'unit-programs',
  place: 'host',
  reads: [stateReads(['*']), systemdPattern.unitTexts(['*.service']), ...programReads],
  async take(look) {
    const [states, cat] = await Promise.all([
      readStates(look, ['*']),
      look.read(systemdRead.unitTexts(['*.service']))
    ])
    const all = assembled(states, cat.stdout).filter(
      ({ name, paths }) => name.endsWith('.service') && paths.some(path => !isSystemProgram(path))
    )
    const services = all.flatMap(({ name, files }) => (files === null ? [] : [{ name, files }]))
    const roots = services.map(({ name, files }) => ({ name, files, commands: startCommands(files, name) }))
    const untold = all.flatMap(({ name, files }) => (files === null ? [name] : []))
    return { services, programs: await readPrograms(look, roots, 3, true), untold }
  }
}

/**
 * Which text belongs to which unit, of all units whose files may be in the output; null for a unit whose files
 * systemd names but `cat` did not print.
 *
 * @throws Unseen where they have more words than are followed.
 */
export function assembled(states: readonly UnitState[], cat: string) {
  const texts = filesOfCat(cat, new Set(states.flatMap(({ files }) => files)))
  let ofHost = 0
  for (const { name, files } of states) {
    let ofUnit = 0
    for (const path of files) ofUnit += wordsIn(texts.get(path) ?? '')
    ofHost += ofUnit
    if (ofUnit > analysisBounds.unitWords)
      throw new Unseen(`the files of ${name} have more than ${analysisBounds.unitWords} words`)
    if (ofHost > analysisBounds.hostWords)
      throw new Unseen(`the unit files of the host have more than ${analysisBounds.hostWords} words`)
  }
  return states.flatMap(({ name, load, files }) => {
    if (load !== 'loaded' || files.length === 0) return []
    const found = files.flatMap(path => {
      const text = texts.get(path)
      return text === undefined ? [] : [{ path, text }]
    })
    return [{ name, paths: files, files: found.length === files.length ? found : null }]
  })
}

/** Without making them: there may be millions. */
function wordsIn(text: string): number {
  let words = 0
  let isInside = false
  for (let at = 0; at < text.length; at += 1) {
    const isWord = text.charCodeAt(at) > 32
    if (isWord && !isInside) words += 1
    isInside = isWord
  }
  return words
}

interface Root {
  readonly name: string
  readonly files: readonly UnitFile[]
  readonly commands: readonly ExecCommand[]
}

/** Reads what the commands run, one round for each hop. A file that cannot be read is a value, with the reason. */
async function readPrograms(
  look: FactContext,
  roots: readonly Root[],
  hops: number,
  stacks = false
): Promise<readonly ProgramFile[]> {
  const read = new Map<string, ProgramFile>()
  let bytes = 0
  for (let hop = 0; hop < hops; hop++) {
    const texts: Texts = new Map([...read].map(([path, { text }]) => [path, text]))
    const missing = new Map<string, FileRef>()
    const effort = hostEffort()
    for (const { commands, files, name } of roots) {
      const environment = environmentOf(files, name)
      for (const ref of programRuns(commands, texts, { hops, environment, stacks, effort }).missing)
        missing.set(ref.path, ref)
    }
    if (missing.size === 0) break
    const wanted = [...missing.values()].sort((a, b) => (a.path < b.path ? -1 : 1))
    const found = await Promise.all(
      wanted.map((ref, index) =>
        read.size + index >= bounds.files || bytes > bounds.bytes
          ? { path: ref.path, text: null, why: 'not read: too many programs' }
          : readProgram(look, ref)
      )
    )
    for (const file of found) {
      bytes += file.text?.length ?? 0
      read.set(file.path, file)
    }
  }
  return [...read.values()]
}

async function readProgram(look: FactContext, { path, executed }: FileRef): Promise<ProgramFile> {
  if (!isReadProgram(path)) return { path, text: null, why: 'not read: its name is not that of a program' }
  try {
    const { stdout } = await look.read(executed ? linuxRead.scriptText(path) : linuxRead.fileText(path))
    return { path, text: stdout, why: '' }
  } catch (error) {
    if (!(error instanceof Unseen)) throw error
    const why = /No such file or directory/.test(error.message) ? gone : `${baseName(path)}: ${error.message}`
    return { path, text: null, why }
  }
}
