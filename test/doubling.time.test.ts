import { describe, expect, it } from 'vitest'
import { proseOf } from '../src/board/prose.ts'
import { parseYaml } from '../src/config/yaml.ts'
import { spokenIn } from '../src/gate/headings.ts'
import { formFault, parseCommit, signedCommit } from '../src/git/raw/commit.ts'
import { readSshSignature } from '../src/git/raw/sshsig.ts'
import { readTree } from '../src/git/raw/trees.ts'
import { parseJson } from '../src/lib/json.ts'
import { openVeil } from '../src/lib/secrets/veil.ts'
import { redact } from '../src/lib/secrets/redact.ts'
import { withoutSecret } from '../src/lib/secrets/without-secret.ts'
import { clean, fence, inline, mermaidLabel, oneLine, plain, skipMarkers } from '../src/lib/text/clean.ts'
import { globMatches } from '../src/lib/text/glob.ts'
import { pattern } from '../src/lib/text/pattern.ts'
import { forTerminal, forTerminalJson } from '../src/lib/text/terminal.ts'
import { parseClaim } from '../src/record/claim.ts'
import { parseMessage } from '../src/record/trailers.ts'
import { endOfAnything } from '../src/render/locate.ts'
import { workOf } from '../src/render/parse.ts'
import { scanner } from '../src/render/scan.ts'
import { lookUp } from '../src/ssh/known-hosts.ts'
import { parseMessages, parseReach } from '../src/systems/journal/journal.ts'
import { pythonBlocks } from '../src/systems/languages/python-syntax.ts'
import { parseShell } from '../src/systems/languages/shell-syntax.ts'
import { environmentOf, filesOfCat, startCommands } from '../src/systems/languages/unit-file.ts'
import { withheld } from '../src/systems/languages/file-text.ts'
import { codeOf } from '../src/systems/programs/program-text.ts'
import { pythonRuns } from '../src/systems/programs/python-runs.ts'
import { shellRuns } from '../src/systems/programs/shell-runs.ts'
import { parseStatements } from '../src/systems/statements/status-text.ts'
import { parseStates } from '../src/systems/systemd/units.ts'
import { labelsOfStack, matches } from '../src/systems/traefik/rule.ts'
import { cpuMsOf } from './support/cpu.ts'

/**
 * What foreign text may cost: for every reader of it, text twice as long takes twice as long at most. Measured in
 * processor time of this process, of which each test file has one of its own: a text against its eighth, eight times
 * over. Both are the same amount of text, so that what a machine does beside it (compiling, collecting, a cache that is
 * shared) is nearly the same in both, and a reader that is quadratic still takes eight times as long.
 */

/** A text of so many characters that takes less than so long takes no time worth measuring, of whatever order. */
const size = 48_000
const enoughMs = 15
/** Linear is one, quadratic is eight. A ratio that is too large is measured again: a quadratic one stays. */
const most = { ratio: 3, tries: 6 } as const

type Work = (text: string) => unknown

const timed = (work: Work, text: string) => cpuMsOf(async () => work(text))

/** How many times as long a text takes as its eighths do; null: it takes no time worth measuring. */
async function growth(work: Work, make: (length: number) => string, length: number): Promise<number | null> {
  const [eighth, full] = [make(length / 8), make(length)]
  const eighths: Work = async text => {
    for (let part = 0; part < 8; part += 1) await work(text)
  }
  let whole = await timed(work, full)
  if (whole < enoughMs) return null
  let parts = await timed(eighths, eighth)
  for (let tries = 0; tries < most.tries && whole / parts >= most.ratio; tries += 1) {
    whole = Math.min(whole, await timed(work, full))
    parts = Math.min(parts, await timed(eighths, eighth))
  }
  return whole < enoughMs ? null : whole / parts
}

