/** Lets at most so many pieces of work go on at once. The others wait, first come, first served. */
export type Lane = <T>(work: () => Promise<T>) => Promise<T>

export function lane(atOnce: number): Lane {
  let free = atOnce
  const waiting: (() => void)[] = []
  return async work => {
    if (free > 0) free -= 1
    else await new Promise<void>(go => waiting.push(go))
    try {
      return await work()
    } finally {
      const next = waiting.shift()
      if (next === undefined) free += 1
      else next()
    }
  }
}
