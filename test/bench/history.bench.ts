import { join } from 'node:path'
import { inCheckout } from '../support/root.ts'
import { makeLongHistory, sectionText } from '../support/long-history.ts'
import { appended } from '../../src/render/append.ts'
import { headings } from '../../src/render/locate.ts'
import type { Group } from './bench.ts'
import { processSide, program } from './processes.ts'

/** A repository of 100,000 commits with 500 signed reviews, and a review file of 5,000 sections. */
export const group: Group = {
  name: 'Long histories',
  obstacle: async () => null,
  prepare: async () => {
    const long = await makeLongHistory({ commits: 100_000, reviews: 500 })
    const signers = join(long.dir, 'allowed_signers')
    const trust = ['--allowed-signers', signers, '--reviewer', 'adversary@example.test']
    const gate = [process.execPath, program, 'gate', 'long-M20', '--remote', long.url, ...trust]
    const bare = ['sh', inCheckout('test/bench/bare-gate.sh'), long.url, long.path, signers]
    const file = Buffer.from(
      Array.from({ length: 5000 }, (_, n) => `\n---\n\n${sectionText(`M${n + 1}`, 2000)}`).join('')
    )
    const section = sectionText('M9', 2000)
    return {
      benches: [
        {
          name: 'gate: 100,000 commits, 500 signed reviews',
          ours: processSide('adversary gate', gate),
          baselines: [{ ...processSide('the same git commands, one after another', bare), limit: 2 }],
          unit: 'ms',
          rounds: 3
        },
        {
          name: 'a section appended to a review file of 5,000, and all headings read back',
          ours: {
            name: 'append and read',
            run: async () => {
              await headings(Buffer.concat([file, await appended(file, '', section)]))
              return undefined
            }
          },
          baselines: [],
          unit: 'ms',
          rounds: 10,
          atMost: 200
        }
      ],
      dispose: () => long.dispose()
    }
  }
}
