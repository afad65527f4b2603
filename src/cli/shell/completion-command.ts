import { AdversaryError } from '../../lib/errors.ts'
import { oneLine } from '../../lib/text/clean.ts'
import { type ExitCode, exitCode } from '../../lib/words.ts'
import type { Command, CommonOptions } from '../io.ts'
import type { CommandTree } from './command-tree.ts'
import { completionScript, shells } from './completion.ts'

export interface CompletionOptions extends CommonOptions {
  readonly shell: string
}

/** Prints the completion script of a shell. */
export function completing(tree: () => CommandTree): Command<CompletionOptions> {
  return async ({ shell: asked }, io): Promise<ExitCode> => {
    const shell = shells.find(each => each === asked)
    if (shell === undefined) {
      throw new AdversaryError('usage', `got \`${oneLine(asked, 80)}\`, expected ${shells.join(', ')}`, {
        hint: 'adversary completion bash'
      })
    }
    const { probes } = await import('../../../probes/index.ts')
    const ids = probes.map(({ id }) => id)
    const { commands, ...rest } = tree()
    const script = completionScript(shell, {
      ...rest,
      commands: commands.map(each =>
        each.name === 'probe'
          ? { ...each, arguments: each.arguments.map(word => ({ ...word, choices: ids })) }
          : each
      )
    })
    io.text(script)
    io.json({ shell, script })
    return exitCode.pass
  }
}
