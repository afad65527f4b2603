import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { readText } from '../os/files.ts'

/** The folder of this package: the nearest upwards with a package.json, since src and dist lie at different depths. */
export async function packageRoot(): Promise<string> {
  let dir = dirname(fileURLToPath(import.meta.url))
  while ((await manifest(dir)) === null && dir !== dirname(dir)) dir = dirname(dir)
  return dir
}

/** The version of this package. */
export async function packageVersion(): Promise<string> {
  const found: unknown = JSON.parse((await manifest(await packageRoot())) ?? '{}')
  return typeof found === 'object' && found !== null && 'version' in found ? String(found.version) : 'unknown'
}

function manifest(dir: string): Promise<string | null> {
  return readText(join(dir, 'package.json'), 64 * 1024)
}
