import { defaultPatterns } from '../record/claim.ts'

/**
 * The gate that was meant by a name such as `p1_M1` or `P1-M1`: another spelling of one that is known, or of one that the
 * default grammar allows. Null for a name that may be right: it fits the grammar, or a claim carries it, since the
 * grammar is a setting that the gate knows only from what is signed.
 *
 * @param known phases with their milestones, as they are signed.
 */
export function misspelt(
  gate: string,
  known: ReadonlyMap<string, ReadonlySet<string>>,
  branches: readonly { readonly record: { readonly history: readonly { readonly subject: string }[] } }[]
): string | null {
  if (isMilestone(gate)) return null
  const claimed = branches.some(({ record }) =>
    record.history.some(
      ({ subject }) => subject.startsWith(`claim(${gate})`) || subject.startsWith(`claim(${gate}-`)
    )
  )
  if (claimed) return null
  const milestones = [...known].flatMap(([phase, its]) => [...its].map(milestone => `${phase}-${milestone}`))
  const same = milestones.find(name => bare(name) === bare(gate))
  if (same !== undefined) return same
  // What looks like the name of a phase may be that of one which is not claimed yet.
  if (defaultPatterns.phase.test(gate)) return null
  const phase = [...known.keys()].find(name => bare(name) === bare(gate))
  if (phase !== undefined) return phase
  return [...milestones, ...known.keys()].every(name => isMilestone(name) || defaultPatterns.phase.test(name))
    ? inGrammar(gate)
    : null
}

function isMilestone(name: string): boolean {
  const hyphen = name.lastIndexOf('-')
  const { phase, milestone } = defaultPatterns
  return phase.test(name.slice(0, hyphen)) && milestone.test(name.slice(hyphen + 1))
}

/** Case and the mark between phase and milestone are what is mistyped; a dot is part of a milestone's number. */
function bare(name: string): string {
  return name.toLowerCase().replaceAll(/[_-]/g, '')
}

function inGrammar(gate: string): string | null {
  if (defaultPatterns.milestone.test(gate)) return null
  const apart = /^(?<phase>[\w-]*[A-Za-z0-9])[_-]+(?<milestone>[A-Za-z]{1,4}\d+(?:\.\d+)*)$/
  const joined = /^(?<phase>[\w-]*[a-z0-9])(?<milestone>[A-Z]{1,4}\d+(?:\.\d+)*)$/
  const parts = (apart.exec(gate) ?? joined.exec(gate))?.groups
  const phase = (parts?.['phase'] ?? gate).toLowerCase().replaceAll('_', '-')
  if (!defaultPatterns.phase.test(phase)) return null
  return parts === undefined ? phase : `${phase}-${(parts['milestone'] ?? '').toUpperCase()}`
}
