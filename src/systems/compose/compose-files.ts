import * as z from 'zod'
import { messageOf } from '../../lib/errors.ts'
import { oneLine } from '../../lib/text/clean.ts'
import { readYaml } from '../../lib/read-yaml.ts'
import { type FactSource, Unseen } from '../../facts/fact.ts'

/** What a compose file of the watched repo says of images, at the claim's commit. */
export interface ComposeFile {
  readonly path: string
  /** Full sha of the commit that was read. */
  readonly commit: string
  /** In the file's order, variables as they are written; an image is null where none is. Null: no such file. */
  readonly services: readonly { readonly name: string; readonly image: string | null }[] | null
}

const cap = 1024 * 1024
const shape = z.object({
  services: z.record(z.string().min(1).max(200), z.looseObject({ image: z.string().max(1_000).optional() }))
})

/** The compose files at these paths, in their order. Unseen where one of them is no compose file. */
export function composeImages(paths: readonly string[]): FactSource<readonly ComposeFile[]> {
  return {
    key: `compose-images ${paths.join(' ')}`,
    place: 'repo',
    watches: paths,
    take: look =>
      Promise.all(
        paths.map(async path => {
          const text = await look.repo.file(path)
          return { path, commit: look.repo.commit, services: text === null ? null : servicesOf(path, text) }
        })
      )
  }
}

function servicesOf(path: string, text: string) {
  if (text.length > cap) throw new Unseen(`${path} exceeds the size limit of a compose file`)
  try {
    // Compose files share settings by `<<`, which YAML 1.2 itself does not know.
    const document = readYaml(text, { merge: true, stringKeys: true, logLevel: 'error' })
    const [problem] = document.errors
    if (problem !== undefined) throw problem
    const { services } = shape.parse(document.toJS({ maxAliasCount: 100 }))
    return Object.entries(services).map(([name, { image }]) => ({ name, image: image ?? null }))
  } catch (error) {
    const why = error instanceof z.ZodError ? 'it has no services with images' : messageOf(error)
    throw new Unseen(`${path} is not a valid compose file: ${oneLine(why, 200)}`, { cause: error })
  }
}
