/** Everything that can be reached from these, themselves included: commits by their parents, units by what they start after. */
export function reachable(
  from: readonly string[],
  next: ReadonlyMap<string, readonly string[]>
): ReadonlySet<string> {
  const found = new Set<string>()
  const open = [...from]
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    if (found.has(name)) continue
    found.add(name)
    open.push(...(next.get(name) ?? []))
  }
  return found
}
