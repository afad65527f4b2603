import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { sha256 } from '../lib/canonical.ts'
import { AdversaryError } from '../lib/errors.ts'
import { nowMs } from '../os/clock.ts'
import type { Algorithm } from './raw/pack.ts'
import { BrokenClone, runGit } from './process.ts'
import type { Remote } from './remote.ts'

/** The clone as a folder: made, found broken, made anew, swept. */

/** Nobody holds a lock this long. */
const staleLockMs = 60_000
/** No fetch and no write takes this long: longer than the deadline of a fetch. */
const staleWorkMs = 20 * 60_000

/**
 * An empty bare repository with nothing in it but what we put there. It is made aside and moved into its
 * place whole, since another process of the same home may do the same.
 *
 * @param algorithm of a clone that has to be made: that of the remote.
 * @throws AdversaryError `repository` where this machine has no room for it, or no right to it.
 */
export async function prepare(
  dir: string,
  remote: Remote,
  algorithm: Algorithm,
  signal: AbortSignal | undefined
): Promise<Clone> {
  try {
    return await made(dir, remote, algorithm, signal)
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && typeof error.code === 'string')) throw error
    throw new AdversaryError('repository', `${dir} cannot hold a clone: ${error.message}`, {
      cause: error,
      hint: 'free disk space, or make this account the owner of the folder; it may be deleted at any time'
    })
  }
}

export interface Clone {
  /** Tells this clone from one that was made in its place. */
  readonly ino: number
  /** It was not there before, or not whole. */
  readonly anew: boolean
}

async function made(
  dir: string,
  remote: Remote,
  algorithm: Algorithm,
  signal: AbortSignal | undefined
): Promise<Clone> {
  let anew = false
  const whose = sha256(remote.url)
  await mkdir(dirname(dir), { recursive: true, mode: 0o755 })
  for (let tries = 0; tries < 5; tries++) {
    const mark = join(dir, 'adversary-remote')
    const found = await inode(dir)
    const marked = await readFile(mark, 'utf8').catch((error: NodeJS.ErrnoException) => {
      // What cannot be read now (no descriptor left, no right) may be whole all the same, and holds what was seen last.
      if (error.code !== 'ENOENT' && error.code !== 'ENOTDIR') throw error
      return ''
    })
    if (marked === whose && (await usable(dir, signal))) {
      const ino = await tidied(dir, mark, whose)
      if (ino !== null) return { ino, anew }
      continue
    }
    if (found !== null) await discard(dir, found)
    anew = true
    const fresh = await mkdtemp(`${dir}.new-`)
    const words = ['init', '--quiet', '--bare', '--template=', '--initial-branch=main']
    const ran = await runGit(fresh, [...words, `--object-format=${algorithm}`], { signal })
    if (ran.code !== 0) {
      throw new AdversaryError('repository', `${dir} cannot hold a clone: ${ran.stderr.trim()}`)
    }
    await writeFile(join(fresh, 'adversary-remote'), whose, { mode: 0o600 })
    // Fails where another process was faster; then its clone is looked at.
    await rename(fresh, dir).catch(() => rm(fresh, { recursive: true, force: true }))
  }
  throw new AdversaryError('repository', `${dir} cannot hold a clone`)
}

/** Sweeps a clone that is in use. */
export async function tidy(dir: string, remote: Remote): Promise<void> {
  await tidied(dir, join(dir, 'adversary-remote'), sha256(remote.url))
}

/** Sweeps the clone and says which one it is; null where another process put a new one in its place meanwhile. */
async function tidied(dir: string, mark: string, whose: string): Promise<number | null> {
  try {
    await sweep(dir, await fileSystemNow(mark, whose))
    return (await stat(dir)).ino
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null
    throw error
  }
}

