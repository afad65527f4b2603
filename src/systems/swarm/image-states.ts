import { isWrittenImage } from '../docker/image-name.ts'
import type { SwarmService } from './services.ts'
import type { SwarmTask } from './tasks.ts'

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
    wanted === undefined || isWrittenImage(image, wanted) ? [] : [wrong(`the spec names ${image}`, wanted)]
  if (state === 'updating' || state === 'rollback_started')
    return [...found, { kind: 'updating', why: `${name}: update in progress (${state})` }]
  const other = running.find(task => task.template.image !== image)
  if (state === 'completed') {
    return other === undefined ? found : [...found, wrong(`a task runs ${other.template.image}`, image)]
  }
  const images = [...new Set(running.map(task => task.template.image))].sort()
  const runs =
    images.length === 0
      ? 'nothing is running'
      : `${images.join(' and ')} ${images.length === 1 ? 'runs' : 'run'}`
  // A roll-back makes the spec before the update the current one; a pause leaves the new one there.
  const saw = state.startsWith('rollback')
    ? `${previousImage === null || previousImage === image ? 'the new spec' : previousImage} was rejected: the update is ${state}, ${runs}`
    : `the update to ${image} is ${state}: ${runs}`
  return [...found, wrong(saw, 'a completed update')]
}
