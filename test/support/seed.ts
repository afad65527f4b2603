import fc from 'fast-check'

/**
 * In CI every run tries the same examples, so that a red build is about the change that it builds. Elsewhere
 * each run tries new ones; FAST_CHECK_SEED repeats one that failed.
 */
const seed = process.env['FAST_CHECK_SEED'] ?? (process.env['CI'] === 'true' ? '20261123' : undefined)
if (seed !== undefined) fc.configureGlobal({ seed: Number(seed) })
