/**
 * The word of a list that someone who typed `word` most likely meant, or null where none is near.
 * Distance is counted in letters to add, drop, change or swap.
 */
export function nearest(word: string, words: Iterable<string>): string | null {
  let best: { readonly word: string; readonly distance: number } | null = null
  const typed = word.slice(0, 80).toLowerCase()
  for (const candidate of words) {
    const distance = letters(typed, candidate.toLowerCase())
    const near = distance <= Math.max(1, Math.floor(Math.max(typed.length, candidate.length) / 3))
    if (near && (best === null || distance < best.distance)) best = { word: candidate, distance }
  }
  return best?.word ?? null
}

/** `, did you mean \`x\`?`, or nothing. */
export function didYouMean(word: string, words: Iterable<string>): string {
  const near = nearest(word, words)
  return near === null ? '' : `, did you mean \`${near}\`?`
}

function letters(a: string, b: string): number {
  let before: number[] = []
  let last = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let i = 1; i <= a.length; i += 1) {
    const row = [i]
    for (let j = 1; j <= b.length; j += 1) {
      const same = a[i - 1] === b[j - 1]
      let cost = Math.min((last[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, (last[j - 1] ?? 0) + (same ? 0 : 1))
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]
      if (swapped) cost = Math.min(cost, (before[j - 2] ?? 0) + 1)
      row.push(cost)
    }
    before = last
    last = row
  }
  return last[b.length] ?? 0
}
