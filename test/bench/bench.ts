/**
 * How benches are run. A bench compares one way of ours with the ways it is measured against. All of them
 * are run in turn, round after round, so that a load on the machine falls on each of them alike; what is
 * compared are the two times of one round, and what is told is the median of these comparisons.
 */

/** One way to do a thing. */
export interface Side {
  readonly name: string
  /** Does it once. Answers its figure in the bench's unit, or nothing: then the time it took counts, in ms. */
  readonly run: () => Promise<number | undefined>
}

export interface Baseline extends Side {
  /** Ours must not be more than this many times the baseline. Without it the comparison is for information. */
  readonly limit?: number
}

export interface Bench {
  readonly name: string
  readonly ours: Side
  readonly baselines: readonly Baseline[]
  readonly unit: 'ms' | 'MB' | 's'
  /** How often each side runs, after one run that does not count. */
  readonly rounds: number
  /** Ours must not be more than this, in the unit. */
  readonly atMost?: number
  /** Said under the table. */
  readonly note?: string
}

/** Benches that share what they need. */
export interface Group {
  readonly name: string
  /** What keeps this machine from running them, or null. */
  obstacle(setting: Setting): Promise<string | null>
  prepare(setting: Setting): Promise<Prepared>
}

export interface Prepared {
  readonly benches: readonly Bench[]
  dispose(): Promise<void>
}

export interface Setting {
  /** Install the peers by apt where they are missing. */
  readonly peers: boolean
  /** Says what is being done, to whoever waits. */
  say(line: string): void
}

export interface Spread {
  readonly median: number
  readonly least: number
  readonly most: number
}

export interface Comparison {
  readonly baseline: string
  readonly limit?: number
  readonly figure: Spread
  /** Ours by theirs, of each round. */
  readonly ratio: Spread
}

export interface Outcome {
  readonly bench: Pick<Bench, 'name' | 'unit' | 'rounds' | 'atMost' | 'note'>
  readonly ours: { readonly name: string; readonly figure: Spread }
  readonly comparisons: readonly Comparison[]
}

/** Runs a bench: ours and every baseline in turn, in another order each round. */
export async function measure(bench: Bench, rounds = bench.rounds): Promise<Outcome> {
  const sides = [bench.ours, ...bench.baselines]
  const figures: number[][] = sides.map(() => [])
  for (let round = 0; round <= rounds; round++) {
    for (let turn = 0; turn < sides.length; turn++) {
      const index = (round + turn) % sides.length
      const figure = await timed(sides[index])
      // The first round warms what a second one would find warm: files in memory, a process's own caches.
      if (round > 0) figures[index]?.push(figure)
    }
  }
  const [ours = [], ...theirs] = figures
  return {
    bench,
    ours: { name: bench.ours.name, figure: spread(ours) },
    comparisons: bench.baselines.map(({ name, limit }, index) => {
      const figure = theirs[index] ?? []
      return {
        baseline: name,
        ...(limit === undefined ? {} : { limit }),
        figure: spread(figure),
        ratio: spread(ours.map((value, round) => value / (figure[round] ?? Number.NaN)))
      }
    })
  }
}

/** A bench, or what a group needs for all of them, that did not come to its end. */
export interface Failure {
  readonly name: string
  readonly why: string
}

/** What became of a group: one bench's failure is not the others'. */
export interface Measured {
  readonly outcomes: readonly Outcome[]
  readonly failures: readonly Failure[]
  /** Why nothing of it was measured. */
  readonly obstacle?: string
}

/** Runs those benches of the group that are wanted, one after the other. Never rejects. */
export async function measureGroup(
  group: Group,
  how: {
    readonly setting: Setting
    readonly rounds?: number | undefined
    wanted(bench: Bench): boolean
    measured(outcome: Outcome): void
  }
): Promise<Measured> {
  const outcomes: Outcome[] = []
  const failures: Failure[] = []
  const failing = async <T>(name: string, work: () => Promise<T>): Promise<T | null> => {
    try {
      return await work()
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error)
      failures.push({ name, why })
      how.setting.say(`${name}: failed: ${why}`)
      return null
    }
  }
  const obstacle = await failing(group.name, () => group.obstacle(how.setting))
  if (failures.length > 0) return { outcomes, failures }
  if (obstacle !== null) return { outcomes, failures, obstacle }
  how.setting.say(`${group.name}: getting ready`)
  const prepared = await failing(group.name, () => group.prepare(how.setting))
  if (prepared === null) return { outcomes, failures }
  for (const bench of prepared.benches.filter(how.wanted)) {
    const outcome = await failing(bench.name, () => measure(bench, how.rounds))
    if (outcome === null) continue
    outcomes.push(outcome)
    how.measured(outcome)
  }
  await failing(group.name, () => prepared.dispose())
  return { outcomes, failures }
}

async function timed(side: Side | undefined): Promise<number> {
  if (side === undefined) throw new RangeError('there is no such side')
  const started = performance.now()
  const own = await side.run()
  return own ?? performance.now() - started
}

/** The median, and the middle half around it: one disturbed round in four moves neither end. */
export function spread(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b)
  const at = (share: number): number => {
    const place = (sorted.length - 1) * share
    const low = sorted[Math.floor(place)] ?? Number.NaN
    const high = sorted[Math.ceil(place)] ?? Number.NaN
    return low + (high - low) * (place - Math.floor(place))
  }
  return { median: at(0.5), least: at(0.25), most: at(0.75) }
}

/** Whether a limit is kept; null where there is none. */
export function kept(outcome: Outcome, comparison: Comparison | null): boolean | null {
  if (comparison !== null) {
    return comparison.limit === undefined ? null : comparison.ratio.median <= comparison.limit
  }
  const { atMost } = outcome.bench
  return atMost === undefined ? null : outcome.ours.figure.median <= atMost
}
