import type * as z from 'zod'

/**
 * All of zod, for probes that bring their own schemas. The package that is shipped holds only what we use of it
 * ourselves, without its forty languages: this one is loaded from where npm has put it, and only when it is wanted.
 */
export function wholeZod(): Promise<typeof z> {
  return import('zod')
}
