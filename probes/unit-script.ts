import { trimmedEnd } from '../src/lib/text/trim.ts'
import { counted } from '../src/lib/text/counted.ts'
import * as z from 'zod'
import { pattern, patternText } from '../src/lib/text/pattern.ts'
import { defineProbe, type Finding } from '../src/probe/probe.ts'
import { bare, executed, type ExecutedLine, unsureIn } from '../src/systems/systemd/executed-lines.ts'
import { gone, unitPrograms } from '../src/systems/systemd/unit-programs.ts'
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

export const unitScript = defineProbe({
  id: 'unit-script',
  asserts: 'The commands that the unit executes contain, lack or match the given text',
  because: 'A patch in the repo has no effect until the unit on the host starts the patched program.',
  remedy: 'Deploy the patched unit, reload systemd, and check the program that ExecStart names.',
  fails: [
    'no executed command has the expected text, or one has a forbidden text',
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
        .describe('each must match an executed line (RE2)')
    })
    .refine(({ contains, lacks, matches }) => contains.length + lacks.length + matches.length > 0, {
      error: 'expected at least one of contains, lacks, matches'
    }),

  needs: ({ unit }) => ({ programs: unitPrograms(unit) }),

  judge({ programs }, { unit: at, contains, lacks, matches }) {
    const { unit } = programs
    if (unit.load !== 'loaded') {
      return [{ outcome: 'fail', saw: `${at} is ${unit.load}`, expected: `a loaded unit ${at}`, at }]
    }
    if (unit.needsReload) {
      const why = `${at} changed on disk since systemd read it (NeedDaemonReload=yes), so its files are not what runs`
      return [{ outcome: 'unknown', why }]
    }
    const lines = executed(programs)
    if (lines.length === 0) return [{ outcome: 'unknown', why: `${at} has no readable program` }]
    const searched = [...new Set(lines.map(({ file }) => file))].join(', ')
    const blind = [
      ...programs.programs
        .filter(({ text, why }) => text === null && why !== gone)
        .map(({ path, why }) => `${path} (${why})`),
      ...unsureIn(programs)
    ]
    const unseen = (wanted: string): Finding => ({
      outcome: 'unknown',
      why: `${wanted} is not in ${searched}, and these parts are unreadable: ${blind.join('; ')}`
    })

    /** A line in which the text is but for blanks, quotes and backslashes, which may make no difference to what runs. */
    const alike = (text: string) => {
      const wanted = bare(text)
      return wanted.trim() === '' ? undefined : lines.find(line => bare(line.text).includes(wanted))
    }
    const unclear = (wanted: string, line: ExecutedLine): Finding => ({
      outcome: 'unknown',
      why: `${wanted} matches ${where(line)} except for blanks, quotes or backslashes (${line.text.slice(0, 200)}), so it is unknown whether it runs the same. Write the text exactly as in that line`
    })

    const found = (wanted: string, test: (text: string) => boolean, text: string | null): Finding => {
      const line = lines.find(({ text }) => test(text))
      if (line !== undefined)
        return { outcome: 'pass', saw: `${wanted} is in ${where(line)}`, shows: [quoted(line)] }
      if (blind.length > 0) return unseen(wanted)
      const other = text === null ? undefined : alike(text)
      if (other !== undefined) return unclear(wanted, other)
      return {
        outcome: 'fail',
        saw: `${wanted} is not in ${searched}`,
        expected: `${at} runs ${wanted}`,
        at: searched
      }
    }
    const absent = (text: string): Finding => {
      const line = lines.find(line => line.text.includes(text))
      const expected = `${at} runs nothing with \`${text}\``
      if (line !== undefined) {
        return {
          outcome: 'fail',
          saw: `\`${text}\` is in ${where(line)}`,
          expected,
          at: where(line),
          shows: [quoted(line)]
        }
      }
      if (blind.length > 0) return unseen(`\`${text}\``)
      const other = alike(text)
      if (other !== undefined) return unclear(`\`${text}\``, other)
      return {
        outcome: 'pass',
        saw: `\`${text}\` is not in ${searched} (${counted(lines.length, 'line')})`
      }
    }
    const findings = [
      ...contains.map(text => found(`\`${text}\``, line => line.includes(text), text)),
      ...matches.map(text => found(`a match of \`${text}\``, line => pattern(text).test(line), null)),
      ...lacks.map(absent)
    ]
    const [first, ...rest] = findings
    return first === undefined
      ? [{ outcome: 'not-applicable', why: 'the check has no expectation' }]
      : [first, ...rest]
  },

  falsify({ programs }, { lacks }) {
    // Without a first line that names a shell the text is taken as it is, whatever a shell would skip in it.
    const text = (body: string) => ({
      programs: {
        unit: { ...programs.unit, load: 'loaded', needsReload: false },
        files: [{ path: '/f.service', text: '[Service]\nExecStart=/f\n' }],
        programs: [{ path: '/f', text: body, why: '' }]
      }
    })
    return lacks.length > 0 ? lacks.map(text) : [text('')]
  }
})

function where({ file, line }: ExecutedLine) {
  return `${file}:${line}`
}

function quoted(line: ExecutedLine) {
  return `${where(line)}: ${line.text.slice(0, 300)}`
}
