import { settingsOf } from '../../systems/languages/unit-file.ts'
import type { UnitFact } from '../rehearsal-facts.ts'
import type { HostFiles } from './file-model.ts'

/** Whether a unit's conditions hold; `unknown` names the first one that cannot be told. */
export interface Conditions {
  readonly met: boolean
  readonly isAssert: boolean
  readonly failed: string | null
  readonly unknown: string | null
}

const met: Conditions = { met: true, isAssert: false, failed: null, unknown: null }

/** Judges `Condition…=` and `Assert…=` as systemd does: all of them, and one at least of those with a `|`. */
export async function conditionsOf(
  unit: UnitFact,
  files: HostFiles,
  specifiers: (value: string) => string
): Promise<Conditions> {
  for (const kind of ['Condition', 'Assert'] as const) {
    const all: { readonly text: string; readonly triggers: boolean; readonly value: boolean | null }[] = []
    for (const { section, key, value } of settingsOf(unit.files)) {
      if (section !== 'Unit' || !key.startsWith(kind)) continue
      // An empty value takes back every condition before it.
      if (value === '') {
        all.length = 0
        continue
      }
      const [, marks = '', rest = ''] = /^([|!]*)\s*(.*)$/s.exec(value) ?? []
      const plain = await holds(key.slice(kind.length), specifiers(rest), files)
      const turned = plain === null ? null : marks.includes('!') ? !plain : plain
      all.push({ text: `${key}=${value}`, triggers: marks.includes('|'), value: turned })
    }
    const must = all.filter(({ triggers }) => !triggers)
    const any = all.filter(({ triggers }) => triggers)
    const isAssert = kind === 'Assert'
    const failed = must.find(({ value }) => value === false)
    if (failed !== undefined) return { met: false, isAssert, failed: failed.text, unknown: null }
    if (any.length > 0 && any.every(({ value }) => value === false))
      return { met: false, isAssert, failed: any.map(({ text }) => text).join(', '), unknown: null }
    const open =
      must.find(({ value }) => value === null) ??
      (any.some(({ value }) => value === true) ? undefined : any.find(({ value }) => value === null))
    if (open !== undefined) return { met: true, isAssert, failed: null, unknown: open.text }
  }
  return met
}

async function holds(what: string, value: string, files: HostFiles): Promise<boolean | null> {
  switch (what) {
    case 'PathExists':
    case 'PathExistsGlob': {
      if (/[*?[]/.test(value)) return null
      const { kind } = await files.look(value)
      return kind === 'unknown' ? null : kind !== 'missing'
    }
    case 'PathIsDirectory': {
      const { kind } = await files.look(value)
      return kind === 'unknown' ? null : kind === 'folder'
    }
    case 'FileNotEmpty': {
      const found = await files.look(value)
      if (found.kind === 'unknown') return null
      return found.kind === 'text' ? found.text !== '' : found.kind === 'opaque'
    }
    case 'FileIsExecutable': {
      const found = await files.look(value)
      if (found.kind === 'unknown' || found.kind === 'opaque') return null
      return found.kind === 'text' && found.executable
    }
    default:
      return null
  }
}
