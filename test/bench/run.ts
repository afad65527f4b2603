import { execFile } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { cpus, loadavg, release } from 'node:os'
import { parseArgs, promisify } from 'node:util'
import { inCheckout } from '../support/root.ts'
import { type Group, measureGroup, type Setting } from './bench.ts'
import { page, type Section, table } from './table.ts'

/**
 * `npm run bench`: every figure beside what it is measured against, in one run.
 *
 * --only TEXT    the groups alone whose names hold this (may be given several times)
 * --bench TEXT   the benches alone whose names hold this (may be given several times)
 * --rounds N     how often each side runs, instead of what each bench says
 * --peers        installs testinfra, serverspec and Ansible by apt where they are missing (as root)
 * --write        writes docs/bench.md
 * --list         names them
 *
 * What fails is named in the table, the others go on, and the exit code is 1.
 */

/** Each file makes one group. Loaded one after the other: what one needs must not slow another down. */
const groups: readonly (() => Promise<{ readonly group: Group }>)[] = [
  () => import('./start.bench.ts'),
  () => import('./review.bench.ts'),
  () => import('./hosts.bench.ts'),
  () => import('./history.bench.ts'),
  () => import('./watch.bench.ts'),
  () => import('./runners.bench.ts')
]

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      only: { type: 'string', multiple: true, default: [] },
      bench: { type: 'string', multiple: true, default: [] },
      rounds: { type: 'string' },
      peers: { type: 'boolean', default: false },
      write: { type: 'boolean', default: false },
      list: { type: 'boolean', default: false }
    }
  })
  const rounds = values.rounds === undefined ? undefined : Number(values.rounds)
  if (rounds !== undefined && !(Number.isInteger(rounds) && rounds > 0))
    throw new Error('--rounds takes a number')
  const setting: Setting = { peers: values.peers, say: line => process.stderr.write(`${line}\n`) }
  const wanted = (words: readonly string[], name: string) =>
    words.length === 0 || words.some(word => name.toLowerCase().includes(word.toLowerCase()))
  const at = `${new Date().toISOString().slice(0, 16)}Z`
  const loadBefore = loadavg()[0] ?? 0

  const sections: Section[] = []
  for (const load of groups) {
    const { group } = await load()
    if (values.list) {
      setting.say(group.name)
      continue
    }
    if (!wanted(values.only, group.name)) continue
    const measured = await measureGroup(group, {
      setting,
      rounds,
      wanted: ({ name }) => wanted(values.bench, name),
      measured: outcome => setting.say(table([outcome]))
    })
    sections.push({ name: group.name, ...measured })
  }
  if (values.list) return 0

  const around = [
    ...(await versions()),
    `load: ${loadBefore.toFixed(1)} before, ${(loadavg()[0] ?? 0).toFixed(1)} after`
  ]
  const text = page({ at, around, sections })
  process.stdout.write(text)
  if (values.write) await writeFile(inCheckout('docs/bench.md'), text)
  return sections.some(({ failures }) => failures.length > 0) ? 1 : 0
}

async function versions(): Promise<readonly string[]> {
  const said = async (command: string, ...args: readonly string[]) => {
    const { stdout, stderr } = await promisify(execFile)(command, args)
    return `${stdout}${stderr}`.trim()
  }
  const [cpu] = cpus()
  return [
    `machine: ${cpus().length} cores, ${cpu?.model ?? 'unknown'}, Linux ${release()}`,
    `Node ${process.versions.node}; ${await said('git', '--version')}; ${await said('ssh', '-V')}`
  ]
}

process.exitCode = await main()
