import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { codeLines, kindOf, type TextKind } from '../../../src/systems/programs/program-text.ts'

const wanted = '--subnet 10.10.0.0/16'
const counts = (text: string, kind: TextKind) =>
  codeLines(text, kind).some(line => line.text.includes(wanted))

describe('what a shell script does', () => {
  it.each<[name: string, text: string, counts: boolean]>([
    ['a command', `docker network create ${wanted} proxy`, true],
    ['a comment', `# docker network create ${wanted} proxy`, false],
    ['a comment after a command', `docker network create proxy # ${wanted}`, false],
    ['a comment after a semicolon', `docker network create proxy;# ${wanted}`, false],
    ['a hash inside a word', `docker network create a#b ${wanted}`, true],
    ['a hash in quotes', `docker network create "a # b" ${wanted}`, true],
    ['echo', `echo docker network create ${wanted}`, false],
    ['echo in quotes', `echo "docker network create ${wanted}"`, false],
    ['echo by its path', `/bin/echo ${wanted}`, false],
    ['echo over several lines', `echo "first\n${wanted}\nlast"`, false],
    ['echo, then the command', `echo creating; docker network create ${wanted}`, true],
    ['echo && the command', `echo creating && docker network create ${wanted}`, true],
    ['a substitution in an echo runs', `echo "id: $(docker network create ${wanted})"`, true],
    ['an echo in a substitution in an echo', `echo "$(echo ${wanted})"`, false],
    ['backticks in an echo run', `echo "id: \`docker network create ${wanted}\`"`, true],
    ['printf', `printf '%s' '${wanted}'`, false],
    ['colon', `: docker network create ${wanted}`, false],
    ['colon with a here-document', `: <<'EOF'\n${wanted}\nEOF\n`, false],
    ['cat with a here-document', `cat <<EOF\n${wanted}\nEOF\n`, false],
    ['cat to nowhere', `cat <<EOF >/dev/null\n${wanted}\nEOF\n`, false],
    ['a here-document into a file', `cat > /etc/net.conf <<EOF\n${wanted}\nEOF\n`, true],
    ['a here-document into a program', `sh -s <<-EOF\n\tdocker network create ${wanted}\n\tEOF\n`, true],
    ['a here-document down a pipe', `cat <<EOF | sh\n${wanted}\nEOF\n`, true],
    ['after a here-document', `cat <<EOF\nx\nEOF\ndocker network create ${wanted}`, true],
    ['continued lines', 'docker network create \\\n  --subnet \\\n  10.10.0.0/16 proxy', true],
    ['a comment is not continued', `# a \\\ndocker network create ${wanted}`, true],
    [
      'under a condition',
      `if ! docker network inspect proxy; then\n  docker network create ${wanted}\nfi`,
      true
    ],
    ['in a function', `make() { docker network create ${wanted}; }\nmake`, true],
    ['in a case', `case $x in a) echo no ;; *) docker network create ${wanted} ;; esac`, true],
    ['echo in a loop', `for i in 1 2; do echo ${wanted}; done`, false],
    ['echo in the background', `echo ${wanted} &`, false],
    ['a quote that never closes', `echo 'x\ndocker network create ${wanted}`, false],
    ['unclosed brackets before it', `( { docker network create ${wanted}`, true],
    ['after `${#x}`', `n=\${#x}; docker network create ${wanted}`, true],
    ['after arithmetic', `n=$((1 + 2)); docker network create ${wanted}`, true],
    ['in an array', `args=(create # ${wanted}\n  ${wanted})`, true],
    ['only a comment in an array', `args=(create # ${wanted}\n)`, false]
  ])('%s', (_, text, expected) => {
    expect(counts(text, 'shell')).toBe(expected)
  })

  it('numbers a joined line by its first, and quotes the file as it is otherwise', () => {
    expect(codeLines('#!/bin/sh\nset -e\n\nfoo \\\n  bar # baz\nlast', 'shell')).toEqual([
      { line: 2, text: 'set -e' },
      { line: 4, text: 'foo bar' },
      { line: 6, text: 'last' }
    ])
  })
})

