import fc from 'fast-check'
import { expect, it } from 'vitest'
import { moved, type Timeline } from '../../src/cli/demo/timeline.ts'

const from = Date.parse('2026-06-13T05:30:00Z')
const timeline: Timeline = {
  points: [
    [from, from + 86_400_000],
    [from + 600_000, from + 86_400_000 + 6_000]
  ]
}

it.each<[name: string, text: string, shown: string]>([
  ['before the first point time runs as it did', '2026-06-13T05:29:59Z', '2026-06-14T05:29:59Z'],
  ['between the points it is compressed', '2026-06-13T05:35:00.500000000Z', '2026-06-14T05:30:03.005000000Z'],
  ['after the last point it runs as it did', '2026-06-13T05:41:00Z', '2026-06-14T05:31:06Z'],
  ["docker's list", '2026-06-13 05:38:02.125154677 +0000 UTC', '2026-06-14 05:30:04.821251546 +0000 UTC'],
  ["systemd's, with its weekday", 'Sat 2026-06-13 05:40:00.000001 UTC', 'Sun 2026-06-14 05:30:06.000001 UTC'],
  ['never stays never', '0001-01-01T00:00:00Z', '0001-01-01T00:00:00Z'],
  ['what is no time stays', '10.10.0.0/16 2026-13-45T99:99:99Z', '10.10.0.0/16 2026-13-45T99:99:99Z']
])('%s', (_, text, shown) => {
  expect(moved(text, timeline)).toBe(shown)
})

it('keeps every order', () => {
  const micros = fc.integer({ min: -3_600_000_000, max: 3_600_000_000 })
  const text = (offset: number) => {
    const ms = from + Math.floor(offset / 1000)
    return `${new Date(ms).toISOString().slice(0, 23)}${String(((offset % 1000) + 1000) % 1000).padStart(3, '0')}000Z`
  }
  fc.assert(
    fc.property(micros, micros, (a, b) => {
      const order = Math.sign(a - b)
      const shown = moved(text(a), timeline) < moved(text(b), timeline) ? -1 : 1
      if (order !== 0) expect(shown).toBe(order)
    })
  )
})
