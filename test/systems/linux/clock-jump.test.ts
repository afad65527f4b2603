import { expect, it } from 'vitest'
import { jumpOf } from '../../../src/systems/linux/clock-jump.ts'

const login = { hostMicros: 0, skewMs: 500, uncertaintyMs: 20 }
/** Asked in 2027 by our clock, answered 40 ms later; the host's clock is that much ahead of the skew at login. */
const read = (movedMs: number, nanos = true) => {
  const hostMs = 1_800_000_000_020 + 500 + movedMs
  const printed = nanos ? `${hostMs}000000\n` : `${Math.floor(hostMs / 1000)}%N\n`
  return { printed, askedMs: 1_800_000_000_000, tookMs: 40 }
}

it.each<[movedMs: number, said: RegExp | null]>([
  [0, null],
  [139, null],
  [-139, null],
  [141, /jumped forward by 0\.1 s/],
  [-141, /jumped back by 0\.1 s/],
  [599_000, /forward by 599 s/],
  [-7_200_000, /back by 120 min/],
  [86_400_000, /forward by 24 h/]
])('moved by %i ms', (movedMs, said) => {
  const why = jumpOf(login, read(movedMs))
  if (said === null) expect(why).toBeNull()
  else expect(why).toMatch(said)
})

it('whole seconds are taken for what they are', () => {
  expect(jumpOf(login, read(0, false))).toBeNull()
  expect(jumpOf(login, read(400, false))).toBeNull()
  expect(jumpOf(login, read(-3_000, false))).toMatch(/jumped back by 2\.\d s|back by 3(?:\.\d)? s/)
})

it.each(['', 'Thu Nov 26', '%s%N'])('no time: %j', printed => {
  expect(() => jumpOf(login, { ...read(0), printed })).toThrow('does not show its time')
})
