import { Bash, defineCommand, InMemoryFs } from 'just-bash'
import { describe, expect, it } from 'vitest'
import { instrument } from '../../src/rehearsal/programs/instrument.ts'

/** Its marks are there, as those of a rehearsal are. */
class Marked extends InMemoryFs {
  override async readFile(...[path, options]: Parameters<InMemoryFs['readFile']>): Promise<string> {
    return path.startsWith('/__at/') ? '' : super.readFile(path, options)
  }
}

/** As the interpreter of the rehearsal runs it, with the two words that the rewriting puts in. */
async function says(text: string): Promise<string> {
  const bash = new Bash({
    fs: new Marked(),
    defenseInDepth: false,
    customCommands: [
      defineCommand('__words', async args => ({
        stdout: args.map(each => `'${each}'`).join(' '),
        stderr: '',
        exitCode: 0
      })),
      defineCommand('__program', async args => ({
        stdout: `ran ${args.join(' ')}\n`,
        stderr: '',
        exitCode: 0
      }))
    ]
  })
  const { stdout, exitCode } = await bash.exec(instrument(text).text, { rawScript: true })
  return `${stdout}${exitCode}`
}

describe('a rewritten program does as bash does', () => {
  it.each([
    ['the words of an array as a command', 'a=(echo -n "b c"); "${a[@]}" d', 'b c d0'],
    ['"$@" in a function', 'r() { "$@"; }; f() { echo "$2"; }; r f 1 "2 3"', '2 3\n0'],
    ['a path', '/nix/store/abc-curl/bin/curl -s x', 'ran /nix/store/abc-curl/bin/curl -s x\n0'],
    ['exec comes not back', 'exec echo a; echo b', 'a\n0'],
    ['exec with redirections alone', 'exec 2>/dev/null; echo a', 'a\n0'],
    ['set -e within a group before ||', 'set -e; { false; echo in; } || true; echo out', 'in\nout\n0'],
    [
      'set -e within a function before ||',
      'set -e; f() { false; echo in; }; f || true; echo out',
      'in\nout\n0'
    ],
    ['set -e behind ||', 'set -e; f() { return 1; }; f || false; echo out', '1'],
    ['&& of a function that fails', 'set -e; f() { return 1; }; f && echo in; echo out', 'out\n0'],
    ['a loop over words', 'for i in a b; do echo $i; done', 'a\nb\n0'],
    ['a text that does not parse', 'if', '2']
  ])('%s', async (_, text, expected) => {
    expect(await says(text)).toBe(expected)
  })
})
