import type { Command } from '../machine.ts'
import { done, failed, stateIn } from '../invocation.ts'

const units: Readonly<Record<string, number>> = { '': 1, s: 1, m: 60, h: 3_600, d: 86_400 }

/** Seconds of `sleep` and `timeout`, with a unit behind them; null where it is no such text. */
export function secondsOf(text: string): number | null {
  const [, number = '', unit = ''] = /^\+?(\d+(?:\.\d*)?|\.\d+|inf(?:inity)?)([smhd]?)$/.exec(text) ?? []
  if (number === '') return null
  return (number.startsWith('inf') ? Number.POSITIVE_INFINITY : Number(number)) * (units[unit] ?? 1)
}

export const sleep: Command = async call => {
  const { argv, self } = call
  let ms = 0
  for (const word of argv.slice(1)) {
    const seconds = secondsOf(word)
    if (seconds === null) return failed(1, `sleep: invalid time interval '${word}'\n`)
    ms += seconds * 1_000
  }
  await self.sleep(ms, stateIn(call, 'sleep'))
  return done()
}

/** The time of the rehearsed boot: `+FORMAT`, `-d`, `-u`, `-Is`. */
export const date: Command = async ({ argv, self }, { facts, kernel }) => {
  const words = argv.slice(1)
  const at = words.findIndex(word => word === '-d' || word === '--date')
  const given =
    at >= 0 ? (words[at + 1] ?? '') : (words.find(word => word.startsWith('--date='))?.slice(7) ?? 'now')
  let ms = facts.host.bootAt * 1_000 + kernel.now()
  self.step(String(ms))
  const [, epoch] = /^@(\d+(?:\.\d+)?)$/.exec(given) ?? []
  if (epoch !== undefined) ms = Number(epoch) * 1_000
  else {
    const ago = given.endsWith(' ago') ? -1 : 1
    let known = /^now$|^today$/.test(given)
    for (const [, sign = '', number = '', unit = ''] of given.matchAll(
      /([-+]?) {0,5}(\d{1,9}) {0,5}(second|sec|minute|min|hour|day|week)s?/g
    )) {
      const factor =
        { second: 1, sec: 1, minute: 60, min: 60, hour: 3_600, day: 86_400, week: 604_800 }[unit] ?? 0
      ms += ago * (sign === '-' ? -1 : 1) * Number(number) * factor * 1_000
      known = true
    }
    if (!known && Number.isNaN(Date.parse(given))) return failed(1, `date: invalid date '${given}'\n`)
    if (!known) ms = Date.parse(given)
  }
  const format = words.find(word => word.startsWith('+'))?.slice(1)
  if (format !== undefined) return done(`${formatted(format, new Date(ms))}\n`)
  const iso = words.some(word => /^(?:-I|--iso-8601|-R|--rfc)/.test(word))
  return done(`${formatted(iso ? '%Y-%m-%dT%H:%M:%S+00:00' : '%a %b %e %H:%M:%S UTC %Y', new Date(ms))}\n`)
}

function formatted(format: string, at: Date): string {
  const two = (value: number, fill = '0') => String(value).padStart(2, fill)
  const days = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat']
  const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']
  const known: Readonly<Record<string, () => string>> = {
    s: () => String(Math.floor(at.getTime() / 1_000)),
    N: () => `${String(at.getUTCMilliseconds()).padStart(3, '0')}000000`,
    Y: () => String(at.getUTCFullYear()),
    y: () => two(at.getUTCFullYear() % 100),
    m: () => two(at.getUTCMonth() + 1),
    d: () => two(at.getUTCDate()),
    e: () => two(at.getUTCDate(), ' '),
    H: () => two(at.getUTCHours()),
    I: () => two(at.getUTCHours() % 12 || 12),
    M: () => two(at.getUTCMinutes()),
    S: () => two(at.getUTCSeconds()),
    F: () => at.toISOString().slice(0, 10),
    T: () => at.toISOString().slice(11, 19),
    R: () => at.toISOString().slice(11, 16),
    u: () => String(at.getUTCDay() || 7),
    w: () => String(at.getUTCDay()),
    a: () => days[at.getUTCDay()] ?? '',
    b: () => months[at.getUTCMonth()] ?? '',
    Z: () => 'UTC',
    z: () => '+0000',
    n: () => '\n',
    '%': () => '%'
  }
  return format.replaceAll(/%[-_0^#]{0,4}(\d{0,4})([A-Za-z%])/g, (all, width: string, letter: string) => {
    const value = Object.hasOwn(known, letter) ? known[letter]?.() : undefined
    if (value === undefined) return all
    return letter === 'N' && width !== '' ? value.slice(0, Number(width)) : value
  })
}
