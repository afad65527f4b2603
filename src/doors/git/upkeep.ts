import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { sha256 } from '../../base/canonical.ts'
import { AdversaryError } from '../../base/errors.ts'
import { runGit } from './process.ts'
import type { Remote } from './remote.ts'

/** The clone as a folder: made, found broken, made anew, swept. */

const staleMs = 60_000

/**
 * An empty bare repository with nothing in it but what we put there. It is made aside and moved into its
 * place whole, since another process of the same home may do the same.
 *
 * @returns what tells this clone from one that was made in its place.
 */
export async function prepare(dir: string, remote: Remote, signal: AbortSignal | undefined): Promise<number> {
  const whose = sha256(remote.url)
  await mkdir(dirname(dir), { recursive: true })
  for (let tries = 0; tries < 5; tries++) {
    const mark = join(dir, 'adversary-remote')
    const marked = await readFile(mark, 'utf8').catch(() => '')
    if (marked === whose && (await usable(dir, signal))) {
      const clone = await tidied(dir, mark, whose)
      if (clone !== null) return clone
      continue
    }
    await discard(dir)
    const made = await mkdtemp(`${dir}.new-`)
    const ran = await runGit(made, ['init', '--quiet', '--bare', '--template=', '--initial-branch=main'], {
      signal
    })
    if (ran.code !== 0) {
      throw new AdversaryError('repository', `${dir} cannot hold a clone: ${ran.stderr.trim()}`)
    }
    await writeFile(join(made, 'adversary-remote'), whose)
    // Fails where another process was faster; then its clone is looked at.
    await rename(made, dir).catch(() => rm(made, { recursive: true, force: true }))
  }
  throw new AdversaryError('repository', `${dir} cannot hold a clone`)
}

/** Sweeps the clone and says which one it is; null where another process put a new one in its place meanwhile. */
async function tidied(dir: string, mark: string, whose: string): Promise<number | null> {
  try {
    // Written again for its time: what the file system calls now.
    await writeFile(mark, whose)
    await sweep(dir, mark)
    return (await stat(dir)).ino
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null
    throw error
  }
}

/** Out of the way first: a process that is still reading finds either all of it or nothing. */
export async function discard(dir: string): Promise<void> {
  const aside = `${dir}.old-${randomBytes(6).toString('hex')}`
  if (
    await rename(dir, aside).then(
      () => true,
      () => false
    )
  )
    await rm(aside, { recursive: true, force: true })
}

async function usable(dir: string, signal: AbortSignal | undefined): Promise<boolean> {
  const ran = await runGit(dir, ['for-each-ref', '--format=%(objecttype)', 'refs/remotes'], { signal })
  const strange = [
    join(dir, 'info', 'grafts'),
    join(dir, 'shallow'),
    join(dir, 'objects', 'info', 'alternates')
  ]
  return ran.code === 0 && ran.stderr === '' && !strange.some(path => existsSync(path))
}

/** A process that was killed leaves locks and half-made clones; one that is at work does not hold them this long. */
async function sweep(dir: string, mark: string): Promise<void> {
  const now = (await stat(mark)).mtimeMs
  const locks = (await readdir(dir, { recursive: true })).filter(name => name.endsWith('.lock'))
  const beside = (await readdir(dirname(dir))).filter(name =>
    ['.new-', '.old-'].some(kind => name.startsWith(basename(dir) + kind))
  )
  for (const path of [
    ...locks.map(name => join(dir, name)),
    ...beside.map(name => join(dirname(dir), name))
  ]) {
    const left = await stat(path).catch(() => null)
    if (left !== null && now - left.mtimeMs > staleMs) await rm(path, { recursive: true, force: true })
  }
}
