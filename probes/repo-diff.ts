import * as z from 'zod'
import { globsParam, pathLike } from '../src/lib/text/path-glob.ts'
import { defineProbe, type Finding } from '../src/probe/probe.ts'
import { filesOf } from '../src/systems/repo/tree-count.ts'
import { splitBy, treeDiff } from '../src/systems/repo/tree-diff.ts'

export const repoDiff = defineProbe({
  id: 'repo-diff',
  asserts: 'The commits of the phase change the expected files, and no others',
  because: 'A change that is announced for one module and also edits another goes out without a review.',
  remedy: 'Take the changes to the files named back, or commit what is missing beside them, and claim again.',
  fails: [
    'a file is changed that is not among the expected ones',
    'a file is changed that must not be',
    'of files that belong together, only some are changed'
  ],
  example: { only: ['nix/**', 'docs/**'], not: '**/secrets/**' },
  params: z
    .strictObject({
      since: z
        .union([
          z.literal('baseline'),
          z.string().regex(/^(?:[0-9a-f]{40}|[0-9a-f]{64})$/, 'expected a full commit id')
        ])
        .default('baseline')
        .describe('a full commit id, or `baseline`: the orientation before the first claim of the phase'),
      only: globsParam
        .optional()
        .describe('globs, as in `repo-tree`, of which each changed path matches one'),
      not: globsParam.optional().describe('globs of which no changed path matches one'),
      together: z
        .array(z.array(z.string().min(1).max(500)).min(2).max(20))
        .min(1)
        .max(50)
        .optional()
        .describe(
          'lists of paths that are changed together or not at all, such as a manifest and its lock file'
        )
    })
    .refine(({ only, not, together }) => [only, not, together].some(each => each !== undefined), {
      error: 'expected at least one of `only`, `not` and `together`'
    }),

  needs: ({ since }) => ({ diff: treeDiff(since) }),

  judge({ diff: { from, to, paths } }, { only, not, together }) {
    const at = `${from.slice(0, 7)}..${to.slice(0, 7)}`
    if (paths.length === 0) return [{ outcome: 'unknown', why: `no file differs in ${at}` }]
    const unnamed = paths.find(path => path.includes('\uFFFD'))
    const found = [
      only === undefined ? [] : unwanted(splitBy(paths, only).outside, 'outside of the expected files', at),
      not === undefined
        ? []
        : unwanted(splitBy(paths, not).among, 'among the files that must stay as they are', at),
      (together ?? []).flatMap(group => apart(group, paths, at))
    ].flat()
    const [first, ...rest] = found
    if (first !== undefined) return [first, ...rest]
    // What it is called is not known, so neither is whether it is one that must not change.
    if (unnamed !== undefined)
      return [{ outcome: 'unknown', why: `the name of a changed file is not UTF-8: ${unnamed}` }]
    return [
      {
        outcome: 'pass',
        saw: `${filesOf(paths.length)} changed in ${at}, all as expected`,
        shows: paths.slice(0, shown)
      }
    ]
  },

  falsify({ diff }, { only, not, together }) {
    const changed = (paths: readonly string[]) => ({ diff: { ...diff, paths } })
    const outside = ['x', 'x/x', 'x.x/x.x'].filter(path => splitBy([path], only ?? []).outside.length > 0)
    return [
      ...(only === undefined ? [] : outside.slice(0, 1).map(path => changed([path]))),
      ...(not ?? []).map(glob => changed([pathLike(glob)])),
      ...(together ?? []).map(([one = '']) => changed([one]))
    ]
  }
})

/** How many paths are listed. */
const shown = 20

function unwanted(paths: readonly string[], where: string, at: string): readonly Finding[] {
  if (paths.length === 0) return []
  const saw = `${filesOf(paths.length)} changed ${where}`
  return [
    { outcome: 'fail', saw, expected: 'none', at: `${paths[0] ?? ''} in ${at}`, shows: paths.slice(0, shown) }
  ]
}

function apart(group: readonly string[], paths: readonly string[], at: string): readonly Finding[] {
  const changed = group.filter(path => paths.includes(path))
  const left = group.filter(path => !paths.includes(path))
  if (changed.length === 0 || left.length === 0) return []
  return [
    {
      outcome: 'fail',
      saw: `${changed.join(', ')} changed, ${left.join(', ')} did not`,
      expected: 'all of them to change together',
      at
    }
  ]
}
