import { execFileSync, spawn } from 'node:child_process'
import {
  chmod,
  chown,
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  stat,
  symlink,
  truncate,
  writeFile
} from 'node:fs/promises'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { fileBounds } from '../../src/lib/bounds.ts'
import { redact } from '../../src/lib/secrets/redact.ts'
import {
  makeFolder,
  readBytes,
  readPrivateText,
  readText,
  removeFile,
  replaceFile,
  writeNew
} from '../../src/os/files.ts'
import { openClone } from '../../src/git/clone.ts'
import { readSecret } from '../../src/config/secret.ts'
import { makeRepo } from '../support/repo.ts'

/** Files that are no files, belong to others, or lead elsewhere. */

let dir: string
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'adversary-files-'))
})
afterEach(() => rm(dir, { recursive: true, force: true }))
const at = (name: string) => join(dir, name)

describe('reading', () => {
  it('is of regular files alone, and waits for no one', async () => {
    execFileSync('mkfifo', [at('pipe')])
    await mkdir(at('folder'))
    const server = createServer()
    await new Promise<void>(done => server.listen(at('socket'), done))
    for (const [path, kind] of [
      [at('pipe'), /named pipe/],
      [at('folder'), /folder/],
      [at('socket'), /socket/],
      ['/dev/zero', /device/]
    ] as const) {
      await expect(readBytes(path, 1000)).rejects.toThrow(kind)
      await expect(readText(path, 1000)).rejects.toThrow(kind)
      await expect(readPrivateText(path, 1000)).rejects.toThrow(kind)
    }
    await new Promise(done => server.close(done))
    expect(await readText('/dev/null', 10)).toBe('')
    expect(await readText(at('nothing'), 10)).toBeNull()
    await symlink('/dev/zero', at('link'))
    await expect(readBytes(at('link'), 10)).rejects.toThrow(/device/)
  })

  it('ends at the bound, and not one byte before it', async () => {
    await writeFile(at('file'), 'x'.repeat(200_000))
    expect(await readText(at('file'), 200_000)).toHaveLength(200_000)
    await expect(readText(at('file'), 199_999)).rejects.toThrow(/larger than 199999 bytes/)
    await truncate(at('file'), 2 ** 40)
    await expect(readBytes(at('file'), fileBounds.signers)).rejects.toThrow(/larger/)
  })
})

describe('a secret', () => {
  const secret = (name: string) => readSecret({ file: at(name), env: 'NONE', key: 'serve.drone.secret' }, {})
  const why = async (name: string): Promise<string> => {
    try {
      return `it was read: ${await secret(name)}`
    } catch (error) {
      return String(error)
    }
  }

  it('is a regular file of this user or of root, open to no one else', async () => {
    await writeFile(at('good'), 'word\n', { mode: 0o600 })
    expect(await secret('good')).toBe('word')
    for (const mode of [0o640, 0o604, 0o620, 0o602, 0o610, 0o601, 0o777]) {
      await chmod(at('good'), mode)
      expect(await why('good')).toMatch(/other users can read .*, mode 0\d{3} \(serve\.drone\.secret\)/)
    }
    execFileSync('mkfifo', ['-m', '600', at('pipe')])
    expect(await why('pipe')).toMatch(/cannot be read .*named pipe/)
    expect(await why('nothing')).toMatch(/does not exist/)
  })

  it('of another user is refused whatever its mode is', async () => {
    await writeFile(at('theirs'), 'word', { mode: 0o600 })
    const root = process.getuid?.() === 0
    // As another user than root no file can be given away: then the rule is shown by one that is read as it is.
    if (root) await chown(at('theirs'), 65_534, 65_534)
    expect(await why('theirs')).toMatch(root ? /belongs to another user, uid 65534/ : /it was read: word/)
  })

  it('at the bound of its length, and one past it', async () => {
    await writeFile(at('long'), 'x'.repeat(4096), { mode: 0o600 })
    expect(await secret('long')).toHaveLength(4096)
    await writeFile(at('long'), 'x'.repeat(4097))
    expect(await why('long')).toMatch(/one line of at most 4096/)
    await writeFile(at('long'), 'x'.repeat(fileBounds.secret + 1))
    expect(await why('long')).toMatch(/larger than 16384 bytes/)
  })

  it('that is none has an error that can be read in the log, and holds nothing of it', async () => {
    const texts = { empty: '', blanks: 'two words', lines: 'a\nb\n', latin: 'pässword', nul: 'a\0b' }
    for (const [name, text] of Object.entries(texts)) await writeFile(at(name), text, { mode: 0o600 })
    await writeFile(at('open'), 'word', { mode: 0o644 })
    for (const key of ['serve.drone.secret', 'serve.webhook.secret', 'forge.token']) {
      for (const name of [...Object.keys(texts), 'open', 'nothing']) {
        const read = readSecret({ file: at(name), env: 'A_SECRET_TOKEN', key }, {})
        const message = await read.catch((error: Error) => error.message)
        expect(redact(message).text).toBe(message)
        expect(message).toContain(`(${key})`)
        expect(message).not.toMatch(/two words|pässword/)
      }
      for (const value of [undefined, '', 'two words']) {
        const read = readSecret({ file: null, env: 'A_SECRET_TOKEN', key }, { A_SECRET_TOKEN: value })
        const message = await read.catch((error: Error) => error.message)
        expect(redact(message).text).toBe(message)
        expect(message).not.toContain('two words')
      }
    }
  })
})

