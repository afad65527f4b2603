import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { encodeFrame, type FrameHead, frameParser } from '../../src/ssh/reader/frames.ts'

const nonce = '0123456789abcdef0123456789abcdef'

function parse(chunks: readonly Buffer[], room: number | null = 1_000_000) {
  const frames: [FrameHead, string][] = []
  const broken: string[] = []
  const parser = frameParser(nonce, {
    room: () => room,
    onFrame: (head, body) => frames.push([head, body.toString('latin1')]),
    onBroken: why => broken.push(why)
  })
  for (const chunk of chunks) parser.push(chunk)
  return { frames, broken }
}

/** Cut in pieces at these places. */
function cut(whole: Buffer, places: readonly number[]): Buffer[] {
  const at = [0, ...places.map(place => place % (whole.length + 1)).sort((a, b) => a - b), whole.length]
  return at.slice(1).map((end, index) => whole.subarray(at[index], end))
}

const head = (kind: FrameHead['kind'], id: string, argument: number | string): FrameHead => ({
  kind,
  id,
  argument: String(argument)
})

describe('frames', () => {
  it('come out as they went in, however the bytes arrive and whatever stands between', () => {
    const body = fc.uint8Array({ maxLength: 60 })
    const noise = fc.string({ maxLength: 30 })
    fc.assert(
      fc.property(
        fc.array(fc.tuple(body, noise), { maxLength: 8 }),
        fc.array(fc.nat(2_000), { maxLength: 20 }),
        (bodies, places) => {
          const whole = Buffer.concat(
            bodies.flatMap(([bytes, between], n) => [
              Buffer.from(between),
              encodeFrame(nonce, head('o', String(n), bytes.length), bytes)
            ])
          )
          expect(parse(cut(whole, places))).toEqual({
            broken: [],
            frames: bodies.map(([bytes], n) => [
              head('o', String(n), bytes.length),
              Buffer.from(bytes).toString('latin1')
            ])
          })
        }
      )
    )
  })

  it('show that something else wrote into them', () => {
    const whole = encodeFrame(nonce, head('o', '1', 5), Buffer.from('12345'))
    const torn = Buffer.concat([whole.subarray(0, -36), Buffer.from('late news\n'), whole.subarray(-36)])
    expect(parse([torn, whole])).toEqual({
      frames: [],
      broken: [expect.stringContaining('the output is corrupt')]
    })
  })

  it.each([
    ['a kind that there is not', `${nonce} z 1 0\n`],
    ['more than was asked for', `${nonce} o 1 1000001\n`],
    ['a length that is none', `${nonce} o 1 1e3\n`],
    ['a length beyond reason', `${nonce} o 1 ${'9'.repeat(30)}\n`],
    ['a header that never ends', `${nonce} o 1 ${'1'.repeat(400)}`]
  ])('are refused with %s', (_, text) => {
    expect(parse([Buffer.from(text)])).toEqual({ frames: [], broken: [expect.any(String)] })
  })

  it('that nobody waits for are thrown away as they come', () => {
    const late = encodeFrame(nonce, head('o', '9', 50_000_000), Buffer.alloc(50_000_000))
    const { frames, broken } = parse(cut(late, [10, 1_000, 40_000_000]), null)
    expect([frames.length, frames[0]?.[1], broken]).toEqual([1, '', []])
  })

  it('are waited for through a megabyte of noise and no longer', () => {
    const frame = encodeFrame(nonce, head('s', '1', 0))
    const noise = Buffer.alloc(1024 * 1024 - 100, 'x')
    expect(parse([noise, frame]).frames).toHaveLength(1)
    expect(parse([noise, Buffer.alloc(200, 'x'), frame]).broken).toEqual([
      expect.stringContaining('too much')
    ])
  })
})
