import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdir, readdir, readFile, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { inCheckout } from './root.ts'

/**
 * Builds what runs in a process of its own, where the sources that are tested here have none: once for each state of the
 * sources, beside the packages.
 */
export async function setup(): Promise<void> {
  const hash = createHash('sha256')
  for (const file of ['package-lock.json', 'rolldown.config.mjs', ...(await sources())])
    hash.update(file).update(await readFile(inCheckout(file)))
  const cache = inCheckout('node_modules/.cache/')
  const built = join(cache, `adversary-${hash.digest('hex').slice(0, 16)}`)
  process.env['ADVERSARY_BUILT'] = built
  if (await exists(built)) return
  await mkdir(cache, { recursive: true })
  const making = `${built}.${process.pid}`
  const rolldown = inCheckout('node_modules/rolldown/bin/cli.mjs')
  await promisify(execFile)(process.execPath, [rolldown, '--config', '--dir', making], {
    cwd: inCheckout('')
  })
  const old = (await readdir(cache)).filter(name => name.startsWith('adversary-') && !making.endsWith(name))
  // Another run may have been first.
  await rename(making, built).catch(() => rm(making, { recursive: true, force: true }))
  // What is older than a day is of sources that are gone.
  for (const name of old) {
    const { mtimeMs } = await stat(join(cache, name)).catch(() => ({ mtimeMs: Date.now() }))
    if (Date.now() - mtimeMs > 86_400_000) await rm(join(cache, name), { recursive: true, force: true })
  }
}

/** Of the rehearsal, and of what it imports. */
async function sources(): Promise<readonly string[]> {
  const folders = ['src/rehearsal', 'src/systems', 'src/lib']
  const found = await Promise.all(
    folders.map(async folder =>
      (await readdir(inCheckout(folder), { recursive: true }))
        .filter(name => name.endsWith('.ts'))
        .map(name => join(folder, name))
    )
  )
  return found.flat().sort()
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false
  )
}