/** What the file system calls now, in milliseconds: the mark is written again for it. */
async function fileSystemNow(mark: string, whose: string): Promise<number> {
  // Beside it first: another process that reads the mark reads all of it.
  const fresh = `${mark}.new-${randomBytes(6).toString('hex')}`
  try {
    await writeFile(fresh, whose, { mode: 0o600 })
    await rename(fresh, mark)
  } catch (error) {
    await rm(fresh, { force: true })
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOSPC')) throw error
    // Sweeping is what makes room; our own clock is good enough for that.
    return nowMs()
  }
  return (await stat(mark)).mtimeMs
}

/** What git's own upkeep begins at: loose objects, of which every 256th lies in this folder, and packs. */
const crowd = { loose: 27, packs: 50 } as const

/** Whether git would find something to do. It finds that out in a process of its own, at each fetch. */
export async function isCrowded(dir: string): Promise<boolean> {
  const [loose, packs] = await Promise.all(
    ['17', 'pack'].map(name => readdir(join(dir, 'objects', name)).catch((): readonly string[] => []))
  )
  return (
    (loose ?? []).length >= crowd.loose ||
    (packs ?? []).filter(name => name.endsWith('.pack')).length >= crowd.packs
  )
}

/** Whether a server has kept anything back. */
export async function isPartial(dir: string): Promise<boolean> {
  const names = await readdir(join(dir, 'objects', 'pack'))
  return names.some(name => name.endsWith('.promisor'))
}

/**
 * Takes one clone away, by its inode, and no other that was put in its place. Out of the way first: a process
 * that is still reading finds either all of it or nothing.
 */
export async function discard(dir: string, ino: number): Promise<void> {
  if ((await inode(dir)) !== ino) return
  const aside = `${dir}.old-${randomBytes(6).toString('hex')}`
  const moved = await rename(dir, aside).then(
    () => true,
    () => false
  )
  if (!moved) return
  // Between the look and the move another process was faster: its clone goes back, unless there is a newer one.
  if ((await inode(aside)) !== ino) await rename(aside, dir).catch(() => undefined)
  await rm(aside, { recursive: true, force: true })
}

async function inode(path: string): Promise<number | null> {
  return stat(path).then(
    ({ ino }) => ino,
    () => null
  )
}

async function usable(dir: string, signal: AbortSignal | undefined): Promise<boolean> {
  const ran = await runGit(dir, ['for-each-ref', '--format=%(objecttype)', 'refs/remotes'], { signal }).catch(
    error => {
      if (error instanceof BrokenClone) return null
      throw error
    }
  )
  const strange = [
    join(dir, 'info', 'grafts'),
    join(dir, 'shallow'),
    join(dir, 'objects', 'info', 'alternates')
  ]
  return ran?.code === 0 && ran.stderr === '' && !strange.some(path => existsSync(path))
}

/**
 * A process that was killed leaves locks, half-made clones and halves of objects and packs, which git itself
 * keeps for two weeks; one that is at work does not hold them this long.
 */
async function sweep(dir: string, now: number): Promise<void> {
  const inside = (await readdir(dir, { recursive: true })).map(name => join(dir, name))
  const beside = (await readdir(dirname(dir)))
    .filter(name => ['.new-', '.old-'].some(kind => name.startsWith(basename(dir) + kind)))
    .map(name => join(dirname(dir), name))
  const left: readonly (readonly [path: string, staleMs: number])[] = [
    ...inside.filter(path => path.endsWith('.lock')).map(path => [path, staleLockMs] as const),
    ...inside.filter(isHalf).map(path => [path, staleWorkMs] as const),
    ...beside.map(path => [path, staleWorkMs] as const)
  ]
  for (const [path, staleMs] of left) {
    const found = await stat(path).catch(() => null)
    if (found !== null && now - found.mtimeMs > staleMs) await rm(path, { recursive: true, force: true })
  }
}

function isHalf(path: string): boolean {
  const name = basename(path)
  return name.startsWith('tmp_') || /^adversary-.*\.new-/.test(name)
}
