import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { build } from 'rolldown'
import { inCheckout } from './root.ts'

/** What a piece of work costs a process of its own. */
export interface Cost {
  readonly cpuMs: number
  /** The most that the whole process held. */
  readonly maxRssMiB: number
  readonly result: unknown
}

/** Names things of modules of the checkout, and makes a function that runs code with them in a fresh process. */
export async function openChild(imports: readonly string[]): Promise<{
  /** @param body ends in `return` of something small that JSON has; throws what the work throws, also where it ends the process. */
  cost(body: string): Promise<Cost>
  close(): Promise<void>
}> {
  const dir = await mkdtemp(join(tmpdir(), 'child-cost-'))
  const entry = join(dir, 'entry.ts')
  const file = join(dir, 'child.mjs')
  await writeFile(
    entry,
    `${imports.map((each, index) => `import * as m${index} from ${JSON.stringify(inCheckout(each))}`).join('\n')}
const given: Record<string, unknown> = { ${imports.map((_, index) => `...m${index}`).join(', ')} }
const work = new Function('given', \`with (given) { \${process.argv[2]} }\`)
const before = process.cpuUsage()
const result = work(given)
const { user, system } = process.cpuUsage(before)
process.stdout.write(JSON.stringify({ cpuMs: (user + system) / 1000, maxRssMiB: process.resourceUsage().maxRSS / 1024, result }))
`
  )
  await build({ input: entry, platform: 'node', output: { file, format: 'esm' }, logLevel: 'silent' })
  return {
    async cost(body) {
      const { stdout } = await promisify(execFile)(process.execPath, [file, body])
      const cost: Cost = JSON.parse(stdout)
      return cost
    },
    close: () => rm(dir, { recursive: true })
  }
}
