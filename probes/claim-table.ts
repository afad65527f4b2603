import * as z from 'zod'
import { counted } from '../src/lib/text/counted.ts'
import { defineProbe, type Finding } from '../src/probe/probe.ts'
import { dockerNetworks } from '../src/systems/docker/networks.ts'
import { swarmServices } from '../src/systems/swarm/services.ts'
import { swarmTasks } from '../src/systems/swarm/tasks.ts'
import { repoPathParam } from '../src/systems/repo/file.ts'
import { addressParam, routes as routeSource, urlParam } from '../src/systems/http/routes.ts'
import { statusFile } from '../src/systems/statements/status-tables.ts'
import type { Statement } from '../src/systems/statements/status-text.ts'
import { compare } from '../src/systems/statements/compare.ts'

export const claimTable = defineProbe({
  id: 'claim-table',
  asserts: "The tables and EXPECTED lines of the builder's status file agree with the host as it is",
  because: 'A table copied from a plan, or from last week, looks the same as a measured one.',
  remedy: 'Measure again, correct the status file, and claim again.',
  fails: [
    'a value in a row or in an EXPECTED line differs from the host',
    'something that it names does not exist'
  ],
  example: { path: 'STATUS-p1.md', routes: ['https://ci.example.test/'] },
  params: z.strictObject({
    path: repoPathParam.optional().describe('default: STATUS-<phase>.md beside the review file'),
    routes: z
      .array(urlParam)
      .min(1)
      .optional()
      .describe('URLs that may be requested: the status file never adds one'),
    address: addressParam.optional().describe('address to connect to, as in route-status'),
    ca: z.string().min(1).optional().describe('CA file of the home to trust')
  }),

  needs: ({ path, routes = [], address, ca }) => ({
    file: statusFile(path ?? null),
    networks: dockerNetworks,
    services: swarmServices,
    tasks: swarmTasks,
    routes: routeSource(
      routes.map(url => ({
        url,
        body: false,
        ...(address === undefined ? {} : { address }),
        ...(ca === undefined ? {} : { ca })
      }))
    )
  }),

  judge({ file, ...live }) {
    const where = `${file.path} at ${file.commit.slice(0, 7)}`
    if (file.statements === null) return [{ outcome: 'not-applicable', why: `${where} does not exist` }]
    const compared = file.statements.flatMap(statement =>
      compare(statement, live).map(result => ({ statement, result }))
    )
    const failed = compared.flatMap(({ statement, result }): readonly Finding[] => {
      if (result.kind === 'unseen') return [{ outcome: 'unknown', why: result.why }]
      if (result.kind !== 'contradicted') return []
      return [
        {
          outcome: 'fail',
          saw: `${result.subject}: ${result.live}`,
          expected: `${result.said}, as stated in the status file`,
          at: `${file.path}:${statement.line}`,
          shows: [quoted(statement)]
        }
      ]
    })
    const confirmed = compared.flatMap(({ statement, result }) =>
      result.kind === 'confirmed'
        ? [`${statement.line}: ${result.subject} ${result.said} = ${result.live}`]
        : []
    )
    const open = compared.flatMap(({ statement, result }) =>
      result.kind === 'not-judged' ? [`${quoted(statement)} (${result.why})`] : []
    )
    const [first, ...rest]: readonly Finding[] = [
      ...failed,
      ...(confirmed.length === 0
        ? []
        : [
            {
              outcome: 'pass',
              saw: `${counted(confirmed.length, 'value')} of ${where} ${confirmed.length === 1 ? 'matches' : 'match'} the host`,
              shows: confirmed
            } as const
          ]),
      ...(open.length === 0
        ? []
        : [
            {
              outcome: 'not-applicable',
              why: `${counted(open.length, 'row')} of ${where} ${open.length === 1 ? 'was' : 'were'} not judged`,
              shows: open
            } as const
          ])
    ]
    return first === undefined
      ? [{ outcome: 'not-applicable', why: `${where} has no table and no EXPECTED line` }]
      : [first, ...rest]
  },

  falsify: facts => {
    const row = { kind: 'row', line: 1, under: '', above: '', columns: ['Network', 'Subnet'] } as const
    const cells = ['there-is-no-such-network', '203.0.113.0/24']
    return [{ ...facts, file: { ...facts.file, statements: [{ ...row, cells }] } }]
  }
})

function quoted({ line, kind, cells }: Statement): string {
  return `${line}: ${kind === 'row' ? `| ${cells.join(' | ')} |` : `EXPECTED: ${cells.join(' ')}`}`.slice(
    0,
    300
  )
}
