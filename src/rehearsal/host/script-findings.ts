import type { Finding } from '../../lib/finding.ts'
import { counted } from '../../lib/text/counted.ts'
import { isSystemProgram } from '../../systems/programs/program-runs.ts'
import { bare, executed, type ExecutedLine, unsureIn } from '../../systems/systemd/executed-lines.ts'
import { gone, type UnitPrograms } from '../../systems/systemd/unit-programs.ts'
import type { UnitAnswer, UnitRehearsal } from './unit-answer.ts'
import { commandText } from './boot-timeline.ts'
import { hasRun, inExecuted, type Standing, wasExecuted } from './executed-text.ts'

/** What a plan expects of what a unit's start executes, compared with its programs and their rehearsal. Pure. */

export type ScriptFinding = Exclude<Finding, { readonly outcome: 'not-applicable' }>

export interface ScriptSearch {
  /** A text that has to be in something that is executed; `plain` is null for a pattern. */
  found(wanted: string, test: (text: string) => boolean, plain: string | null): ScriptFinding
  /** A text that must not be in anything that is executed. */
  absent(text: string): ScriptFinding
  /** A command that has to be executed, by its words. */
  runs(text: string, words: readonly string[]): ScriptFinding
}

/** Null: nothing of the unit's programs could be read. */
export function searchOf(programs: UnitPrograms, { answer, files }: UnitRehearsal): ScriptSearch | null {
  const unit = programs.unit.name
  const lines = executed(programs)
  if (lines.length === 0) return null
  const searched = [...new Set(lines.map(({ file }) => file))].join(', ')
  const unread = [...programs.programs, ...files].filter(
    ({ text, why }) => text === null && why !== gone && why !== 'missing'
  )
  const blind = [
    ...programs.programs
      .filter(({ text, why }) => text === null && why !== gone)
      .map(({ path, why }) => `${path} (${why})`),
    ...unsureIn(programs)
  ]
  const textOf = new Map(
    [...programs.files, ...programs.programs, ...files].map(({ path, text }) => [path, text ?? ''])
  )
  const unseen = (wanted: string): ScriptFinding => ({
    outcome: 'unknown',
    why: `${wanted} is not in ${searched}, and these parts are unreadable: ${blind.join('; ')}`
  })
  /** A line in which the text is but for blanks, quotes and backslashes, which may make no difference to what runs. */
  const alike = (text: string) => {
    const wanted = bare(text)
    return wanted.trim() === '' ? undefined : lines.find(line => bare(line.text).includes(wanted))
  }
  const unclear = (wanted: string, line: ExecutedLine): ScriptFinding => ({
    outcome: 'unknown',
    why: `${wanted} matches ${where(line)} except for blanks, quotes or backslashes (${line.text.slice(0, 200)}), so it is unknown whether it runs the same. Write the text exactly as in that line`
  })
  const standingOf = (
    rehearsed: UnitAnswer,
    line: ExecutedLine,
    test: (text: string) => boolean
  ): Standing => {
    if (!programs.files.some(({ path }) => path === line.file))
      return wasExecuted(rehearsed, line, textOf.get(line.file) ?? '')
    const here = rehearsed.executed.filter(({ place }) => place?.path === line.file)
    return inExecuted({ ...rehearsed, executed: here }, test)
  }

  function found(wanted: string, test: (text: string) => boolean, plain: string | null): ScriptFinding {
    const there = lines.filter(({ text }) => test(text))
    const [first] = there
    if ('unknown' in answer) return first === undefined ? missing(wanted, plain) : unreached(wanted, first)
    const each = there.map(line => ({ line, standing: standingOf(answer, line, test) }))
    const lasting = each.find(({ standing }) => standing.kind === 'executed')
    if (lasting !== undefined)
      return {
        outcome: 'pass',
        saw: `${wanted} is in ${where(lasting.line)}`,
        shows: [quoted(lasting.line)]
      }
    const argv = inExecuted(answer, test)
    if (argv.kind === 'executed')
      return {
        outcome: 'pass',
        saw: `${wanted} is executed in ${argv.where}`,
        shows: [`${argv.where}: runs ${argv.text}`]
      }
    const undone = [argv, ...each.map(({ standing }) => standing)].find(({ kind }) => kind === 'undone')
    if (undone?.kind === 'undone')
      return {
        outcome: 'unknown',
        why: `${wanted} is executed in ${undone.where}, and a later command of the same start removes what it made: ${undone.by}`
      }
    return first === undefined ? missing(wanted, plain) : unreached(wanted, first)
  }

  function unreached(wanted: string, line: ExecutedLine): ScriptFinding {
    const why =
      'unknown' in answer
        ? answer.unknown
        : (answer.cut ?? 'the rehearsal of the start did not execute this line')
    return {
      outcome: 'unknown',
      why: `${wanted} is in ${where(line)}, and it is unknown whether the start of ${unit} reaches it: ${why}`
    }
  }

  function missing(wanted: string, plain: string | null): ScriptFinding {
    if (blind.length > 0) return unseen(wanted)
    const other = plain === null ? undefined : alike(plain)
    if (other !== undefined) return unclear(wanted, other)
    return {
      outcome: 'fail',
      saw: `${wanted} is not in ${searched}`,
      expected: `${unit} runs ${wanted}`,
      at: searched
    }
  }

  function absent(text: string): ScriptFinding {
    const wanted = `\`${text}\``
    const test = (line: string) => line.includes(text)
    const there = lines.filter(line => test(line.text))
    const expected = `${unit} runs nothing with ${wanted}`
    if (!('unknown' in answer)) {
      const seen = there.find(line => standingOf(answer, line, test).kind !== 'not seen')
      if (seen !== undefined)
        return {
          outcome: 'fail',
          saw: `${wanted} is in ${where(seen)}`,
          expected,
          at: where(seen),
          shows: [quoted(seen)]
        }
      const argv = inExecuted(answer, test)
      if (argv.kind !== 'not seen')
        return { outcome: 'fail', saw: `${wanted} is executed in ${argv.where}`, expected, at: argv.where }
    }
    const [first] = there
    if (first !== undefined) return unreached(wanted, first)
    if (blind.length > 0) return unseen(wanted)
    const other = alike(text)
    if (other !== undefined) return unclear(wanted, other)
    return { outcome: 'pass', saw: `${wanted} is not in ${searched} (${counted(lines.length, 'line')})` }
  }

  function runs(text: string, words: readonly string[]): ScriptFinding {
    const unknown = (why: string): ScriptFinding => ({
      outcome: 'unknown',
      why: `it is unknown whether ${unit} runs \`${text}\`: ${why}`
    })
    if ('unknown' in answer) return unknown(answer.unknown)
    const ran = hasRun(answer, words)
    switch (ran.kind) {
      case 'executed':
        return ran.code === 0 || ran.code === null
          ? {
              outcome: 'pass',
              saw: `${unit} runs \`${text}\` in ${ran.where}`,
              shows: [`${ran.where}: runs ${ran.text}`]
            }
          : unknown(`in the rehearsal it ended with ${ran.code} (${ran.where})`)
      case 'undone':
        return unknown(`it is executed in ${ran.where}, and a later command removes what it made: ${ran.by}`)
      case 'unsure':
        return unknown(
          `${ran.where} runs ${ran.text}, whose options may be others. Write them as they are there`
        )
      case 'not seen': {
        const obstacle = obstacleOf(answer)
        if (obstacle !== null) return unknown(obstacle)
        const near = answer.executed.filter(
          ({ kind, argv }) => kind === 'program' && argv.slice(1, 3).join(' ') === words.slice(1, 3).join(' ')
        )
        return {
          outcome: 'fail',
          saw: `${unit} runs no such command (${counted(answer.executed.length, 'command')} rehearsed)`,
          expected: `${unit} runs \`${text}\``,
          at: searched,
          shows: near.slice(0, 5).map(({ argv }) => `it runs ${commandText(argv)}`)
        }
      }
    }
  }

  /** Why a command that was not seen may be executed; null where it is not. */
  function obstacleOf({ cut, unknowns, executed: ran, reached }: UnitAnswer): string | null {
    if (cut !== null) return cut
    if (blind.length > 0) return `these parts are unreadable: ${blind.join('; ')}`
    const [file] = unread
    if (file !== undefined) return `${file.path} could not be read (${file.why})`
    if (ran.length + reached.length === 0) return 'the rehearsed boot did not start it'
    const open = unknowns.find(
      ({ kind, name }) => kind !== 'program' || (name.includes('/') && !isSystemProgram(name))
    )
    return open === undefined ? null : `${open.name}: ${open.why}`
  }

  return { found, absent, runs }
}

function where({ file, line }: ExecutedLine) {
  return `${file}:${line}`
}

function quoted(line: ExecutedLine) {
  return `${where(line)}: ${line.text.slice(0, 300)}`
}
