/** Names that stand once in a commit, in this order; parents come between tree and author. */
const first = ['tree', 'author', 'committer'] as const
const signatures: readonly string[] = ['gpgsig', 'gpgsig-sha256']
const person = /^[^<>\0]*<[^<>\0]*> \d{1,12} [+-]\d{4}$/

/**
 * Why a signed commit object is not one that git writes, or null. git checks a signature against the first
 * `committer` of a header and prints the last: a key that has expired signs well under one date and is read
 * under another. A second signature header is covered by no signature, and nothing behind a NUL is printed.
 */
export function headerFault(commit: Uint8Array): string | null {
  const text = Buffer.from(commit).toString('latin1')
  if (text.includes('\0')) return 'it holds a NUL byte'
  const header = text.split('\n\n', 1)[0] ?? ''
  const lines = header.split('\n').filter(line => !line.startsWith(' '))
  const names = lines.map(line => line.split(' ', 1)[0] ?? '')
  const order = names.filter(name => name !== 'parent').slice(0, first.length)
  if (first.some((name, at) => order[at] !== name)) return 'its header is not in the order of git'
  if (names.lastIndexOf('parent') > names.indexOf('author')) return 'its header is not in the order of git'
  const once = names.filter(name => name !== 'parent' && name !== 'mergetag')
  const twice = once.find((name, at) => once.indexOf(name) !== at)
  if (twice !== undefined) return `its header says ${JSON.stringify(twice)} twice`
  if (once.filter(name => signatures.includes(name)).length > 1) return 'it carries two signatures'
  for (const name of ['author', 'committer'] as const) {
    const line = lines.find(one => one.startsWith(`${name} `)) ?? ''
    if (!person.test(line.slice(name.length + 1))) return `its ${name} and date are not as git writes them`
  }
  return null
}
