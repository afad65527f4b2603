import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { readText } from '../doors/files.ts'

/** The version of this package, from the nearest package.json upwards: src and dist lie at different depths. */
export async function packageVersion(): Promise<string> {
  for (let dir = dirname(fileURLToPath(import.meta.url)); dir !== dirname(dir); dir = dirname(dir)) {
    const text = await readText(join(dir, 'package.json'), 64 * 1024)
    if (text === null) continue
    const manifest: unknown = JSON.parse(text)
    if (typeof manifest === 'object' && manifest !== null && 'version' in manifest)
      return String(manifest.version)
  }
  return 'unknown'
}
