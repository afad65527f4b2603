/** A piece of a paragraph. */
export interface Span {
  readonly kind: 'text' | 'code' | 'strong' | 'emphasis' | 'break'
  readonly text: string
}

const marks = ['**', '__', '*', '_'] as const

type Mark = (typeof marks)[number]

/**
 * The pieces of a paragraph: code, bold, emphasis and line breaks; all else is the text that it is. One walk: where a
 * mark ends is looked up among the places that were found before, so that no text makes it go back.
 */
export function spansOf(text: string): readonly Span[] {
  const runs = tickRuns(text)
  const ends = new Map<Mark, { readonly places: readonly number[]; next: number }>(
    marks.map(mark => [mark, { places: endsOf(text, mark), next: 0 }])
  )
  const found: Span[] = []
  let plain = ''
  let at = 0
  const flush = () => {
    if (plain !== '') found.push({ kind: 'text', text: plain })
    plain = ''
  }

  while (at < text.length) {
    const sign = text.charAt(at)
    if (sign === '`') {
      const span = runs.spanAt(at)
      if (span === null) {
        const length = runs.lengthAt(at)
        plain += text.slice(at, at + length)
        at += length
        continue
      }
      flush()
      found.push({ kind: 'code', text: unpadded(text.slice(span.start, span.end)) })
      at = span.after
      continue
    }
    if (sign === '\\' && /[!-/:-@[-`{-~]/.test(text.charAt(at + 1))) {
      plain += text.charAt(at + 1)
      at += 2
      continue
    }
    if (sign === '\n' || (sign === ' ' && text.startsWith('  \n', at))) {
      if (sign === '\n') plain += '\n'
      else {
        flush()
        found.push({ kind: 'break', text: '' })
      }
      at += sign === '\n' ? 1 : 3
      continue
    }
    const mark = sign === '*' || sign === '_' ? markAt(text, at) : null
    const end = mark === null ? null : endAfter(ends.get(mark), at + mark.length)
    if (mark !== null && end !== null) {
      flush()
      const inside = text.slice(at + mark.length, end)
      found.push({ kind: mark.length === 2 ? 'strong' : 'emphasis', text: inside })
      at = end + mark.length
      continue
    }
    plain += sign
    at += 1
  }
  flush()
  return found
}

/** A mark that can begin something: something stands behind it, and no word before it. */
function markAt(text: string, at: number): Mark | null {
  const mark = marks.find(each => text.startsWith(each, at)) ?? null
  if (mark === null || /^\s?$/.test(text.charAt(at + mark.length))) return null
  return /\w/.test(text.charAt(at - 1)) ? null : mark
}

/** Where the mark can end something: something stands before it, and no word behind it. */
function endsOf(text: string, mark: Mark): readonly number[] {
  const places: number[] = []
  for (let at = text.indexOf(mark, 1); at >= 0; at = text.indexOf(mark, at + mark.length)) {
    const ends = !/\s/.test(text.charAt(at - 1)) && !/\w/.test(text.charAt(at + mark.length))
    // A single sign is not half of a double one.
    const whole = mark.length === 2 || (text.charAt(at - 1) !== mark && text.charAt(at + 1) !== mark)
    if (ends && whole) places.push(at)
  }
  return places
}

function endAfter(
  ends: { readonly places: readonly number[]; next: number } | undefined,
  from: number
): number | null {
  if (ends === undefined) return null
  while ((ends.places[ends.next] ?? Number.POSITIVE_INFINITY) <= from) ends.next += 1
  return ends.places[ends.next] ?? null
}

/** One blank on both sides belongs to the marks, as in `` ` `` `. */
function unpadded(code: string): string {
  const line = code.replaceAll('\n', ' ')
  return line.length > 2 && line.startsWith(' ') && line.endsWith(' ') && line.trim() !== ''
    ? line.slice(1, -1)
    : line
}

/** The rows of backticks of a text. A row begins code where another of its length follows, which ends it. */
function tickRuns(text: string): {
  lengthAt(at: number): number
  spanAt(at: number): { readonly start: number; readonly end: number; readonly after: number } | null
} {
  const lengths = new Map<number, number>()
  const byLength = new Map<number, { readonly places: number[]; next: number }>()
  for (const { index, 0: run } of text.matchAll(/`+/g)) {
    lengths.set(index, run.length)
    const same = byLength.get(run.length) ?? { places: [], next: 0 }
    same.places.push(index)
    byLength.set(run.length, same)
  }
  return {
    lengthAt: at => lengths.get(at) ?? 1,
    spanAt(at) {
      const length = lengths.get(at) ?? 0
      const same = byLength.get(length)
      if (same === undefined) return null
      while ((same.places[same.next] ?? Number.POSITIVE_INFINITY) <= at) same.next += 1
      const end = same.places[same.next]
      return end === undefined ? null : { start: at + length, end, after: end + length }
    }
  }
}
