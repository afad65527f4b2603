import { basename, delimiter, dirname, relative, resolve } from 'node:path'
import { shellWord } from '../lib/text/shell-quote.ts'

/**
 * How this program is started again, for a command that can be pasted: its name where the shell finds it by that, else the
 * file that Node ran.
 *
 * @param script the file, absolute: a link of npm's, or the program itself.
 * @param path `PATH`.
 */
export function programName(script: string, cwd: string, path: string): string {
  const isFound = path
    .split(delimiter)
    .some(folder => folder !== '' && resolve(cwd, folder) === dirname(script))
  if (basename(script) === 'adversary' && isFound) return 'adversary'
  const near = relative(cwd, script)
  return `node ${shellWord(near.startsWith('..') ? script : near)}`
}
