import * as z from 'zod'
import { canonicalJson, sha256 } from '../../lib/canonical.ts'
import { globMatches } from '../../lib/text/glob.ts'
import { didYouMean } from '../../lib/text/nearest.ts'
import type { ClaimPatterns } from '../../record/claim.ts'
import type { AnyProbe, BoundProbe } from '../../probe/probe.ts'
import { milestoneName, phaseName } from '../../record/policy.ts'
import { checked, complaint, refusal } from '../checked.ts'
import * as scalar from '../scalars.ts'
import type { Check, Hunt, HuntCheck, Milestone, Plan } from '../types.ts'
import type { Path, YamlFile } from '../yaml.ts'

const waiver = z.strictObject({
  reason: scalar.line.meta({ description: 'Why; the review shows it.' }),
  by: scalar.line.meta({ description: 'Who waived it; the review shows it.' }),
  until: scalar.day.meta({ description: 'The last day of the waiver.' })
})

const check = z.strictObject({
  probe: z.string().meta({ description: 'The id of a probe: `adversary probe --list`.' }),
  title: scalar.line
    .optional()
    .meta({ description: "Heading of the check. Default: the probe's own assertion." }),
  with: z.record(z.string(), z.unknown()).default({}).meta({ description: "The probe's parameters." }),
  on: z
    .union([scalar.hostGlob, z.array(scalar.hostGlob).min(1, 'at least one host')])
    .optional()
    .meta({
      description:
        "Hosts of adversary.yaml: a name, a glob such as `web-*`, or a list. One check for each host. Default: the plan's host."
    }),
  within: scalar.duration
    .optional()
    .meta({ description: 'Repeat the check until it passes twice, 10 s apart, for at most this time.' }),
  waive: waiver
    .optional()
    .meta({ description: 'Excuses the check until the end of a day; the review shows it.' })
})

const milestone = z.strictObject({
  title: scalar.line.optional().meta({ description: 'Heading of the milestone. Default: its name.' }),
  needs: z
    .array(z.string())
    .default([])
    .meta({ description: 'Milestones that must have a PASS; without it this one is INCONCLUSIVE.' }),
  watchPaths: z.array(scalar.repoPath).optional().meta({
    description:
      'Paths in the repository: a later commit there makes the PASS stale. Default: the paths of the repo checks.'
  }),
  maxAge: scalar.duration.prefault('30d').meta({ description: 'The PASS is stale after this time.' }),
  checks: z.array(check).min(1, 'at least one check').meta({ description: 'What must hold. At least one.' })
})

const hunt = z.strictObject({
  every: scalar.duration.prefault('15m').meta({ description: 'Pause between two hunts of `watch`.' }),
  probes: z
    .union([z.literal('all'), z.array(z.string())])
    .default('all')
    .meta({ description: 'Which probes hunt: those that need no expectation, or a list of their ids.' }),
  blocks: z.array(z.string()).optional().meta({
    description: 'Milestones whose gate an open finding closes. Default: the last milestone of the phase.'
  })
})

/** `plans/<phase>.yaml`, as it is written. */
export const planSchema = z.strictObject({
  phase: z.string().meta({ description: "The phase: the file's name without `.yaml`." }),
  title: scalar.line.optional().meta({ description: 'Heading of the phase. Default: its name.' }),
  host: scalar.hostName
    .optional()
    .meta({ description: 'Host of the checks that name none. Default: the only host of adversary.yaml.' }),
  milestones: z
    .record(z.string(), milestone)
    .refine(all => Object.keys(all).length > 0, 'at least one milestone')
    .meta({ description: 'The milestones by name, in their order. At least one.' }),
  hunt: hunt.prefault({}).meta({ description: 'Probes that run without a claim.' })
})

/** What of the home a plan is read against. */
export interface Surroundings {
  readonly claims: ClaimPatterns
  readonly hosts: ReadonlyMap<string, unknown>
  readonly probes: readonly AnyProbe[]
}

type Written = z.output<typeof planSchema>

/**
 * Checks one plan and fills in its defaults.
 *
 * @param stem the file's name without `.yaml`, which is the phase.
 * @throws AdversaryError (usage) for the first thing that is wrong.
 */