describe('writing', () => {
  it('follows no link that is put in the place of a folder meanwhile', async () => {
    await mkdir(at('out/a'), { recursive: true })
    await mkdir(at('victim/a'), { recursive: true })
    // Swaps the folder and a link to another one for as long as it is written to.
    const swap = `const { renameSync, symlinkSync } = require('node:fs')
      symlinkSync('victim', 'link')
      process.stdout.write('on')
      for (;;) {
        renameSync('out', 'kept'); renameSync('link', 'out')
        renameSync('out', 'link'); renameSync('kept', 'out')
      }`
    const swapper = spawn(process.execPath, ['-e', swap], { cwd: dir, stdio: ['ignore', 'pipe', 'inherit'] })
    await once(swapper.stdout, 'data')
    let written = 0
    for (let tries = 0; tries < 1_500; tries += 1) {
      await replaceFile(at('out/a/file'), 'x', { within: dir }).then(
        () => (written += 1),
        () => undefined
      )
    }
    swapper.kill('SIGKILL')
    await once(swapper, 'exit')
    expect(written).toBeGreaterThan(0)
    expect(await readdir(at('victim/a'))).toEqual([])
  })

  it('follows no link in the place of the file, or on the way to it from the folder that is given', async () => {
    await writeFile(at('victim'), 'precious')
    await symlink('victim', at('link'))
    await symlink('nothing', at('dangling'))
    await mkdir(at('outside'))
    await mkdir(at('out/deep'), { recursive: true })
    await symlink(at('outside'), at('out/linked'))
    const refused = /is a symlink; symlinks are not followed/
    await expect(replaceFile(at('link'), 'new')).rejects.toThrow(refused)
    await expect(replaceFile(at('dangling'), 'new')).rejects.toThrow(refused)
    await expect(removeFile(at('link'))).rejects.toThrow(refused)
    for (const makeFolders of [true, false]) {
      for (const name of ['out/linked/file', 'out/linked/more/file']) {
        await expect(replaceFile(at(name), 'new', { within: dir, makeFolders })).rejects.toThrow(refused)
      }
    }
    await expect(removeFile(at('out/linked/file'), dir)).rejects.toThrow(refused)
    await replaceFile(at('out/deep/er/file'), 'new', { within: dir, makeFolders: true })
    expect(await readFile(at('out/deep/er/file'), 'utf8')).toBe('new')
    expect(await readFile(at('victim'), 'utf8')).toBe('precious')
    expect(await readdir(at('outside'))).toEqual([])
    expect((await lstat(at('dangling'))).isSymbolicLink()).toBe(true)
  })

  it('makes nothing that others may write, whatever the umask is, and a clone that they cannot read', async () => {
    const repo = await makeRepo()
    const umask = process.umask(0)
    try {
      await makeFolder(at('folder/below'))
      await replaceFile(at('folder/page.html'), 'text')
      await writeNew(at('folder/new'), 'text')
      await replaceFile(at('made/deep/page.html'), 'text', { within: dir, makeFolders: true })
      const git = await openClone({ url: repo.remote, dir: at('clone/clone.git') })
      await git.fetch('main')
      await git.close()
    } finally {
      process.umask(umask)
      await repo.dispose()
    }
    const modes = async (names: readonly string[]) =>
      Promise.all(names.map(async name => ((await stat(at(name))).mode & 0o777).toString(8)))
    expect(await modes(['folder', 'folder/below', 'made', 'made/deep', 'clone'])).toEqual(
      Array.from({ length: 5 }, () => '755')
    )
    expect(await modes(['folder/page.html', 'folder/new', 'made/deep/page.html'])).toEqual([
      '644',
      '644',
      '644'
    ])
    const inside = await readdir(at('clone/clone.git'), { recursive: true })
    expect(inside.length).toBeGreaterThan(8)
    for (const name of ['', ...inside]) {
      const { mode } = await stat(at(join('clone/clone.git', name)))
      expect([name, mode & 0o077]).toEqual([name, 0])
    }
  })
})