const unit = (text: string) => {
  const files = [{ path: '/etc/systemd/system/x.service', text: `[Service]\n${text}\n` }]
  return [startCommands(files, 'x.service'), environmentOf(files, 'x.service')]
}
const commit = (text: string) => {
  const id = 'a'.repeat(40)
  const head = `tree ${id}\nauthor a <a@b> 1 +0000\ncommitter a <a@b> 1 +0000\n`
  for (const bytes of [text, `${head}${text}\n\nx`, `${head}gpgsig ${text}\n\nx`, `${head}\n${text}`]) {
    const buffer = Buffer.from(bytes)
    parseCommit(buffer)
    signedCommit(buffer)
    formFault(buffer)
  }
}
const quiet = (work: Work): Work => {
  return text => {
    try {
      return work(text)
    } catch {
      // What it refuses costs as well, and why it does is tried elsewhere.
      return null
    }
  }
}

const common = [
  'a',
  ' ',
  '\n',
  '\r',
  '\t',
  '\\',
  '"',
  "'",
  '`',
  '$',
  '(',
  ')',
  '[',
  ']',
  '{',
  '}',
  '<',
  '>',
  '#',
  '*',
  '_',
  '~',
  '=',
  ':',
  ';',
  '|',
  '&',
  '/',
  '@',
  '!',
  '%',
  '-',
  '.',
  ',',
  '0',
  '\ud83d\ude00',
  '\u0301',
  '\x1b[',
  ' \n',
  '\n\n',
  'a ',
  'a=',
  'a: ',
  '- a\n',
  'a\n',
  '\\\n',
  '="a" ',
  '://a@',
  'a.b',
  '<!--',
  '-->',
  '"",',
  "''"
] as const

const readers: Readonly<
  Record<string, { readonly work: Work; readonly own: readonly string[]; readonly longest?: number }>
