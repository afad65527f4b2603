import { describe, expect, it } from 'vitest'
import { analysisBounds } from '../../../src/lib/bounds.ts'
import { assembled } from '../../../src/systems/systemd/unit-programs.ts'
import { parseStates } from '../../../src/systems/systemd/units.ts'
import { unitState } from '../../support/boot.ts'

const { units, unitWords, hostWords } = analysisBounds

describe('the units of a host', () => {
  const listed = (count: number) =>
    Array.from({ length: count }, (_, n) => `Id=u${n}.service\nLoadState=loaded\nActiveState=active\n`).join(
      '\n'
    )

  it(`are ${units} at most`, () => {
    expect(parseStates(listed(units))).toHaveLength(units)
    expect(() => parseStates(listed(units + 1))).toThrow(
      `systemctl listed ${units + 1} units, more than the limit of ${units}`
    )
  })
})

describe('the files of units', () => {
  const state = (n: number) => unitState(`u${n}.service`)
  const path = (n: number) => `/etc/systemd/system/u${n}.service`
  const file = (n: number, words: number) => `# ${path(n)}\n[Service]\n${'w \t\n'.repeat(words - 1)}\n`
  const read = (...words: number[]) =>
    assembled(
      words.map((_, n) => state(n)),
      words.map((count, n) => file(n, count)).join('')
    )

  it('have so many words each', () => {
    expect(read(unitWords).map(({ files }) => files?.length)).toEqual([1])
    expect(() => read(unitWords + 1)).toThrow(`the files of u0.service have more than ${unitWords} words`)
  })

  it('have so many words together', () => {
    const rows = Array.from({ length: hostWords / unitWords }, () => unitWords)
    expect(read(...rows)).toHaveLength(rows.length)
    expect(() => read(...rows, 1)).toThrow(`the unit files of the host have more than ${hostWords} words`)
  })
})
