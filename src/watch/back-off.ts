/** How long what failed is left alone. */

/** Twice as long as before, from the first pause to the longest. Milliseconds. */
export function doubled(before: number | undefined, firstMs: number, mostMs: number): number {
  return Math.min(before === undefined ? firstMs : before * 2, mostMs)
}

/** Up to a quarter longer: watchers that lost the same host or remote at once must not come back in step. */
export function jittered(ms: number, random: () => number = Math.random): number {
  return ms * (1 + random() / 4)
}