> = {
  'a unit': {
    work: unit,
    own: [
      'ExecStart=a\n',
      'Environment="A=b"\n',
      'ExecStart=$A ${A}\n',
      '%n',
      '\\x41',
      'ExecStart=a \\\n',
      '# a\n',
      '[Service]\n',
      ';',
      ' ; '
    ]
  },
  'units one after the other': {
    work: text => filesOfCat(text, new Set(['/a', '/b'])),
    own: ['# /a\n', '\n# /b\n', '# /a\n\n']
  },
  'states of units': {
    work: quiet(parseStates),
    own: ['Id=a\nLoadState=b\nActiveState=c\n\n', 'After=a b\n']
  },
  'a shell script': {
    work: parseShell,
    own: [
      'a && ',
      'a | ',
      '$(',
      '${a',
      '$((',
      '<<E\n',
      '<<E ',
      'if a; then ',
      'case a in ',
      'f() { ',
      'for a in b; do ',
      '((',
      '[[ ',
      'a() ',
      '`a',
      '>a ',
      'esac\n',
      'a;b\n'
    ]
  },
  'what a shell script runs': {
    work: text => shellRuns(text),
    own: [
      'a=$a$a\n',
      'a && ',
      'docker ps\n',
      'f() { f; }; ',
      '. a\n',
      'sh -c "a"\n',
      'export A=b\n',
      'for a in a b; do\n',
      '$a ',
      '"$@" '
    ]
  },
  'a Python program': {
    work: pythonBlocks,
    own: ['def a():\n ', 'a(', 'f"{a', 'if a:\n', '"""', 'a = [', '@a\n', 'a,\n', '{a:', ':\n  ']
  },
  'what a Python program runs': {
    work: text => pythonRuns(text, { modules: new Map(), path: '/x.py' }),
    own: [
      'a = a + a\n',
      'import os\nos.system("a")\n',
      'f"{a}"\n',
      'a = [a]\n',
      'a(',
      'def a(): a()\n',
      'for a in b:\n a\n'
    ],
    // What is longer is given up by the budget of steps, which takes the same time whatever its length.
    longest: 32_000
  },
  JSON: { work: quiet(parseJson), own: ['[', '[]', '{"a":', '["@"\n', '"\\u0000"', '"a",', '[1,', '{}'] },
  'YAML of a home': {
    work: quiet(text => parseYaml(text, 'a.yaml')),
    own: ['- ', '? ', '&a ', '*a ', 'a: |\n ', '[a, ', '{a: ', '!!a ', '--- \n', '"a\n', 'a: b\n', '  a:\n'],
    longest: 32_000
  },
  'a rule of a router': {
    work: text => matches(text, 'a.b', '/a'),
    own: [
      'Host(`a`) || ',
      'Host(`a`) && ',
      '(',
      '!',
      'PathPrefix(`/a`) ',
      'Host(`a`,`b`)',
      '{a:',
      'HostRegexp(`a'
    ]
  },
  'labels of a stack': {
    work: labelsOfStack,
    own: ['- traefik.a=b\n', 'traefik.a: b\n', '  - "a"\n', 'labels:\n']
  },
  'code of a repo': {
    work: text =>
      [
        'a.sh',
        'a.nix',
        'a.py',
        'a.yml',
        'a.ts',
        'a.md',
        'a.service',
        'Dockerfile',
        'Makefile',
        'a.json',
        'a.toml',
        'a'
      ].map(path => codeOf(path, text)),
    own: [
      "''",
      '${',
      '/*',
      '*/',
      '//',
      '"""',
      "script = ''\n",
      'RUN a\n',
      'run: |\n  a\n',
      'a:\n\tb\n',
      '<<E\n',
      '{ ',
      'let a = ',
      '(*',
      'echo a\n',
      'writeText "a" ',
      '#!/bin/sh\n'
    ],
    longest: 32_000
  },
  'what is withheld of a file': { work: withheld, own: ['-----BEGIN A-----\n', 'PASSWORD=a\n', 'AAAA'] },
  'statements of a status file': {
    work: quiet(parseStatements),
    own: ['| a | b |\n', '|-|-|\n', '- a: b → c\n', '(a) ', 'is now a ', '→ ', 'https://a ', '# a\n', '**a**']
  },
  'prose of the board': {
    work: text => proseOf(text, 'a'),
    own: ['_a*', '> ', '- a\n', '```\n', '`a` ', '**a', '[a](', '<details>', 'graph LR\na-->b\n']
  },
  'lines of a review file': {
    work: text => {
      const partAt = scanner(text)
      for (let at = 0; at < text.length; ) at = Math.max(partAt(at).end, at + 1)
      return [endOfAnything(text, '\n'), workOf(text)]
    },
    own: ['# a\n', '```\n', '<pre>\n', '<b>\n', '[^a]: ', '> a\n', 'a\n=\n', '~~~\n', '<a href="', '</a>']
  },
  'a heading by hand': {
    work: spokenIn,
    own: ['veto ', 'M1, ', 'M1 and ', 'VETO M1-M2 ', 'v.e.t.o ', 'lifted ', 'FAIL ', 'M1 (a) ']
  },
  'a message of a review': {
    work: quiet(parseMessage),
    own: [
      'Adversary-Verdict: a-M1 PASS\n',
      'Adversary-Finding: A1 open\n',
      ' a\n',
      '\n\nA: b\n',
      'a%20',
      'A-'
    ]
  },
  'a claim': {
    work: text => [
      parseClaim({
        sha: 'a',
        subject: text,
        message: text,
        authorName: 'a',
        authorEmail: 'a',
        committedAt: ''
      } as never),
      parseClaim({
        sha: 'a',
        subject: `claim(${text}): a`,
        message: `claim(${text}): a`,
        authorName: 'a',
        authorEmail: 'a',
        committedAt: ''
      } as never)
    ],
    own: ['claim(', 'a-', '-M1', '): ']
  },
  'a commit': {
    work: commit,
    own: [
      'parent ',
      'gpgsig ',
      '\n ',
      'author a <',
      ' x\n',
      'mergetag object ',
      '\n gpgsig',
      '-----BEGIN SSH SIGNATURE-----\n ',
      'encoding a\n'
    ]
  },
  'a tree': {
    work: quiet(text => readTree(Buffer.from(text), 20)),
    own: ['100644 a\0aaaaaaaaaaaaaaaaaaaa', '40000 a\0', '\0', '1 \0aaaaaaaaaaaaaaaaaaaa']
  },
  'a signature': {
    work: text => [
      readSshSignature(text),
      readSshSignature(`-----BEGIN SSH SIGNATURE-----\n${text}\n-----END SSH SIGNATURE-----`)
    ],
    own: ['-----BEGIN SSH SIGNATURE-----\n', 'U1NIU0lH', 'AAAA\n']
  },
  'known hosts': {
    work: text => lookUp('a.b', [text]),
    own: ['a.b ssh-ed25519 AAAA\n', '|1|a|b ', '@revoked ', 'a,b,', '*.b ', '?', '!a,']
  },
  'messages of a journal': {
    work: quiet(parseMessages),
    own: ['{"__REALTIME_TIMESTAMP":"1","MESSAGE":"a"}\n', '[1,']
  },
  'files of a journal': {
    work: parseReach,
    own: ['File path: /system.journal\n', 'Head realtime timestamp: a (1)\n', 'File path: /a']
  },
  redaction: {
    work: text => redact(text),
    own: [
      'password=',
      'password: a\n',
      'sk-',
      'ghp_',
      'AKIA',
      'Bearer ',
      '-----BEGIN A PRIVATE KEY-----\n',
      'eyJ',
      '://a:b@',
      '--password ',
      'PASSWORD="',
      '{"password":"a"},',
      'docker login -p ',
      'token=a&'
    ],
    longest: 64_000
  },
  'a veil': {
    work: text => {
      const veil = openVeil('a')
      veil.read(text)
      return [veil.shown(text), veil.sentence(text.slice(0, 2000)), veil.line(text)]
    },
    own: ['password=abcdefgh ', 'A_TOKEN=abc\n', 'abcdefgh'],
    longest: 64_000
  },
  'a secret cut out': {
    work: text => withoutSecret(text, 'abcabcabd'),
    own: ['abc', 'abcabcab', 'YWJj', '616263', '%61']
  },
  cleaning: {
    work: text => [clean, fence, inline, plain, skipMarkers, mermaidLabel, oneLine].map(guard => guard(text)),
    own: ['\x9d', '\x1b]', '[skip ', '***', 'skip-checks: ', '\u202e', '&#']
  },
  'a terminal': {
    work: text => [forTerminal(text), forTerminalJson(JSON.stringify(text))],
    own: ['##', '#[', '##[', '::', 'section_', 'section_start:1', '--- ', '##a']
  },
  'a glob': {
    work: text => [globMatches('*a*b*c*d', text), globMatches(text.slice(0, 200), text)],
    own: ['ab', 'abc', '[a', '*a']
  },
  'a pattern of a plan': {
    work: text => pattern('(a+)+b|(.*)*c|\\s+$').test(text),
    own: ['aaa', 'ac '],
    longest: 32_000
  }
}

it('sees what takes four times as long for twice the text', async () => {
  let sum = 0
  const square = (text: string) => {
    for (let i = 0; i < text.length; i += 1) for (let j = 0; j < text.length; j += 64) sum += (i ^ j) & 1
  }
  expect(await growth(square, length => 'a'.repeat(length), 64_000)).toBeGreaterThan(most.ratio)
  expect(sum).toBeGreaterThan(0)
})

describe.each(Object.entries(readers))('%s', (_, { work, own, longest = size }) => {
  it('takes twice as long for twice the text at most', async () => {
    const slow: string[] = []
    for (const piece of [...common, ...own]) {
      const shapes: readonly (readonly [string, (length: number) => string])[] = [
        ['', length => piece.repeat(Math.ceil(length / piece.length))],
        // Open at the start or closed at the end, with much between.
        ['own before ', length => `${own[0] ?? ''}${piece.repeat(Math.ceil(length / piece.length))}x`]
      ]
      for (const [where, make] of shapes) {
        const ratio = await growth(work, make, longest)
        if (ratio !== null && ratio >= most.ratio)
          slow.push(`${where}${JSON.stringify(piece)}: ${ratio.toFixed(1)}`)
      }
    }
    expect(slow).toEqual([])
  }, 600_000)
})