describe('what other texts do', () => {
  it.each<[name: string, kind: TextKind, text: string, counts: boolean]>([
    ['nix: the script', 'nix', `script = ''\n  docker network create ${wanted}\n'';`, true],
    ['nix: a comment', 'nix', `# ${wanted}\nscript = '' '';`, false],
    ['nix: a block comment', 'nix', `/* ${wanted} */ x`, false],
    ['nix: a shell comment in a script', 'nix', `script = ''\n  # ${wanted}\n  true\n'';`, false],
    ['nix: an echo in a script', 'nix', `script = ''\n  echo ${wanted}\n'';`, false],
    [
      'nix: after an interpolation',
      'nix',
      `script = ''\n  \${pkgs.docker}/bin/docker network create ${wanted}\n'';`,
      true
    ],
    [
      'nix: after an escaped one',
      'nix',
      `script = ''\n  x=''\${x:-1}\n  docker network create ${wanted}\n'';`,
      true
    ],
    ['nix: a hash in a string', 'nix', `a = "x # ${wanted}";`, true],
    ['nix: after both', 'nix', `a = "#"; b = ''it''; c = "${wanted}"; # d`, true],
    ['python: code', 'python', `run("docker network create ${wanted}")`, true],
    ['python: a comment', 'python', `x = 1  # ${wanted}`, false],
    ['python: a docstring', 'python', `def f():\n    """${wanted}"""\n    return 1`, false],
    ['python: print', 'python', `print("${wanted}")`, false],
    ['python: print of what runs', 'python', `print(run("${wanted}"))`, true],
    ['python: a hash in a string', 'python', `x = "# ${wanted}"`, true],
    ['yaml: a value', 'hash', `args: "${wanted}"`, true],
    ['yaml: a comment', 'hash', `args: a # ${wanted}`, false],
    ['yaml: a comment after an apostrophe', 'hash', `args: it's # ${wanted}`, false],
    ['yaml: a hash in quotes', 'hash', `args: 'a # ${wanted}'`, true],
    ['unit: a value', 'unit', `ExecStart=/bin/x \\\n ${wanted}`, true],
    ['unit: a comment', 'unit', `; ${wanted}`, false],
    ['slash: a comment', 'slash', `x // ${wanted}`, false],
    ['slash: a string', 'slash', `x("http://a ${wanted}")`, true],
    ['plain', 'plain', `# ${wanted}`, true]
  ])('%s', (_, kind, text, expected) => {
    expect(counts(text, kind)).toBe(expected)
  })

  it.each<[path: string, text: string, kind: TextKind]>([
    ['/nix/store/x/bin/start', '#!/nix/store/y-bash-5/bin/bash\n', 'shell'],
    ['gate', '#!/usr/bin/env python3\n', 'python'],
    ['nix/modules/swarm.nix', '{', 'nix'],
    ['compose.yml', '', 'hash'],
    ['README.md', '# x', 'plain'],
    ['x.service', '[Unit]', 'unit']
  ])('%s is told by its name or first line', (path, text, kind) => {
    expect(kindOf(path, text)).toBe(kind)
  })
})

it('has an answer for any text, in time', () => {
  const quotes = ['"', "'", '`', '$(', ')', '(', '{', '}', '<<E', '\nE\n', '#', '\\', '\n', ' ', "''", '"""']
  const words = 'if then fi while do done case in esac for x echo ${ $(( [[ ]] f() <( ; ;; & |'.split(' ')
  const pieces = fc.constantFrom(...quotes, ...words)
  const texts = fc.array(fc.oneof(pieces, fc.string({ maxLength: 3 })), { maxLength: 60 })
  const kinds = fc.constantFrom<TextKind>('shell', 'nix', 'python', 'hash', 'slash', 'unit', 'plain')
  fc.assert(
    fc.property(texts, kinds, (parts, kind) => {
      const text = parts.join('')
      const lines = codeLines(text, kind)
      expect(lines.every(({ line }) => line >= 1 && line <= text.split('\n').length)).toBe(true)
    }),
    { numRuns: 3000 }
  )
})
