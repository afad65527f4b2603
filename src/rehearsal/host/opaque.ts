import type { BootRehearsal } from './boot-rehearsal.ts'
import { placeText } from './boot-timeline.ts'

/** Start programs of a rehearsed boot that may have brought up anything, as sentences. Pure. */
export function opaquePrograms({ answer }: BootRehearsal): readonly string[] {
  if (answer === null) return []
  if ('unknown' in answer) return [answer.unknown]
  const budget = answer.boot.ended === 'budget' ? ['the rest of a boot whose rehearsal was stopped'] : []
  const programs = answer.unknowns
    .filter(({ kind }) => kind === 'program' || kind === 'limits')
    .map(
      ({ name, unit, place, why }) =>
        `${name} of ${unit}${place === null ? '' : ` (${placeText(place)})`}: ${why}`
    )
  return [...new Set([...budget, ...programs])]
}
