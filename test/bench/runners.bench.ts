import { makeRunners } from '../support/runners.ts'
import type { Group, Side } from './bench.ts'
import { program, run } from './processes.ts'

/** Claims shared among runners: `adversary review <commit>` side by side, each from a home and a clone of its own. */

const claims = 40

/** Reviews all claims with so many runners, and looks whether each has one review. Answers ms. */
function fanOut(count: number): Side {
  return {
    name: count === 1 ? '1 runner' : `${count} runners side by side`,
    async run() {
      const made = await makeRunners(count, claims)
      try {
        const started = performance.now()
        await Promise.all(
          made.homes.map(async (home, index) => {
            for (const claim of made.claims.filter((_, n) => n % count === index)) {
              await run([process.execPath, program, 'review', claim, '--home', home])
            }
          })
        )
        const ms = performance.now() - started
        const answered = (await made.scene.verdicts()).map(({ claim }) => claim)
        const forced = await made.forced()
        if (answered.sort().join() !== [...made.claims].sort().join() || forced.length > 0) {
          throw new Error(`${answered.length} reviews of ${claims} claims, ${forced.length} forced pushes`)
        }
        return ms
      } finally {
        await made.scene.dispose()
      }
    }
  }
}

/** What one watcher makes of the same claims: one process, one clone, one batch. */
const watcher: Side = {
  name: '`adversary watch --once`',
  async run() {
    const made = await makeRunners(1, claims)
    try {
      const { ms } = await run([process.execPath, program, 'watch', '--once', '--home', made.homes[0] ?? ''])
      const answered = await made.scene.verdicts()
      if (answered.length !== claims) throw new Error(`${answered.length} reviews of ${claims} claims`)
      return ms
    } finally {
      await made.scene.dispose()
    }
  }
}

export const group: Group = {
  name: 'Runners',
  obstacle: async () => null,
  prepare: async () => ({
    benches: [
      {
        name: `${claims} claims`,
        ours: fanOut(4),
        baselines: [fanOut(1), watcher],
        unit: 'ms',
        rounds: 1,
        note: 'Every claim had one review at the end, and no push was forced. All runners share these cores.'
      }
    ],
    dispose: async () => undefined
  })
}