export function readPlan(source: YamlFile, stem: string, around: Surroundings): Plan {
  const { value, file } = checked(source, planSchema)
  const { phase } = value
  if (!around.claims.phase.test(phase) || !phaseName.safeParse(phase).success) {
    throw refusal(file, ['phase'], `expected the name of a phase: ${around.claims.phase.source}`)
  }
  if (phase !== stem) {
    throw refusal(file, ['phase'], `got \`${phase}\`, expected \`${stem}\` as the file's name says`)
  }

  const ids = Object.keys(value.milestones)
  for (const id of ids) {
    if (around.claims.milestone.test(id) && milestoneName.safeParse(id).success) continue
    const expected = `expected the name of a milestone: ${around.claims.milestone.source}`
    throw refusal(file, ['milestones', id], expected)
  }
  const host = value.host ?? onlyHost(around)
  if (host !== null) knownHost(host, ['host'], file, around)
  noCircle(value.milestones, file)

  // Parameters that YAML took for numbers may turn into text while they are checked, and count as such.
  let current = file
  const milestones = Object.entries(value.milestones).map(([id, written]): Milestone => {
    const at: Path = ['milestones', id]
    const expanded = new Map<number, readonly string[]>()
    const checks = written.checks.flatMap((each, index): readonly Check[] => {
      const where = [...at, 'checks', index]
      const hosts = hostsOf(each.on, [...where, 'on'], current, around)
      if ([each.on ?? []].flat().some(isGlob)) expanded.set(index, hosts ?? [])
      const { check, file } = readCheck(each, where, current, hosts, host, around)
      current = file
      if (hosts === null || hosts.length === 1) return [check]
      return hosts.map(on => ({ ...check, host: on, title: `${check.title} (${on})` }))
    })
    return {
      id,
      title: written.title ?? id,
      needs: written.needs,
      watchPaths: written.watchPaths ?? repoPathsOf(checks),
      maxAgeMs: written.maxAge,
      checks,
      digest: sha256(canonicalJson(withHosts(current.at([...at, 'checks']), expanded))),
      line: file.line(at)
    }
  })

  return {
    phase,
    title: value.title ?? phase,
    host,
    milestones,
    hunt: readHunt(value.hunt, ids, current, host, around),
    digest: sha256(canonicalJson(current.data)),
    file: source.name
  }
}

function readCheck(
  written: z.output<typeof check>,
  at: Path,
  file: YamlFile,
  hosts: readonly string[] | null,
  planHost: string | null,
  around: Surroundings
): { readonly check: Check; readonly file: YamlFile } {
  const probe = knownProbe(written.probe, [...at, 'probe'], file, around.probes)
  const host = hosts?.[0] ?? planHost

  // `with` may be left out: then the schema's complaints are about the check itself.
  const withAt = [...at, 'with']
  const given = file.has(withAt) ? file : file.with(at, { ...asRecord(file.at(at)), with: {} })
  const params = checked(given, probe.params, withAt)
  const bound = bind(probe, params.file.at(withAt), withAt, params.file)
  if (host === null && needsHost(bound)) {
    throw refusal(file, at, `\`${probe.id}\` reads a host; expected \`on:\` here or \`host:\` in the plan`)
  }
  return {
    check: {
      probe: bound,
      title: written.title ?? probe.asserts,
      host,
      line: file.line(at),
      ...(written.within === undefined ? {} : { withinMs: written.within }),
      ...(written.waive === undefined ? {} : { waiver: written.waive })
    },
    file: file.has(withAt) ? params.file : file
  }
}

/** The hosts that a check names, each once, in the order of adversary.yaml where a glob names them; null: it names none. */
function hostsOf(
  on: z.output<typeof check>['on'],
  at: Path,
  file: YamlFile,
  around: Surroundings
): readonly string[] | null {
  if (on === undefined) return null
  const found = [on].flat().flatMap((name, index): readonly string[] => {
    const where = Array.isArray(on) ? [...at, index] : at
    if (!isGlob(name)) {
      knownHost(name, where, file, around)
      return [name]
    }
    const matching = [...around.hosts.keys()].filter(each => globMatches(name, each))
    if (matching.length === 0) throw refusal(file, where, `\`${name}\` matches no host of adversary.yaml`)
    return matching
  })
  return [...new Set(found)]
}

