import { probes as library } from '../../../probes/index.ts'
import { AdversaryError } from '../../lib/errors.ts'
import { didYouMean } from '../../lib/text/nearest.ts'
import { oneLine } from '../../lib/text/clean.ts'
import { checked } from '../../config/checked.ts'
import { findWorkspace, type Workspace } from '../../config/workspace.ts'
import { paramsSchema } from '../../config/json-schema.ts'
import { paramLines } from '../../config/plan/params-text.ts'
import { typedValues } from '../../config/yaml.ts'
import { explained } from '../../probe/explain.ts'
import type { AnyProbe, BoundProbe } from '../../probe/probe.ts'
import { checkDocument, evidenceDocument } from '../../review/document.ts'
import { runOneProbe } from '../../review/one-probe.ts'
import { type ExitCode, exitCode, type Outcome } from '../../lib/words.ts'
import { openWorkspace } from '../open-home.ts'
import { type CommonOptions, type Io, paint } from '../io.ts'
import { checkText } from './check-text.ts'
import { progressOf } from '../progress.ts'

export interface ProbeOptions extends CommonOptions {
  readonly id?: string
  readonly on?: string
  /** `key=value`, the value in YAML. */
  readonly with?: readonly string[]
  readonly list?: boolean
  readonly explain?: boolean
}

const codes: Readonly<Record<Outcome, ExitCode>> = {
  pass: exitCode.pass,
  fail: exitCode.fail,
  unknown: exitCode.notProven,
  'not-applicable': exitCode.notProven,
  waived: exitCode.notProven
}

const budgetMs = 60_000

/** One probe by hand: nothing is written. With `--list` and `--explain` nothing is asked either. */
export async function run(options: ProbeOptions, io: Io): Promise<ExitCode> {
  if (options.list === true) return list(await known(options, io), io)
  if (options.id === undefined) {
    throw new AdversaryError('usage', 'expected the id of a probe', { hint: 'adversary probe --list' })
  }
  if (options.explain === true) return explain(named(options.id, await known(options, io)), io)

  const home = await openWorkspace(options, io)
  const probe = named(options.id, home.probes)
  const file = typedValues(options.with ?? [], '--with')
  const bound = probe.bind(checked(file, probe.params).file.data)
  const host = onlyHost(options.on, home, bound)
  const observed = await runOneProbe(
    { home, userHome: io.userHome, signal: io.signal },
    { probe: bound, title: probe.asserts, host, phase: null },
    { budgetMs, progress: progressOf(io) }
  )
  io.progress(null)
  const check = observed.checks[0]?.check
  if (check === undefined) throw new TypeError('the probe ran and returned nothing')

  io.out(checkText(check, io).join('\n'))
  for (const shown of new Set(check.findings.flatMap(finding => finding.shows ?? [])))
    io.out(`      ${oneLine(shown)}`)
  for (const { on, command, ms, why } of observed.evidence) {
    // Why nothing was seen stands above, once.
    const end = why === undefined ? `${Math.round(ms)} ms` : 'no answer'
    io.out(paint(io, 'dim', `  ${on} $ ${oneLine(command, 200)}  (${end})`))
  }
  io.json({
    ...checkDocument(check),
    evidence: observed.evidence.map(evidenceDocument),
    redacted: observed.redacted,
    stats: observed.stats
  })
  return codes[check.outcome]
}

/** The library's probes, and the home's own where there is one. */
async function known(options: CommonOptions, io: Io): Promise<readonly AnyProbe[]> {
  const there = options.home !== undefined || (await findWorkspace(io.cwd)) !== null
  return there ? (await openWorkspace(options, io)).probes : library
}

function named(id: string, probes: readonly AnyProbe[]): AnyProbe {
  const probe = probes.find(each => each.id === id)
  if (probe !== undefined) return probe
  const near = didYouMean(
    id,
    probes.map(each => each.id)
  )
  throw new AdversaryError('usage', `unknown probe \`${oneLine(id, 80)}\`${near}`, {
    hint: 'adversary probe --list'
  })
}

/** The host that `--on` names, or the only one of the home; null where the probe asks none. */
export function onlyHost(on: string | undefined, home: Workspace, probe: BoundProbe): string | null {
  const names = [...home.hosts.keys()]
  if (on !== undefined && !home.hosts.has(on)) {
    const known = names.length === 0 ? 'none' : names.join(', ')
    throw new AdversaryError(
      'usage',
      `--on: \`${oneLine(on, 80)}\` is not a host of adversary.yaml; expected one of ${known}`
    )
  }
  const host = on ?? (names.length === 1 ? (names[0] ?? null) : null)
  const asksHost = Object.values(probe.needs).some(source => source.place === 'host')
  if (host === null && asksHost) {
    throw new AdversaryError(
      'usage',
      `\`${probe.id}\` reads a host; adversary.yaml has ${names.length}, and --on names none`,
      {
        hint: names.length === 0 ? 'add one under `hosts:`' : `--on ${names.join(' | ')}`
      }
    )
  }
  return host
}

/** What `--list` and `--explain` say of a probe. */
function card(probe: AnyProbe) {
  const { id, asserts, because, remedy, hunts, fails = [] } = probe
  const { commands = [], elsewhere = [], needs = [] } = explained(probe) ?? {}
  const params = paramsSchema(probe)
  return {
    id,
    asserts,
    because,
    remedy,
    hunts: hunts !== undefined,
    fails,
    reads: [...commands, ...elsewhere],
    needs,
    params
  }
}

function list(probes: readonly AnyProbe[], io: Io): ExitCode {
  const width = Math.max(...probes.map(({ id }) => id.length))
  for (const { id, asserts } of probes) io.out(`${paint(io, 'bold', id.padEnd(width))}  ${asserts}`)
  io.json({ probes: probes.map(card) })
  return exitCode.pass
}

function explain(probe: AnyProbe, io: Io): ExitCode {
  const lines = paramLines(paramsSchema(probe))
  const width = Math.max(0, ...lines.map(({ name }) => name.length))
  const params = lines.map(({ name, type, required, about }) => {
    const more = [required ? 'required' : '', about].filter(text => text !== '').join('; ')
    return `  ${name.padEnd(width)}  ${type.replaceAll('`', '')}${more === '' ? '' : ` (${more})`}`
  })
  const told = explained(probe)
  const listed = (title: string, lines: readonly string[]) =>
    lines.length === 0 ? [] : ['', title, ...lines.map(line => `  ${line}`)]
  io.out(
    [
      paint(io, 'bold', probe.id),
      '',
      `Asserts        ${probe.asserts}.`,
      `Why            ${probe.because}`,
      `When it fails  ${probe.remedy}`,
      ...(probe.hunts === undefined ? [] : [`Hunts          with severity ${probe.hunts.severity}`]),
      '',
      ...(params.length === 0 ? ['It takes no parameters.'] : ['Parameters:', ...params]),
      ...listed('Ways to fail:', probe.fails ?? []),
      ...listed(
        'It reads:',
        told === null ? ['what its parameters name'] : [...told.commands, ...told.elsewhere]
      ),
      ...listed('It needs:', told?.needs ?? [])
    ].join('\n')
  )
  io.json(card(probe))
  return exitCode.pass
}
