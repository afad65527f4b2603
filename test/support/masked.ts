/** A text without what differs from run to run: times, shas, digests, ids, addresses that an engine hands out. */
export function masked(text: string): string {
  const same = text
    .replaceAll(/\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z| UTC)?/g, '<time>')
    .replaceAll(/\d{8}T\d{6}Z/g, '<stamp>')
    .replaceAll(/sha256:[0-9a-f]{64}/g, '<digest>')
    .replaceAll(/\/nix\/store\/[0-9a-z]{32}/g, '/nix/store/<hash>')
    .replaceAll(/\b[0-9a-f]{40}\b/g, '<sha>')
    .replaceAll(/(?<=`)[0-9a-f]{7}(?=`)/g, '<sha>')
    .replaceAll(/(?<=-)(?:[0-9a-f]{12}-)?[0-9a-f]{8}(?=\.json)/g, '<sha>')
    .replaceAll(/\b[0-9a-f]{64}\b|\b(?=[0-9a-z]*\d)[0-9a-z]{12}\b|\b(?=[0-9a-z]*\d)[0-9a-z]{25}\b/g, '<id>')
    // One in fifty has no digit: there it is told by what stands behind it.
    .replaceAll(/\b[0-9a-z]{12}(?=… \(\d+ ids\))/g, '<id>')
    .replaceAll(/(?:<id>(?:, | )?)+/g, '<ids> ')
    .replaceAll(/\b(?:10\.\d+\.\d+\.\d+|fe80::[0-9a-f:]+)(?=[/ ,;)`]|$)/gm, '<address>')
    .replaceAll(/\/[^\s`]*\/(?:remote\.git|ca\.pem)/g, '<path>')
    .replaceAll(/\b\d+(?:\.\d+)? (?:µs|ms|s|min|h|days?)\b/g, '<duration>')
    .replaceAll(/\(its clock[^)]*\)/g, '(<clock>)')
    .replaceAll(/\b\d+ units\b/g, '<n> units')
    // One line a check: how many units are loaded, what is free, and the like.
    .replaceAll(/^- [✓✗?–~] .*$/gm, line => line.replaceAll(/\d+/g, '<n>'))
    .replaceAll(/(?:\b(?:\d+|<n>)\/(?:udp|tcp)(?:, )?)+/g, '<ports>')
  // Lists stand in the order of the addresses that the engine happened to hand out.
  return same.replaceAll(/(?:^→ .*\n)+/gm, lines => `${lines.trimEnd().split('\n').sort().join('\n')}\n`)
}
