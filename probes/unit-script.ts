import { trimmedEnd } from '../src/lib/text/trim.ts'
import * as z from 'zod'
import { pattern, patternText } from '../src/lib/text/pattern.ts'
import { defineProbe, type Finding } from '../src/probe/probe.ts'
import { unitRehearsal } from '../src/rehearsal/host/boot-rehearsal.ts'
import { searchOf } from '../src/rehearsal/host/script-findings.ts'
import { commandWords } from '../src/systems/languages/shell-syntax.ts'
import { unitPrograms } from '../src/systems/systemd/unit-programs.ts'
import { unitParam } from '../src/systems/systemd/units.ts'

/** What runs is judged line by line: a text of several lines would be in none of them, and lacked by everything. */
const text = z
  .string()
  .regex(
    /^[^\S\r\n]*\S[^\r\n]*(?:\r?\n)*$/,
    'expected one line that is more than white space; each of several lines is a text of its own'
  )
  .transform(given => trimmedEnd(given, '\r\n'))
const texts = z
  .union([text, z.array(text).min(1)])
  .transform(given => (typeof given === 'string' ? [given] : given))

/** One command as a person types it: words and quotes, and nothing that only a shell makes something of. */
const command = text.transform((given, context) => {
  const words = commandWords(given)
  if (words !== null) return { text: given, words }
  context.issues.push({
    code: 'custom',
    message: 'expected one command of plain words, such as docker network create --subnet 10.10.0.0/16 proxy',
    input: given
  })
  return z.NEVER
})

export const unitScript = defineProbe({
  id: 'unit-script',
  asserts: 'The commands that the unit executes contain, lack or match the given text',
  because: 'A patch in the repo has no effect until the unit on the host starts the patched program.',
  remedy: 'Deploy the patched unit, reload systemd, and check the program that ExecStart names.',
  fails: [
    'no executed command has the expected text, or one has a forbidden text',
    'no executed command is one that it has to run',
    'the unit does not exist'
  ],
  example: { unit: 'swarm-init', contains: '--subnet 10.10.0.0/16' },
  params: z
    .strictObject({
      unit: unitParam.describe('a systemd unit; `.service` may be left out'),
      contains: texts.default([]).describe('each must be in an executed line'),
      lacks: texts.default([]).describe('none may be in an executed line'),
      matches: z
        .union([patternText, z.array(patternText).min(1)])
        .transform(given => (typeof given === 'string' ? [given] : given))
        .default([])
        .describe('each must match an executed line (RE2)'),
      runs: z
        .union([command, z.array(command).min(1)])
        .transform(given => (Array.isArray(given) ? given : [given]))
        .default([])
        .describe(
          'each must be executed: the same words, and these options with these values in any order; it may have others'
        )
    })
    .refine(
      ({ contains, lacks, matches, runs }) =>
        contains.length + lacks.length + matches.length + runs.length > 0,
      { error: 'expected at least one of contains, lacks, matches, runs' }
    ),

  needs: ({ unit }) => ({ programs: unitPrograms(unit), rehearsal: unitRehearsal(unit) }),

  judge({ programs, rehearsal }, { unit: at, contains, lacks, matches, runs }) {
    const { unit } = programs
    if (unit.load !== 'loaded') {
      return [{ outcome: 'fail', saw: `${at} is ${unit.load}`, expected: `a loaded unit ${at}`, at }]
    }
    if (unit.needsReload) {
      const why = `${at} changed on disk since systemd read it (NeedDaemonReload=yes), so its files are not what runs`
      return [{ outcome: 'unknown', why }]
    }
    const search = searchOf(programs, rehearsal)
    if (search === null) return [{ outcome: 'unknown', why: `${at} has no readable program` }]
    const findings: readonly Finding[] = [
      ...contains.map(text => search.found(`\`${text}\``, line => line.includes(text), text)),
      ...matches.map(text => search.found(`a match of \`${text}\``, line => pattern(text).test(line), null)),
      ...lacks.map(search.absent),
      ...runs.map(({ text, words }) => search.runs(text, words))
    ]
    const [first, ...rest] = findings
    return first === undefined
      ? [{ outcome: 'not-applicable', why: 'the check has no expectation' }]
      : [first, ...rest]
  },

  falsify({ programs, rehearsal }, { lacks }) {
    // Without a first line that names a shell the text is taken as it is, whatever a shell would skip in it.
    const text = (body: string) => ({
      programs: {
        unit: { ...programs.unit, load: 'loaded', needsReload: false },
        files: [{ path: '/f.service', text: '[Service]\nExecStart=/f\n' }],
        programs: [{ path: '/f', text: body, why: '' }]
      },
      rehearsal: {
        ...rehearsal,
        answer: {
          executed: [
            {
              unit: programs.unit.name,
              place: null,
              argv: ['/f', ...body.split(' ')],
              kind: 'program' as const,
              code: 0
            }
          ],
          reached: [],
          unknowns: [],
          cut: null
        }
      }
    })
    return lacks.length > 0 ? lacks.map(text) : [text('')]
  }
})
