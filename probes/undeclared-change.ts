import { counted } from '../src/lib/text/counted.ts'
import * as z from 'zod'
import { anyGlobMatches } from '../src/lib/text/glob.ts'
import { oneLine } from '../src/lib/text/clean.ts'
import { defineProbe, type Finding } from '../src/probe/probe.ts'
import { declaring, followed, type FollowedLines } from '../src/systems/baseline/declared.ts'
import { asRecorded } from '../src/facts/fact.ts'
import { type Change, compared } from '../src/systems/baseline/since-baseline.ts'
import { baseline, hostName } from '../src/systems/baseline/baseline.ts'
import { type BroughtLine, type CommitsSince, commitsSince } from '../src/systems/repo/commits.ts'
import { dockerNetworks } from '../src/systems/docker/networks.ts'
import { swarmServices } from '../src/systems/swarm/services.ts'
import { bootPrograms } from '../src/systems/systemd/unit-programs.ts'

export const undeclaredChange = defineProbe({
  id: 'undeclared-change',
  asserts: 'Networks, services and units differ from the baseline only where the change is declared',
  because:
    'Work on a host often changes more than the claim says: a service restarts with another image, a test network stays behind. A commit declares an intention, not an approval: the builder controls both the commits and the host, so a change that only commits declare is known, but not approved.',
  remedy:
    'Revert the change, or claim it and add it to `expect` in the plan. With `explainedBy: commits`, a commit that sets the current value is enough.',
  fails: [
    'a network, a service or the start of a unit is new, removed or changed since the orientation, and the plan does not expect it (with `explainedBy: commits`: and no later commit declares it)'
  ],
  params: z.strictObject({
    expect: z
      .array(z.string().min(1))
      .default([])
      .describe('globs of the networks, services and units that the phase changes up to this milestone'),
    explainedBy: z
      .enum(['plan', 'commits'])
      .default('plan')
      .describe(
        '`plan`: only what `expect` names may differ, because the builder writes the commits. `commits`: also what a line of the commits since the baseline, outside comments and prose, names together with its current subnet, image or start; removed or ambiguous items stay undeclared'
      )
  }),
  needs: ({ explainedBy }) => ({
    before: baseline,
    host: hostName,
    // The record holds no secrets: like is compared with like.
    networks: asRecorded(dockerNetworks),
    services: asRecorded(swarmServices),
    programs: asRecorded(bootPrograms),
    ...(explainedBy === 'commits' ? { commits: asRecorded(commitsSince) } : {})
  }),

  judge({ before, host, networks, services, programs, commits }, { expect }) {
    const since = `the baseline of ${before.at} (${before.commit.slice(0, 7)})`
    const then = Object.hasOwn(before.hosts, host) ? before.hosts[host] : undefined
    if (then === undefined) return [{ outcome: 'unknown', why: `${since} does not cover ${host}` }]
    if (networks.length === 0) return [{ outcome: 'unknown', why: 'docker listed no networks' }]
    const { now, changes } = compared(then, { networks, services, programs })
    const expected = changes.filter(({ name }) => isExpected(name, expect))
    const read = commits === undefined ? null : followed(commits.lines)
    const declared = changes.flatMap(change => {
      const lines = expected.includes(change) ? [] : explaining(change, read)
      return lines.length === 0 ? [] : [{ change, lines }]
    })
    const explained = [...expected, ...declared.map(({ change }) => change)]
    const findings: readonly Finding[] = [
      ...changes
        .filter(change => !explained.includes(change))
        .map(({ kind, name, was, is }): Finding => {
          if (read?.whole === false)
            return {
              outcome: 'unknown',
              why: `${kind} ${name}: ${is ?? 'removed'}; the commits since ${since} hold more than the probe follows, so it is unknown whether one of them declares it`
            }
          const orElse = commits === undefined ? '' : ` or a commit of ${spanOf(commits)} declares`
          const wanted = `${was ?? `no ${kind} of this name`}, as in ${since}, or a change that the plan expects${orElse}`
          return {
            outcome: 'fail',
            saw: `${kind} ${name}: ${is ?? 'removed'}`,
            expected: wanted,
            at: `${kind} ${name}`
          }
        }),
      ...hiddenIn(now)
        .filter(({ kind, name }) => then[`${kind}s`].seen && !isExpected(name, expect))
        .filter(({ name }) => !changes.some(change => change.name === name && !explained.includes(change)))
        .map(({ kind, name }): Finding => {
          const what = `the settings of ${kind} ${name} hold a secret, which the record does not keep`
          return {
            outcome: 'unknown',
            why: `${what}, so it is unknown whether they changed since ${since}. Add it to \`expect\` if the phase may change it`
          }
        }),
      ...Object.entries(then).flatMap(([kind, recorded]): readonly Finding[] =>
        recorded.seen
          ? []
          : [{ outcome: 'unknown', why: `${since} has no ${kind} of ${host}: ${recorded.why}` }]
      )
    ]
    const shows = [
      ...expected.map(described),
      ...declared.flatMap(({ change, lines }) => [
        described(change),
        ...lines.slice(0, 3).map(line => `  declared by ${quoted(line)}`)
      ])
    ]
    const [first, ...rest] = findings
    if (first !== undefined) return [first, ...rest]
    const count = `${counted(now.networks.length, 'network')}, ${counted(now.services.length, 'service')} and ${counted(now.units.length, 'unit')}`
    const some = [
      ...(expected.length === 0 ? [] : [counted(expected.length, 'expected change')]),
      ...(declared.length === 0 ? [] : [`${counted(declared.length, 'change')} declared by commits`])
    ]
    const differs = some.length === 0 ? 'no change' : `${some.join(' and ')}, nothing else`
    return [{ outcome: 'pass', saw: `${count} compared with ${since}: ${differs}`, shows }]
  },

  falsify(facts, { expect }) {
    const lines = facts.commits?.lines ?? []
    const name = ['undeclared', 'zz-undeclared', '0-undeclared'].find(
      name => !isExpected(name, expect) && !lines.some(({ text }) => text.includes(name))
    )
    const [like] = facts.networks
    const more = name === undefined || like === undefined ? [] : [{ ...like, name }]
    const added = more.map(network => ({ ...facts, networks: [...facts.networks, network] }))
    // What only a commit explains must not pass without it.
    const { before, host, commits } = facts
    const then = Object.hasOwn(before.hosts, host) ? before.hosts[host] : undefined
    const changes = then === undefined ? [] : compared(then, facts).changes
    const read = commits === undefined ? null : followed(commits.lines)
    const isLeaning = changes.some(
      change => !isExpected(change.name, expect) && explaining(change, read).length > 0
    )
    return commits !== undefined && isLeaning
      ? [...added, { ...facts, commits: { ...commits, lines: [] } }]
      : added
  }
})

