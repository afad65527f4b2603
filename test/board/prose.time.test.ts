import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { proseBounds } from '../../src/lib/bounds.ts'
import { proseOf } from '../../src/board/prose.ts'
import { cpuMs } from '../support/cpu.ts'
import { marks } from '../support/prose-marks.ts'

const unit = fc.array(marks, { minLength: 1, maxLength: 5 }).map(parts => parts.join(''))
const filled = (text: string, length: number) => text.repeat(Math.ceil(length / text.length)).slice(0, length)

describe('a text that is made to be slow', () => {
  it('of 43 seconds in a parser takes none', () => {
    expect(cpuMs(() => proseOf('_a*'.repeat(19_000), 'id'))).toBeLessThan(2_000)
  })

  it('costs at most twice as much when it is twice as long', () => {
    const units = fc.sample(unit, 60)
    const half = proseBounds.characters / 2
    const texts = (length: number) => units.map(each => filled(each, length))
    const [short, long] = [texts(half), texts(2 * half)]
    const run = (all: readonly string[]) => cpuMs(() => all.map(text => proseOf(text, 'id')))
    // Once for the engine, which optimizes what it sees.
    run(short)
    // Four times as much where it takes the square of the length: the slower of two against the quicker of two.
    const [once, whole] = [Math.max(run(short), run(short)), Math.min(run(long), run(long))]
    expect(whole).toBeLessThan(3 * once + 500)
  })

  it('of any kind is shown within its bound', () => {
    fc.assert(
      fc.property(unit, unit, (head, tail) => {
        const text = filled(head, 50_000) + filled(tail, 10_000)
        expect(cpuMs(() => proseOf(text, 'id'))).toBeLessThan(2_000)
      }),
      { numRuns: 60 }
    )
  })
})
