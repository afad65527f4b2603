/** What every start needs, as one file of the package: each further one costs a millisecond. */
export { concealed } from '../lib/secrets/veil.ts'
export { createIo } from './io.ts'
export { packageVersion } from './package.ts'
export { main } from './program.ts'
export { programName } from './program-name.ts'
