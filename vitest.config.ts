import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'quick',
          include: ['test/**/*.test.ts'],
          exclude: ['test/real/**'],
          testTimeout: 20_000
        }
      },
      {
        test: {
          name: 'host',
          include: ['test/real/**/*.test.ts'],
          globalSetup: ['test/support/real-host-setup.ts'],
          fileParallelism: false,
          maxWorkers: 1,
          testTimeout: 300_000,
          hookTimeout: 600_000
        }
      }
    ]
  }
})
