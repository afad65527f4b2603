import { basename, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import * as z from 'zod'
import { AdversaryError, messageOf } from '../lib/errors.ts'
import { namesIn } from '../os/files.ts'
import type { AnyProbe } from '../probe/probe.ts'
import { defineProbe } from '../probe/probe.ts'
import { wholeZod } from './whole-zod.ts'

/**
 * What a probe must bring before anything is judged with it. Types are checked by the compiler for the
 * library, and here for files that no compiler has seen.
 */
const shape = z.object({
  id: z.string().regex(/^[a-z][a-z0-9]*(?:-[a-z0-9]+)*$/, 'expected a kebab-case `id`'),
  asserts: z.string().min(1, 'expected the sentence that holds when the probe passes'),
  because: z.string().min(1, 'expected the reason why this matters'),
  remedy: z.string().min(1, 'expected what to do when it fails'),
  params: z.custom<z.ZodType>(isSchema, 'expected a zod schema, for example `z.strictObject({})`'),
  needs: z.function(),
  judge: z.function(),
  falsify: z.function(),
  bind: z.function()
})

const folder = 'probes'

/** The names in the home of the files that may each hold a probe of its own. */
export async function ownProbeFiles(dir: string): Promise<readonly string[]> {
  const names = (await namesIn(join(dir, folder))) ?? []
  return names.filter(name => name.endsWith('.mjs')).map(name => `${folder}/${name}`)
}

/** What a file of `probes/` is given: it imports nothing of ours. */
export interface ProbeApi {
  readonly defineProbe: typeof defineProbe
  readonly z: typeof z
  /** The fact sources of the library. */
  readonly facts: Readonly<Record<string, unknown>>
}

/**
 * Loads the reviewer's own probes, `probes/*.mjs` of the home: each exports a default function from the
 * kit to a probe. They run with all rights of the reviewer, and come from the home alone.
 *
 * @param files of `ownProbeFiles`.
 * @param taken the ids of the library. @throws AdversaryError (usage) naming file and reason.
 */
export async function loadOwnProbes(
  dir: string,
  files: readonly string[],
  taken: readonly AnyProbe[],
  facts: () => Promise<ProbeApi['facts']>
): Promise<readonly AnyProbe[]> {
  const found: AnyProbe[] = []
  for (const file of files) {
    const probe = await load(join(dir, file), file, {
      defineProbe,
      z: await wholeZod(),
      facts: await facts()
    })
    const named = basename(file, '.mjs')
    if (probe.id !== named) {
      throw new AdversaryError(
        'usage',
        `${file}: id: got \`${probe.id}\`, expected \`${named}\` as the file's name says`
      )
    }
    if (taken.some(({ id }) => id === probe.id)) {
      throw new AdversaryError('usage', `${file}: id: the library already has a probe \`${probe.id}\``)
    }
    found.push(probe)
  }
  return found
}

async function load(path: string, file: string, api: ProbeApi): Promise<AnyProbe> {
  let made: unknown
  try {
    const loaded: Readonly<Record<string, unknown>> = await import(pathToFileURL(path).href)
    const make = loaded['default']
    if (typeof make !== 'function')
      throw new TypeError('expected `export default ({ defineProbe, facts, z }) => …`')
    made = await make(api)
  } catch (error) {
    throw new AdversaryError('usage', `${file}: ${messageOf(error)}`, { cause: error })
  }
  const checked = shape.safeParse(made)
  if (!checked.success) {
    const [issue] = checked.error.issues
    const key = issue?.path.join('.') || 'default export'
    throw new AdversaryError('usage', `${file}: ${key}: ${issue?.message ?? 'not a probe'}`)
  }
  // `shape` has looked at every member that AnyProbe names, but for what functions take and return:
  // that is seen when they are called, and a throw there is `unknown`.
  return made as AnyProbe
}

function isSchema(value: unknown): boolean {
  return typeof value === 'object' && value !== null && '_zod' in value && 'safeParse' in value
}
