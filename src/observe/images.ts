import type { SwarmService } from './sources/docker-services.ts'
import type { SwarmTask } from './sources/docker-tasks.ts'

/** What is wrong with the image that a service runs, or why it cannot be told yet. */
export type ImageState =
  | { readonly kind: 'wrong'; readonly saw: string; readonly expected: string }
  | { readonly kind: 'updating'; readonly why: string }

/**
 * A service's image against what its spec names, and that against the plan's.
 *
 * @param running its running tasks.
 * @param wanted the plan's image; undefined where it names none.
 */
export function imageStates(
  { name, template, update, previousImage }: SwarmService,
  running: readonly SwarmTask[],
  wanted: string | undefined
): readonly ImageState[] {
  const wrong = (saw: string, expected: string): ImageState => ({ kind: 'wrong', saw, expected })
  const { image } = template
  const state = update?.state ?? 'completed'
  const found =
    wanted === undefined || isImage(image, wanted) ? [] : [wrong(`the spec names ${image}`, wanted)]
  if (state === 'updating' || state === 'rollback_started')
    return [...found, { kind: 'updating', why: `${name}: update in progress (${state})` }]
  const other = running.find(task => task.template.image !== image)
  if (other !== undefined) return [...found, wrong(`a task runs ${other.template.image}`, image)]
  if (state === 'completed') return found
  const refused = previousImage === null || previousImage === image ? 'the new spec' : previousImage
  const saw = `${refused} was not taken: the update is ${state}, ${image} runs`
  return [...found, wrong(saw, 'an update that completed')]
}

/** Whether an image is the wanted one: the digest counts only where the plan names one. */
function isImage(image: string, wanted: string): boolean {
  return image === wanted || (!wanted.includes('@') && image.split('@', 1)[0] === wanted)
}
