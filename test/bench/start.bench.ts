import type { Group } from './bench.ts'
import { processSide, program } from './processes.ts'

/** The program's start: what every command pays. */
export const group: Group = {
  name: 'Start',
  obstacle: async () => null,
  prepare: async () => {
    const bare = processSide('node -e 0', [process.execPath, '-e', '0'])
    const start = (words: readonly string[]) =>
      processSide(`adversary ${words.join(' ')}`, [process.execPath, program, ...words])
    return {
      benches: [['--version'], ['--help'], ['gate', '--help']].map(words => ({
        name: words.join(' '),
        ours: start(words),
        baselines: [{ ...bare, limit: 1.5 }],
        unit: 'ms',
        rounds: 25
      })),
      dispose: async () => undefined
    }
  }
}
