import { randomBytes } from 'node:crypto'
import {
  lstat,
  mkdir,
  mkdtemp,
  open,
  readdir,
  readlink,
  realpath,
  rename,
  rm,
  stat,
  unlink
} from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'

/**
 * The file system, as the reviewer's own folder needs it. Reads are bounded, and "there is no such file"
 * is the only failure that is a value; every other one is thrown as it came.
 */

/** The text of a file, or null where there is none. Throws RangeError for more than `capBytes`, TypeError for bytes that are not UTF-8. */
export async function readText(path: string, capBytes: number): Promise<string | null> {
  const bytes = await readBytes(path, capBytes)
  return bytes === null ? null : new TextDecoder('utf-8', { fatal: true }).decode(bytes)
}

/** The bytes of a file, or null where there is none. Throws RangeError for more than `capBytes`. */
export async function readBytes(path: string, capBytes: number): Promise<Uint8Array | null> {
  const file = await orNull(open(path, 'r'))
  if (file === null) return null
  try {
    const bytes = Buffer.alloc(capBytes + 1)
    let length = 0
    for (;;) {
      const { bytesRead } = await file.read(bytes, length, bytes.length - length)
      length += bytesRead
      if (bytesRead === 0 || length > capBytes) break
    }
    if (length > capBytes) throw new RangeError(`it is larger than ${capBytes} bytes`)
    return bytes.subarray(0, length)
  } finally {
    await file.close()
  }
}

/** The names in a folder, sorted by code unit; null where there is no such folder. */
export async function namesIn(dir: string): Promise<readonly string[] | null> {
  const names = await orNull(readdir(dir))
  return names === null ? null : names.sort()
}

/** What is at a path, links not followed; null: nothing. */
export async function kindOf(path: string): Promise<'file' | 'folder' | 'other' | null> {
  const stats = await orNull(lstat(path))
  if (stats === null) return null
  if (stats.isFile()) return 'file'
  return stats.isDirectory() ? 'folder' : 'other'
}

/** The permission bits of a file of ours that others may read or write, in octal (`0644`); null: no such bit, or no file. */
export async function openToOthers(path: string): Promise<string | null> {
  const stats = await orNull(stat(path))
  if (stats === null || (stats.mode & 0o077) === 0) return null
  return (stats.mode & 0o777).toString(8).padStart(4, '0')
}

/** The path with all links followed; null where nothing is there. */
export async function realPath(path: string): Promise<string | null> {
  return orNull(realpath(path))
}

export async function makeFolder(path: string): Promise<void> {
  await mkdir(path, { recursive: true })
}

/** A new folder of our own, for things that are gone afterwards. */
export async function temporaryFolder(prefix: string): Promise<string> {
  return mkdtemp(join(tmpdir(), prefix))
}

/** Removes a folder with everything in it, links not followed; none there is fine. */
export async function removeFolder(path: string): Promise<void> {
  await rm(path, { recursive: true, force: true, maxRetries: 3 })
}

/** Writes a file that is not there yet. Throws (`EEXIST`) when it is: nothing is ever overwritten. */
export async function writeNew(path: string, text: string): Promise<void> {
  const file = await open(path, 'wx', 0o644)
  try {
    await file.writeFile(text)
  } finally {
    await file.close()
  }
}

/**
 * Puts a whole file in place of what is there: whoever reads sees the old one or the new one, never half of it.
 * A link is followed, so that it stays a link. Throws for anything there that is no file, and as `open` does.
 */
export async function replaceFile(path: string, text: string | Uint8Array): Promise<void> {
  const place = await placeOf(path)
  const beside = `${place}.${randomBytes(6).toString('hex')}.tmp`
  const file = await open(beside, 'wx', 0o644)
  try {
    await file.writeFile(text)
    // A crash must not leave an empty file under the right name.
    await file.sync()
    await file.close()
    await rename(beside, place)
  } catch (error) {
    await file.close().catch(() => undefined)
    await rm(beside, { force: true })
    throw error
  }
}

/** Removes a file; none there is fine. Throws for anything else that is there, such as a device. */
export async function removeFile(path: string): Promise<void> {
  await orNull(unlink(await placeOf(path)))
}

/** Where a file is or will be, links followed. */
async function placeOf(path: string, links = 8): Promise<string> {
  const place = (await realPath(path)) ?? path
  // A link to a file that is not there yet.
  const target = await orNull(readlink(place).catch(ifNoLink))
  if (target !== null && links > 0) return placeOf(resolve(dirname(place), target), links - 1)
  const kind = await kindOf(place)
  if (kind === 'folder' || kind === 'other') throw new TypeError(`${path} is no file`)
  return place
}

function ifNoLink(error: unknown): null {
  if (error instanceof Error && 'code' in error && error.code === 'EINVAL') return null
  throw error
}

async function orNull<Value>(asked: Promise<Value>): Promise<Value | null> {
  try {
    return await asked
  } catch (error) {
    // ENOTDIR: a part of the way is a file, so there is nothing at its end either.
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR')) {
      return null
    }
    throw error
  }
}