function isGlob(name: string): boolean {
  return /[*?[]/.test(name)
}

/** With the hosts that a glob stands for today: one more of them, and a PASS of yesterday is not one of today. */
function withHosts(checks: unknown, expanded: ReadonlyMap<number, readonly string[]>): unknown {
  if (expanded.size === 0 || !Array.isArray(checks)) return checks
  return checks.map((each: unknown, index) =>
    expanded.has(index) ? { ...asRecord(each), on: expanded.get(index) } : each
  )
}

function readHunt(
  written: Written['hunt'],
  ids: readonly string[],
  file: YamlFile,
  host: string | null,
  around: Surroundings
): Hunt {
  const last = ids.at(-1)
  const blocks = written.blocks ?? (last === undefined ? [] : [last])
  for (const [index, id] of blocks.entries()) knownMilestone(id, ids, ['hunt', 'blocks', index], file)

  const hunters = around.probes.filter(probe => probe.hunts !== undefined)
  const chosen =
    written.probes === 'all'
      ? hunters
      : written.probes.map((id, index) => {
          const at: Path = ['hunt', 'probes', index]
          const probe = knownProbe(id, at, file, around.probes)
          if (probe.hunts !== undefined) return probe
          const can = hunters.map(each => `\`${each.id}\``).join(', ')
          throw refusal(file, at, `\`${id}\` needs an expectation, so it cannot hunt; expected one of ${can}`)
        })
  const checks = chosen.flatMap((probe): readonly HuntCheck[] => {
    if (probe.hunts === undefined) return []
    const bound = probe.bind(probe.hunts.with)
    if (host === null && needsHost(bound)) {
      if (written.probes === 'all') return []
      throw refusal(file, ['hunt'], `\`${probe.id}\` reads a host; expected \`host:\` in the plan`)
    }
    return [{ probe: bound, title: probe.asserts, host, line: 0, severity: probe.hunts.severity }]
  })
  return { everyMs: written.every, checks, blocks }
}

function bind(probe: AnyProbe, params: unknown, at: Path, file: YamlFile): BoundProbe {
  try {
    return probe.bind(params)
  } catch (error) {
    if (error instanceof z.ZodError) throw complaint(file, probe.params, error.issues, at)
    throw error
  }
}

function needsHost(probe: BoundProbe): boolean {
  return Object.values(probe.needs).some(source => source.place === 'host')
}

/** The repo paths that the facts of these checks are read from, each once. */
function repoPathsOf(checks: readonly Check[]): readonly string[] {
  const sources = checks.flatMap(each => Object.values(each.probe.needs))
  return [...new Set(sources.flatMap(source => source.watches ?? []))].sort()
}

function knownProbe(id: string, at: Path, file: YamlFile, probes: readonly AnyProbe[]): AnyProbe {
  const probe = probes.find(each => each.id === id)
  if (probe !== undefined) return probe
  const near = didYouMean(
    id,
    probes.map(each => each.id)
  )
  throw refusal(file, at, `unknown probe \`${id}\`${near || '; `adversary probe --list` names them all'}`)
}

function knownHost(name: string, at: Path, file: YamlFile, { hosts }: Surroundings): void {
  if (hosts.has(name)) return
  const near = didYouMean(name, hosts.keys())
  const names = [...hosts.keys()].map(each => `\`${each}\``).join(', ') || 'none'
  throw refusal(file, at, `\`${name}\` is not a host of adversary.yaml${near || `, which has ${names}`}`)
}

function knownMilestone(id: string, ids: readonly string[], at: Path, file: YamlFile): void {
  if (ids.includes(id)) return
  const near = didYouMean(id, ids)
  const known = ids.map(each => `\`${each}\``).join(', ')
  throw refusal(file, at, `\`${id}\` is not a milestone of this plan${near || `, which has ${known}`}`)
}

function onlyHost({ hosts }: Surroundings): string | null {
  const [first, ...others] = hosts.keys()
  return first !== undefined && others.length === 0 ? first : null
}

/** Every `needs` names a milestone of the plan, and following them never leads back. */
function noCircle(milestones: Written['milestones'], file: YamlFile): void {
  const ids = Object.keys(milestones)
  const done = new Set<string>()
  const visit = (id: string, way: readonly string[]): void => {
    if (done.has(id)) return
    for (const [index, need] of (milestones[id]?.needs ?? []).entries()) {
      const at: Path = ['milestones', id, 'needs', index]
      knownMilestone(need, ids, at, file)
      const circle = [...way, id, need]
      if (circle.indexOf(need) < circle.length - 1) {
        const shown = circle.slice(circle.indexOf(need)).join(' → ')
        throw refusal(file, at, `milestones need each other: ${shown}`)
      }
      visit(need, [...way, id])
    }
    done.add(id)
  }
  for (const id of ids) visit(id, [])
}

function asRecord(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? { ...value } : {}
}
