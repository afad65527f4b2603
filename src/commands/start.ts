/** What every start needs, as one file of the package: each further one costs a millisecond. */
export { createIo } from './io.ts'
export { packageVersion } from './package.ts'
export { main } from './program.ts'
