import { type Command } from '../machine.ts'
import { done, failed } from '../invocation.ts'

const seconds: Readonly<Record<string, number>> = { '': 1, s: 1, m: 60, h: 3_600, d: 86_400 }

export const sleep: Command = async ({ argv, self, state }) => {
  let ms = 0
  for (const word of argv.slice(1)) {
    const [, number = '', unit = ''] = /^(\d+(?:\.\d*)?|\.\d+|inf(?:inity)?)([smhd]?)$/.exec(word) ?? []
    if (number === '') return failed(1, `sleep: invalid time interval '${word}'\n`)
    ms += (number.startsWith('inf') ? Number.POSITIVE_INFINITY : Number(number)) * (seconds[unit] ?? 1) * 1000
  }
  await self.sleep(ms, state ?? undefined)
  return done()
}
