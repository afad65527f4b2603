/** A commit as far as its place in the history goes. */
export interface Lineage {
  readonly sha: string
  readonly parents: readonly string[]
}

/**
 * For each commit of `asking`: which items are in its history, those of the commit itself excluded.
 *
 * @param history parents before children.
 * @param items by the commit that they are in.
 */
export function itemsBehind<Item>(
  history: readonly Lineage[],
  items: ReadonlyMap<string, readonly Item[]>,
  asking: ReadonlySet<string>
): ReadonlyMap<string, ReadonlySet<Item>> {
  const answers = new Map<string, ReadonlySet<Item>>()
  if (items.size === 0 || asking.size === 0) return answers
  const none: ReadonlySet<Item> = new Set()
  // Up to a commit and itself. Commits between two items share one set.
  const upTo = new Map<string, ReadonlySet<Item>>()
  for (const { sha, parents } of history) {
    if (upTo.has(sha)) continue
    let behind = none
    for (const parent of parents) behind = union(behind, upTo.get(parent) ?? none)
    if (asking.has(sha)) answers.set(sha, behind)
    const own = items.get(sha)
    upTo.set(sha, own === undefined ? behind : new Set([...behind, ...own]))
  }
  return answers
}

function union<Item>(a: ReadonlySet<Item>, b: ReadonlySet<Item>): ReadonlySet<Item> {
  const [more, fewer] = a.size >= b.size ? [a, b] : [b, a]
  if (more === fewer || [...fewer].every(item => more.has(item))) return more
  return new Set([...more, ...fewer])
}
