/** Places of reads that are no hosts. */
export const elsewhere: ReadonlySet<string> = new Set(['repo', 'web', 'record'])

/**
 * Where a check was looked at: a route is asked by the reviewer, whatever host the plan names.
 *
 * @param places of its reads.
 * @param on the host that the check names, or `repo`.
 */
export function placeOf(places: readonly string[], on: string): string {
  const hosts = [...new Set(places)].filter(place => !elsewhere.has(place))
  const web = places.includes('web') ? ['from the reviewer'] : []
  const found = [...hosts.map(host => `on ${host}`), ...web]
  if (found.length > 0) return found.join(' and ')
  return on === 'repo' || places.length > 0 ? 'in the repository' : `on ${on}`
}
