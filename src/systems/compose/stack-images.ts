import { anyGlobMatches } from '../../lib/text/glob.ts'
import { filledIn, isWrittenImage } from '../docker/image-name.ts'
import type { ComposeFile } from './compose-files.ts'
import type { SwarmService } from '../swarm/services.ts'

/** What a compose file of the repo wants of a stack. */
export interface StackImages {
  readonly stack: string
  /** `<path> at <commit>`, for quoting. */
  readonly at: string
  readonly exists: boolean
  /** By the services' full names; without those for which a later file of the same stack writes an image. */
  readonly wanted: readonly { readonly name: string; readonly image: string }[]
  /** Why the other services' images cannot be told from the file, a sentence each. */
  readonly open: readonly string[]
}

export interface StackFile {
  readonly stack: string
  readonly path: string
}

/**
 * What the files want, one answer for each of those that are asked for.
 *
 * @param defaults see `filledIn`.
 * @param except services left aside: globs of their full names.
 */
export function imagesOf(
  files: readonly ComposeFile[],
  asked: readonly StackFile[],
  defaults: boolean,
  except: readonly string[]
): readonly StackImages[] {
  const read = asked.map(({ stack, path }) => {
    const file = files.find(one => one.path === path)
    const services = (file?.services ?? [])
      .map(({ name, image }) => ({ name: `${stack}_${name}`, image }))
      .filter(({ name }) => !anyGlobMatches(except, name))
    const at = `${path} at ${(file?.commit ?? '').slice(0, 7)}`
    return { stack, path, at, exists: (file?.services ?? null) !== null, services }
  })
  return read.map(({ stack, path, at, exists, services }, index) => {
    const later = read.slice(index + 1).flatMap(other => other.services)
    const wanted: { readonly name: string; readonly image: string }[] = []
    const open: string[] = []
    for (const { name, image } of services) {
      if (later.some(other => other.name === name && other.image !== null)) continue
      const filled = filledIn(image ?? '', defaults)
      if ('unfilled' in filled) open.push(`${name}: not judged, ${path} leaves \`${filled.unfilled}\` open`)
      else if (filled.text === '') open.push(`${name}: not judged, ${path} names no image`)
      else wanted.push({ name, image: filled.text })
    }
    return { stack, at, exists, wanted, open }
  })
}

/** The services whose specs do not name what the file at `at` wants, or which are not there. */
export function unlikeRepo(
  wanted: StackImages['wanted'],
  services: readonly SwarmService[],
  at: string
): readonly { readonly name: string; readonly saw: string; readonly expected: string }[] {
  return wanted.flatMap(({ name, image }) => {
    const live = services.find(service => service.name === name)?.template.image
    if (live !== undefined && isWrittenImage(live, image)) return []
    const saw = live === undefined ? `service ${name} does not exist` : `the spec names ${live}`
    return [{ name, saw, expected: `${image}, as in ${at}` }]
  })
}
