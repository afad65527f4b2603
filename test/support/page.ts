import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { promisify } from 'node:util'
import { inCheckout } from './root.ts'

/** Runs what a page of the documentation tells people to type, and holds the page to what it says they see. */

interface Step {
  /** The lines of one `sh` block. */
  readonly commands: string
  /** The lines of the `text` block behind it; `…` stands for anything. */
  readonly shown: readonly string[]
}

export interface StepRun extends Step {
  /** stdout and stderr, as a terminal mixes them. */
  readonly output: string
}

export async function stepsOf(page: string): Promise<readonly Step[]> {
  const text = await readFile(inCheckout(page), 'utf8')
  const steps: Step[] = []
  for (const { groups } of text.matchAll(/^```(?<language>sh|text)\n(?<code>[^]*?)^```$/gm)) {
    const { language, code = '' } = groups ?? {}
    const last = steps.at(-1)
    if (language === 'sh') steps.push({ commands: code, shown: [] })
    else if (last !== undefined) steps.splice(-1, 1, { ...last, shown: code.trimEnd().split('\n') })
  }
  return steps
}

/**
 * Runs all steps one after the other in one bash, which stops at the first command that fails.
 *
 * @param setUp lines of bash before the first step.
 * @throws with all that was printed when a command fails.
 */
export async function runPage(
  page: string,
  setUp: string,
  options: {
    readonly cwd: string
    readonly env: Readonly<Record<string, string>>
    readonly timeoutMs: number
    /** Which steps are run, by their commands; default: all. */
    readonly runs?: (commands: string) => boolean
  }
): Promise<readonly StepRun[]> {
  const { cwd, env, timeoutMs, runs = () => true } = options
  const steps = (await stepsOf(page)).filter(({ commands }) => runs(commands))
  const mark = '-=-=- a step ends here -=-=-'
  const script = [
    'set -euo pipefail; exec 2>&1',
    setUp,
    ...steps.flatMap(({ commands }) => [commands, `echo '${mark}'`])
  ].join('\n')
  const said = await promisify(execFile)('bash', ['-c', script], {
    cwd,
    env,
    timeout: timeoutMs,
    maxBuffer: 16 * 1024 * 1024
  }).catch((error: Error & { stdout?: string }) => {
    throw new Error(`${page}: a command failed: ${error.message.slice(0, 200)}\n${error.stdout ?? ''}`)
  })
  const outputs = said.stdout.split(`${mark}\n`)
  return steps.map((step, index) => ({ ...step, output: outputs[index] ?? '' }))
}

/** The lines that the page shows and the output has not. */
export function unseenLines({ shown, output }: StepRun): readonly string[] {
  const lines = output.split('\n').map(line => line.trimEnd())
  return shown.filter(line => {
    const pattern = line
      .trimEnd()
      .split('…')
      .map(part => part.replaceAll(/[\\^$.*+?()[\]{}|]/g, '\\$&'))
      .join('.*')
    return !lines.some(each => new RegExp(`^${pattern}$`).test(each))
  })
}
