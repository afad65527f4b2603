import { randomBytes } from 'node:crypto'
import { constants, type Stats } from 'node:fs'
import {
  type FileHandle,
  lstat,
  mkdir,
  mkdtemp,
  open,
  readdir,
  realpath,
  rename,
  rm,
  stat,
  unlink
} from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, dirname, isAbsolute, join, relative, sep } from 'node:path'

/**
 * The file system, as the reviewer's own folder needs it. Reads are bounded, and "there is no such file"
 * is the only failure that is a value; every other one is thrown as it came.
 */

/** The text of a file, or null where there is none. Throws RangeError for more than `capBytes`, TypeError for bytes that are not UTF-8. */
export async function readText(path: string, capBytes: number): Promise<string | null> {
  const bytes = await readBytes(path, capBytes)
  return bytes === null ? null : decoded(bytes)
}

/** The same of a file that others write comments into: what is not UTF-8 becomes U+FFFD. */
export async function readLooseText(path: string, capBytes: number): Promise<string | null> {
  const bytes = await readBytes(path, capBytes)
  return bytes === null ? null : Buffer.from(bytes).toString()
}

/**
 * The bytes of a file, or null where there is none. Throws RangeError for more than `capBytes`, TypeError for what is
 * not a regular file: a named pipe or a device could be waited for without end.
 */
export async function readBytes(path: string, capBytes: number): Promise<Uint8Array | null> {
  const opened = await openRegular(path)
  if (opened === null) return null
  try {
    return await bytesOf(opened.file, capBytes)
  } finally {
    await opened.file.close()
  }
}

export type PrivateText =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'absent' }
  /** The permission bits, in octal (`0644`). */
  | { readonly kind: 'open'; readonly mode: string }
  /** It belongs to this user, who is neither the one that runs this process nor root. */
  | { readonly kind: 'foreign'; readonly uid: number }

/**
 * The text of a file that is its owner's alone. Kind, mode, owner and content are those of one open file: nothing can
 * be put in its place in between. Throws as `readText` does.
 */
export async function readPrivateText(path: string, capBytes: number): Promise<PrivateText> {
  const opened = await openRegular(path)
  if (opened === null) return { kind: 'absent' }
  const { file, mode, uid } = opened
  try {
    if ((mode & 0o077) !== 0) return { kind: 'open', mode: octal(mode) }
    const own = process.getuid?.()
    if (own !== undefined && uid !== own && uid !== 0) return { kind: 'foreign', uid }
    return { kind: 'text', text: decoded(await bytesOf(file, capBytes)) }
  } finally {
    await file.close()
  }
}

function decoded(bytes: Uint8Array): string {
  return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
}

/** Opens without waiting for anyone: a named pipe is opened as well, and refused by what it is. */
async function openRegular(
  path: string
): Promise<{ readonly file: FileHandle; readonly mode: number; readonly uid: number } | null> {
  const file = await orNull(open(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY)).catch(
    (error: unknown) => {
      // A socket.
      if (error instanceof Error && 'code' in error && error.code === 'ENXIO') throw notRegular('a socket')
      throw error
    }
  )
  if (file === null) return null
  try {
    const stats = await file.stat()
    if (!stats.isFile() && !isNull(stats)) throw notRegular(kindName(stats))
    return { file, mode: stats.mode, uid: stats.uid }
  } catch (error) {
    await file.close()
    throw error
  }
}

/** `/dev/null` (Linux), by which configurations say that there is no such file: it ends at once. */
function isNull(stats: Stats): boolean {
  return stats.isCharacterDevice() && stats.rdev === 0x103
}

function notRegular(kind: string): TypeError {
  return new TypeError(`it is ${kind}, not a regular file`)
}

function kindName(stats: Stats): string {
  if (stats.isDirectory()) return 'a folder'
  if (stats.isFIFO()) return 'a named pipe'
  if (stats.isSocket()) return 'a socket'
  return 'a device'
}

async function bytesOf(file: FileHandle, capBytes: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  let length = 0
  for (;;) {
    const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(chunkBytes), 0, chunkBytes)
    if (bytesRead === 0) return Buffer.concat(chunks)
    length += bytesRead
    if (length > capBytes) throw new RangeError(`it is larger than ${capBytes} bytes`)
    chunks.push(buffer.subarray(0, bytesRead))
  }
}

const chunkBytes = 64 * 1024

function octal(mode: number): string {
  return (mode & 0o777).toString(8).padStart(4, '0')
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
  return stats === null || (stats.mode & 0o077) === 0 ? null : octal(stats.mode)
}

/** The path with all links followed; null where nothing is there. */
export async function realPath(path: string): Promise<string | null> {
  return orNull(realpath(path))
}

export async function makeFolder(path: string): Promise<void> {
  await mkdir(path, { recursive: true, mode: folderMode })
}

/** Never writable by others, whatever the umask is; readable by them where the umask lets them. */
const fileMode = 0o644
const folderMode = 0o755

/** The machine's folder for temporary files. */
export function temporaryRoot(): string {
  return tmpdir()
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
  const file = await open(path, 'wx', fileMode)
  try {
    await file.writeFile(text)
  } finally {
    await file.close()
  }
}

