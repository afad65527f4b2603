import { expect, it } from 'vitest'
import { imageStates } from '../../../src/systems/swarm/image-states.ts'
import { service, task, template } from '../../support/docker.ts'

const updated = (state: string) =>
  service({ update: { state, message: '' } as never, previousImage: 'shop:1' })
const [same, other] = [task(), task({ template: template('1') })]

it.each([
  ['nothing is asked, and the spec runs', service(), [same], undefined, []],
  ['the spec is what is wanted', service(), [same], 'shop:2', []],
  ['the spec is a near miss', service(), [same], 'shop:2.0', ['wrong']],
  ['the spec is of another repository', service(), [same], 'other/shop:2', ['wrong']],
  ['a task runs another image', service(), [same, other], undefined, ['wrong']],
  ['both', service(), [other], 'shop:3', ['wrong', 'wrong']],
  ['nothing runs', service(), [], 'shop:2', []],
  ['it is being updated', updated('updating'), [other], 'shop:2', ['updating']],
  [
    'it is being rolled back, and wrong',
    updated('rollback_started'),
    [other],
    'shop:3',
    ['wrong', 'updating']
  ],
  ['its update completed', updated('completed'), [same], 'shop:2', []],
  ['its update is paused', updated('paused'), [same], 'shop:2', ['wrong']],
  ['it was rolled back', updated('rollback_completed'), [same], 'shop:2', ['wrong']]
] as const)('images where %s', (_, one, running, wanted, kinds) => {
  expect(imageStates(one, running, wanted).map(({ kind }) => kind)).toEqual(kinds)
})
