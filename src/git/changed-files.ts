import { BrokenClone, runGit } from './process.ts'

/** How many bytes of changed names, and of one file's story, git may answer. */
const answerCap = 4 * 1024 * 1024

/** Paths whose entries differ between two commits; contents are not diffed, so no driver is asked. */
export async function changedFiles(
  dir: string,
  from: string,
  to: string,
  signal: AbortSignal | undefined
): Promise<readonly { readonly path: string; readonly wasFile: boolean; readonly isFile: boolean }[]> {
  const words = ['diff-tree', '-r', '-z', '--raw', '--no-renames', '--no-ext-diff', '--no-textconv', from, to]
  const ran = await runGit(dir, words, { signal, capBytes: answerCap })
  if (ran.code !== 0) throw new BrokenClone(`the history cannot be read: ${ran.stderr.trim()}`)
  const fields = ran.stdout.toString().split('\0')
  const files = []
  for (let at = 0; at + 1 < fields.length; at += 2) {
    const [, was = '', is = ''] = /^:(\d{6}) (\d{6}) /.exec(fields[at] ?? '') ?? []
    files.push({ path: fields[at + 1] ?? '', wasFile: was.startsWith('100'), isFile: is.startsWith('100') })
  }
  return files
}

/**
 * Which commit of `from..to` brought each line of the file at `to`, by the line's number from 1. Older lines have
 * none. Null where git cannot tell: an old content may be too large for the clone.
 */
export async function lineCommits(
  dir: string,
  from: string,
  to: string,
  path: string,
  signal: AbortSignal | undefined
): Promise<ReadonlyMap<number, string> | null> {
  const words = ['blame', '--incremental', '--no-textconv', `${from}..${to}`, '--', path]
  const ran = await runGit(dir, words, { signal, capBytes: answerCap })
  if (ran.code !== 0) return null
  const commits = new Map<number, string>()
  const older = new Set<string>()
  const groups: { readonly sha: string; readonly first: number; readonly count: number }[] = []
  for (const line of ran.stdout.toString().split('\n')) {
    const [, sha = '', first, count] = /^([0-9a-f]{40,64}) \d+ (\d+) (\d+)$/.exec(line) ?? []
    if (sha !== '') groups.push({ sha, first: Number(first), count: Number(count) })
    // Said of a commit once, behind its first group.
    else if (line === 'boundary') older.add(groups.at(-1)?.sha ?? '')
  }
  for (const { sha, first, count } of groups)
    if (!older.has(sha)) for (let line = first; line < first + count; line++) commits.set(line, sha)
  return commits
}
