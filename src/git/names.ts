import { AdversaryError } from '../lib/errors.ts'

/** Names that go to git and come from it. */

export function isSha(word: string): boolean {
  return /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/.test(word)
}

/** @throws AdversaryError `usage` for a name that git would not take as a branch. */
export function refOf(branch: string): string {
  const bad = /(?:^[-./]|\.\.|[\p{C}\s~^:?*[\\]|@\{|\/\/|\/\.|[/.]$|\.lock(?:\/|$))/u
  if (branch === '' || branch === '@' || bad.test(branch)) {
    throw new AdversaryError('usage', `${JSON.stringify(branch)} is not a branch name`)
  }
  return `refs/heads/${branch}`
}

/** @throws AdversaryError `usage` for a path that leaves the tree or means git's own folder. */
export function pathNames(path: string): readonly string[] {
  const names = path.split('/')
  if (
    names.some(name => name === '' || name === '.' || name === '..' || name.toLowerCase() === '.git') ||
    /\p{Cc}/u.test(path)
  ) {
    throw new AdversaryError('usage', `${JSON.stringify(path)} is not the path of a file in a repository`)
  }
  return names
}

export function kindOf(mode: string): string {
  const kinds: Readonly<Record<string, string>> = {
    '120000': 'a symlink',
    '160000': 'a submodule',
    '40000': 'a folder'
  }
  return kinds[mode] ?? (/^100\d{3}$/.test(mode) ? 'a file' : `an entry of mode ${mode}`)
}