/**
 * Puts a whole file in place of what is there: whoever reads sees the old one or the new one, never half of it.
 *
 * @param within a folder that the file is in, if it is: the folder and the way from it to the file are then looked at
 * as well, and `makeFolders` makes what is missing of them.
 * @throws TypeError for a symbolic link and for anything there that is not a regular file; else as `open` does.
 */
export async function replaceFile(
  path: string,
  text: string | Uint8Array,
  { within, makeFolders = false }: { readonly within?: string; readonly makeFolders?: boolean } = {}
): Promise<void> {
  await inFolder(path, { within, makeFolders }, async at => {
    await refuseOther(at, path)
    const beside = `${at}.${randomBytes(6).toString('hex')}.tmp`
    const file = await open(beside, 'wx', fileMode)
    try {
      await file.writeFile(text)
      // A crash must not leave an empty file under the right name.
      await file.sync()
      await file.close()
      // Whatever is put there meanwhile is replaced itself: a link is not followed.
      await rename(beside, at)
    } catch (error) {
      await file.close().catch(() => undefined)
      await rm(beside, { force: true })
      throw error
    }
  })
}

/**
 * Removes a file; none there is fine.
 *
 * @param within as for `replaceFile`.
 * @throws TypeError for a symbolic link, and for anything else that is there, such as a device.
 */
export async function removeFile(path: string, within?: string): Promise<void> {
  await inFolder(path, { within, makeFolders: false }, async at => {
    await refuseOther(at, path)
    await orNull(unlink(at))
  }).catch((error: unknown) => {
    // Without the folder there is no file in it.
    if (!isAbsent(error)) throw error
  })
}

/**
 * Does something with a file by a name that stays in the folder that was looked at: each folder on the way is opened from
 * the one above it, so that nobody can put a link in its place in between. Node has no `openat`; the kernel's own links to
 * open files do the same, where there are any.
 */
async function inFolder(
  path: string,
  { within, makeFolders }: { readonly within: string | undefined; readonly makeFolders: boolean },
  work: (at: string) => Promise<void>
): Promise<void> {
  const folders = within === undefined ? [] : foldersBetween(within, dirname(path))
  const held = folders.length > 0 && (await kindOf(openFiles)) === 'folder'
  if (!held) {
    for (const folder of folders) {
      await refuseLink(folder, folder)
      if (makeFolders) await makeFolder(folder)
    }
    return work(path)
  }
  let folder: FileHandle | null = null
  try {
    for (const one of folders) {
      const at: string = folder === null ? one : join(openFiles, String(folder.fd), basename(one))
      const next: FileHandle = await openFolder(at, one).catch(async (error: unknown) => {
        if (!makeFolders || !isAbsent(error)) throw error
        await makeFolder(at)
        return openFolder(at, one)
      })
      await folder?.close()
      folder = next
    }
    await work(folder === null ? path : join(openFiles, String(folder.fd), basename(path)))
  } catch (error) {
    // People know the folder by its name.
    if (error instanceof Error && folder !== null)
      error.message = error.message.replaceAll(join(openFiles, String(folder.fd)), dirname(path))
    throw error
  } finally {
    await folder?.close()
  }
}

/** Links to what this process has open (Linux). */
const openFiles = '/proc/self/fd'

/** @throws TypeError for a link to one, and for what is no folder; else as `open` does. */
async function openFolder(at: string, shown: string): Promise<FileHandle> {
  try {
    return await open(at, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW)
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : ''
    if (code !== 'ELOOP' && code !== 'ENOTDIR') throw error
    await refuseLink(at, shown)
    throw new TypeError(`${shown} is not a folder`, { cause: error })
  }
}

/** @throws TypeError for a symbolic link and for anything else there that is not a regular file. */
async function refuseOther(at: string, shown: string): Promise<void> {
  await refuseLink(at, shown)
  const kind = await kindOf(at)
  if (kind === 'folder' || kind === 'other') throw new TypeError(`${shown} is not a regular file`)
}

/** @throws TypeError for a symbolic link, to whatever it leads: someone else may have put it there. */
async function refuseLink(at: string, shown: string): Promise<void> {
  const stats = await orNull(lstat(at))
  if (stats?.isSymbolicLink() === true) {
    throw new TypeError(`${shown} is a symlink; symlinks are not followed`)
  }
}

/** The folder itself and every one on the way to `path`, from above; none where `path` is not below it. */
function foldersBetween(folder: string, path: string): readonly string[] {
  const way = relative(folder, path)
  if (way === '..' || way.startsWith(`..${sep}`) || isAbsolute(way)) return []
  const parts = way === '' ? [] : way.split(sep)
  return [folder, ...parts.map((_, index) => join(folder, ...parts.slice(0, index + 1)))]
}

async function orNull<Value>(asked: Promise<Value>): Promise<Value | null> {
  try {
    return await asked
  } catch (error) {
    if (isAbsent(error)) return null
    throw error
  }
}

function isAbsent(error: unknown): boolean {
  // ENOTDIR: a part of the way is a file, so there is nothing at its end either.
  return error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR')
}
