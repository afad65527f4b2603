import { defineConfig } from 'vitest/config'
import { generous } from './test/support/pace.ts'

/** Many real git histories, processes and connections each: too long for the quick run, and in need of no host. */
const thorough = [
  'test/gate/**/*.test.ts',
  'test/faults/**/*.test.ts',
  'test/record/{publish,publish-processes}.test.ts',
  'test/watch/{kill,reviewers,watch,commit-statuses}.test.ts',
  'test/review/{annotate,baseline,changes,early,hidden-text,hostile,place,review,runners,secrets,tree-search}.test.ts',
  'test/cli/{doctor,bad-input,documents,gate,init,lockdown,pages,process,report,serve,pipelines}.test.ts',
  'test/git/git.test.ts',
  'test/ssh/{guard,known-hosts}.test.ts',
  'test/demo/demo.test.ts',
  'test/render/{locate,scan}.test.ts',
  // What is made to be slow, at the sizes at which it would be.
  'test/**/*.time.test.ts'
]

/** The real host is one of two Debians, in turn: there is one address. See test/host/README.md. */
const trixie = process.env['ADVERSARY_TESTHOST_RELEASE'] === 'trixie'

/** Builds what runs in a sandbox, for tests that go the whole way from reads to a verdict. */
const built = 'test/support/built-setup.ts'

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'quick',
          globalSetup: [built],
          setupFiles: ['test/support/seed.ts'],
          include: ['test/**/*.test.ts'],
          exclude: ['test/real/**', 'test/browser/**', ...thorough],
          // A limit for what hangs, not for what waits its turn on a busy machine.
          testTimeout: generous(60_000),
          hookTimeout: generous(120_000),
          // Most of them wait for git, ssh and timers rather than compute.
          maxWorkers: 4,
          // Half of the time went into loading the same modules for each file: files of a worker share them.
          isolate: false
        }
      },
      {
        test: {
          name: 'thorough',
          globalSetup: [built],
          setupFiles: ['test/support/seed.ts'],
          include: thorough,
          testTimeout: generous(240_000),
          hookTimeout: generous(180_000),
          maxWorkers: 4,
          // Of a file that says so: what waits for hosts that do not answer.
          maxConcurrency: 8
        }
      },
      {
        test: {
          name: 'browser',
          setupFiles: ['test/support/seed.ts'],
          include: ['test/browser/**/*.test.ts'],
          globalSetup: [built, 'test/support/browser-setup.ts'],
          // One browser: its pages are slow enough beside each other.
          fileParallelism: false,
          maxWorkers: 1,
          testTimeout: generous(120_000),
          hookTimeout: generous(120_000)
        }
      },
      {
        test: {
          name: trixie ? 'host-13' : 'host-12',
          setupFiles: ['test/support/seed.ts'],
          include: ['test/real/**/*.test.ts'],
          // What is tried of this machine alone (its shells, its sshd) is tried once.
          exclude: trixie ? ['test/real/{shells,sshd}.test.ts'] : ['test/real/debian-13/**'],
          globalSetup: [built, 'test/support/real-host-setup.ts'],
          fileParallelism: false,
          maxWorkers: 1,
          testTimeout: generous(300_000),
          hookTimeout: generous(600_000)
        }
      }
    ]
  }
})
