/** Everything that can be reached from these commits, themselves included. */
export function reachable(
  from: readonly string[],
  parents: ReadonlyMap<string, readonly string[]>
): ReadonlySet<string> {
  const found = new Set<string>()
  const open = [...from]
  for (let sha = open.pop(); sha !== undefined; sha = open.pop()) {
    if (found.has(sha)) continue
    found.add(sha)
    open.push(...(parents.get(sha) ?? []))
  }
  return found
}
