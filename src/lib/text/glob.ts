/**
 * Whether a whole text matches a glob: `*` is any run of characters, `?` one, `[abc]`, `[a-z]`, `[!a]` and
 * `[^a]` one of a class; a backslash takes the next character literally. A `[` without its `]` is itself.
 * There is no backtracking into a tree: the time is at most the text's length times the glob's.
 */
export function globMatches(glob: string, text: string): boolean {
  const steps = stepsOf(glob)
  const characters = [...text]
  let step = 0
  let at = 0
  // Where the newest star stands and how far it has eaten: the only place to come back to.
  let star = -1
  let eaten = 0
  while (at < characters.length) {
    const wanted = steps[step]
    if (wanted === 'any run') {
      star = step
      eaten = at
      step += 1
    } else if (wanted?.(characters[at] ?? '') === true) {
      step += 1
      at += 1
    } else if (star >= 0) {
      eaten += 1
      at = eaten
      step = star + 1
    } else return false
  }
  while (steps[step] === 'any run') step += 1
  return step === steps.length
}

/** Whether any of the globs matches. */
export function anyGlobMatches(globs: readonly string[], text: string): boolean {
  return globs.some(glob => globMatches(glob, text))
}

/** A text that the glob matches, for showing that a check can fail. Never empty, unless only that matches. */
export function textLike(glob: string): string {
  const steps = stepsOf(glob)
  const text = steps.map(step => (step === 'any run' ? '' : (samples.find(step) ?? ''))).join('')
  return text === '' && steps.length > 0 ? 'x' : text
}

/** Every character that a class can tell apart in practice, plainest first. */
const samples = [
  'x',
  ...Array.from({ length: 0x2000 - 0x20 }, (_, index) => String.fromCodePoint(index + 0x20))
]

type Step = 'any run' | ((character: string) => boolean)

function stepsOf(glob: string): readonly Step[] {
  const steps: Step[] = []
  const characters = [...glob]
  for (let at = 0; at < characters.length; at += 1) {
    const character = characters[at] ?? ''
    if (character === '*') {
      if (steps.at(-1) !== 'any run') steps.push('any run')
    } else if (character === '?') steps.push(() => true)
    else if (character === '\\' && at + 1 < characters.length) {
      at += 1
      steps.push(literal(characters[at] ?? ''))
    } else if (character === '[') {
      const end = classEnd(characters, at)
      steps.push(end === null ? literal('[') : oneOf(characters.slice(at + 1, end)))
      at = end ?? at
    } else steps.push(literal(character))
  }
  return steps
}

function literal(wanted: string): Step {
  return character => character === wanted
}

/** A `]` right after the opening (or its negation) is a member, as in a shell. */
function classEnd(characters: readonly string[], open: number): number | null {
  const first = characters[open + 1]
  const from = open + (first === '!' || first === '^' ? 3 : 2)
  const end = characters.indexOf(']', from)
  return end === -1 ? null : end
}

function oneOf(members: readonly string[]): Step {
  const negated = members[0] === '!' || members[0] === '^'
  const list = negated ? members.slice(1) : members
  const ranges: (readonly [string, string])[] = []
  for (let at = 0; at < list.length; at += 1) {
    const from = list[at] ?? ''
    const to = list[at + 2]
    if (list[at + 1] === '-' && to !== undefined) {
      ranges.push([from, to])
      at += 2
    } else ranges.push([from, from])
  }
  return character => ranges.some(([from, to]) => from <= character && character <= to) !== negated
}