/** What is known only with a secret in it hidden. */
function hiddenIn({ networks, services, units }: ReturnType<typeof compared>['now']) {
  const of = (kind: Change['kind'], items: typeof units) =>
    items.flatMap(({ name, is }) => (is.some(text => text.includes('«redacted:')) ? [{ kind, name }] : []))
  return [...of('network', networks), ...of('service', services), ...of('unit', units)]
}

function described({ kind, name, was, is }: Change): string {
  return `${kind} ${name}: ${was ?? 'new'} → ${is ?? 'removed'}`
}

function explaining({ one }: Change, read: FollowedLines | null): readonly BroughtLine[] {
  // What was not read to its end may take back what is declared before.
  return one === null || read?.whole !== true ? [] : declaring(one, read)
}

function spanOf({ from, to }: CommitsSince): string {
  return `${from.slice(0, 7)}..${to.slice(0, 7)}`
}

function quoted({ commit, path, line, text }: BroughtLine): string {
  return oneLine(`${commit.slice(0, 7)} ${path}:${line}: ${text}`, 200)
}

/** A unit's `.service` may be left out, as everywhere in a plan. */
function isExpected(name: string, globs: readonly string[]): boolean {
  return anyGlobMatches(globs, name) || anyGlobMatches(globs, name.replace(/\.service$/, ''))
}
