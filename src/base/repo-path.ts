/** Whether it is a path inside a repo: relative, `/` between its parts, no part empty, `.`, `..` or `.git`. */
export function isRepoPath(path: string): boolean {
  if (/[\p{C}\\\u2028\u2029]/u.test(path)) return false
  return path.split('/').every(part => part !== '' && part !== '.' && part !== '..' && !isDotGit(part))
}

/** The names under which case-folding and NTFS file systems reach `.git`. */
function isDotGit(part: string): boolean {
  return /^(?:\.git|git~1)[ .]*$/i.test(part)
}
