/** Whether it is a path inside a repo: relative, `/` between its parts, no part empty, `.`, `..` or `.git`. */
export function isRepoPath(path: string): boolean {
  if (/[\p{C}\\\u2028\u2029]/u.test(path)) return false
  return path.split('/').every(part => part !== '' && part !== '.' && part !== '..' && !isDotGit(part))
}

/** The names under which file systems that fold case, of NTFS and of HFS+ (which overlooks some letters) reach `.git`. */
export function isDotGit(part: string): boolean {
  return /^(?:\.git|git~1)[ .]*(?:$|:)/i.test(
    part.replace(/[\u200c-\u200f\u202a-\u202e\u206a-\u206f\ufeff]/g, '')
  )
}
