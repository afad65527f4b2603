import type { Blanks } from './blanks.ts'
import { markPrinted, markPython, type Printing } from './calls.ts'
import { markDockerfile, type MarkFile, markMakefile, markYaml } from './held-shell.ts'
import { type Grammar, hashGrammar, tokens } from '../../lib/text/lexical.ts'
import { markNix } from './nix.ts'
import { markShell } from './shell.ts'

/** How a language is read: its marker, or the comment syntax of each dialect that a file may be written in. */
interface Language {
  /** As people call it. */
  readonly name: string
  readonly mark?: (text: string, offset: number, blanked: Blanks, file: MarkFile) => readonly number[]
  /** Where dialects differ, what counts is unclear. */
  readonly dialects?: readonly Grammar[]
  readonly printing?: Printing
  /** A statement that prints what stands behind it on its line. */
  readonly printLine?: RegExp
  /** A backslash at a line's end joins it with the next one. */
  readonly joins?: true
}

const double = { quote: '"', escape: '\\', lines: false } as const
const single = { quote: "'", escape: '\\', lines: false } as const
const rawSingle = { quote: "'", lines: false } as const
const backtick = { quote: '`', escape: '\\', lines: true } as const
const tripleDouble = { quote: '"""', escape: '\\', lines: true } as const
const tripleSingle = { quote: "'''", escape: '\\', lines: true } as const
const starBlock = { open: '/*', close: '*/' } as const
const nestedStar = { open: '/*', close: '*/', nested: true } as const
const angles = { open: '<!--', close: '-->' } as const

/** `<<EOF`, `<<-EOF`, `<<~EOF`, with or without quotes. */
const heredoc = {
  kind: 'string',
  open: /<<[-~]?[ \t]{0,4}(["'`]?)([A-Za-z_]\w{0,60})\1/y,
  close: ([, word = '']: readonly string[]) => ({ lineOf: word })
} as const
const longBrackets = (open: RegExp, kind: 'string' | 'comment') => ({
  kind,
  open,
  close: ([level = '']: readonly string[]) => ({ text: `]${level}]` })
})

const cLike: Grammar = { line: ['//'], blocks: [starBlock], strings: [double, single] }
const nested: Grammar = { line: ['//'], blocks: [nestedStar], strings: [tripleDouble, double, single] }
const hashPlain: Grammar = { line: ['#'], strings: [double, single] }
/** Comments wherever a line begins with one of these, and nowhere else. */
const first = (...marks: readonly string[]): Grammar => ({ line: [], first: marks, strings: [] })
const spacedHash: Grammar = { line: ['#'], first: [';'], strings: [double, rawSingle], spaced: true }
const sql: Grammar = {
  line: ['--'],
  first: ['#'],
  blocks: [nestedStar],
  strings: [
    { quote: "'", lines: true },
    { quote: '"', lines: true },
    { quote: '`', lines: true }
  ]
}

const shell: Language = {
  name: 'shell',
  mark: (text, offset, blanked, file) => markShell(text, offset, blanked, { file })
}
const python: Language = {
  name: 'python',
  mark(text, offset, blanked) {
    markPython(text, offset, blanked)
    return []
  }
}
const nix: Language = {
  name: 'nix',
  mark: (text, offset, blanked, file) => {
    if (offset === 0) return markNix(text, blanked, file)
    return []
  }
}

const javascript: Language = {
  name: 'JavaScript',
  dialects: [{ line: ['//'], blocks: [starBlock], strings: [double, single, backtick], regex: true }],
  printing: { call: /(?:^|[^\w.])console\.(?:log|info|warn|error|debug|trace)$/ }
}
const ruby: Language = {
  name: 'Ruby',
  dialects: [
    {
      line: ['#'],
      blocks: [
        { open: '=begin', close: '=end', first: true },
        { open: '__END__', close: '\0', first: true }
      ],
      special: [heredoc],
      strings: [double, single, backtick],
      regex: true
    }
  ],
  printing: { call: /(?:^|[^\w.])(?:puts|print|p|pp|warn|(?:logger|Rails\.logger)\.\w+)$/ },
  printLine: /(?:puts|print|warn|logger\.\w{1,20})[ \t]+(?=["'])/y
}
const groovy: Language = {
  name: 'Groovy',
  dialects: [
    { line: ['//'], blocks: [starBlock], strings: [tripleSingle, tripleDouble, double, single], regex: true }
  ],
  printing: { call: /(?:^|[^\w.])(?:println|print|echo|log\.\w+)$/ },
  printLine: /(?:echo|println|print)[ \t]+(?=["'])/y
}
const lua: Language = {
  name: 'Lua',
  dialects: [
    {
      line: ['--'],
      special: [longBrackets(/--\[(={0,20})\[/y, 'comment'), longBrackets(/\[(={0,20})\[/y, 'string')],
      strings: [double, single]
    }
  ],
  printing: { call: /(?:^|[^\w.])(?:print|ngx\.log)$/ }
}
const terraform: Language = {
  name: 'HCL',
  dialects: [{ line: ['#', '//'], blocks: [starBlock], special: [heredoc], strings: [double] }]
}
const markup: Language = {
  name: 'XML',
  dialects: [
    {
      line: [],
      blocks: [angles],
      special: [{ kind: 'string', open: /<!\[CDATA\[/y, close: () => ({ text: ']]>' }) }],
      strings: []
    }
  ]
}
const yaml: Language = { name: 'YAML', mark: (...given) => markYaml(...given) }
const toml: Language = {
  name: 'TOML',
  dialects: [
    {
      line: ['#'],
      strings: [tripleDouble, { quote: "'''", lines: true }, double, rawSingle]
    }
  ]
}
/** nginx, Caddy, HAProxy, ssh, postgresql: `#` behind white space, or at the beginning of a line alone. */
const configuration: Language = {
  name: 'configuration',
  dialects: [spacedHash, first('#', ';')]
}
const ini: Language = {
  name: 'INI',
  dialects: [first('#', ';'), { line: ['#', ';'], strings: [double], spaced: true }],
  joins: true
}
const prose: Language = { name: 'text', dialects: [{ line: [], blocks: [angles], strings: [] }] }
const text: Language = { name: 'text', dialects: [{ line: [], strings: [] }] }
const dockerfile: Language = { name: 'Dockerfile', mark: markDockerfile }
const makefile: Language = { name: 'Makefile', mark: markMakefile }
const hashOnly = (name: string): Language => ({ name, dialects: [hashPlain] })
const c = (name: string, grammar: Partial<Grammar> = {}, call?: RegExp): Language => ({
  name,
  dialects: [{ ...cLike, ...grammar }],
  ...(call === undefined ? {} : { printing: { call } })
})
const semicolon: Language = {
  name: 'Lisp',
  dialects: [
    {
      line: [';'],
      blocks: [{ open: '#|', close: '|#', nested: true }],
      strings: [{ ...double, lines: true }]
    }
  ]
}

const byExtension: ReadonlyMap<string, Language> = new Map(
  entries([
    ['sh bash zsh ksh ash envrc bats', shell],
    ['py pyi pyw bzl star', python],
    ['nix', nix],
    ['js mjs cjs jsx ts mts cts tsx', javascript],
    ['rb rake gemspec ru', ruby],
    ['groovy gradle jenkinsfile', groovy],
    ['lua', lua],
    ['tf tfvars hcl nomad', terraform],
    ['xml svg xsl xslt xsd plist csproj props targets html htm xhtml vue svelte', markup],
    ['yml yaml sls', yaml],
    ['toml', toml],
    ['conf cfg cnf config vhost nginx haproxy rules list sudoers', configuration],
    [
      'ini inf desktop service socket timer path target mount automount swap slice scope network netdev link nspawn container volume pod kube build image',
      ini
    ],
    ['properties', { name: 'properties', dialects: [first('#', '!')], joins: true }],
    ['env', { name: 'environment', dialects: [first('#'), spacedHash] }],
    [
      'reg bat cmd',
      {
        name: 'batch',
        dialects: [first('REM ', 'rem ', 'Rem ', '@REM ', '@rem ', '::', ';')],
        printLine: /@?echo(?:[.:]|[ \t])(?![^\n]*>)/iy
      }
    ],
    [
      'go',
      c(
        'Go',
        { strings: [double, single, { quote: '`', lines: true }] },
        /(?:^|[^\w.])(?:fmt\.Print\w{0,3}|log\.\w+|print|println)$/
      )
    ],
    [
      'rs',
      {
        name: 'Rust',
        dialects: [
          {
            line: ['//'],
            blocks: [nestedStar],
            special: [
              { kind: 'string', open: /b?r(#{0,20})"/y, close: ([hashes = '']) => ({ text: `"${hashes}` }) },
              { kind: 'string', open: /'(?=[^'\\\n]')./y, close: () => ({ text: "'" }) }
            ],
            strings: [{ ...double, lines: true }]
          }
        ],
        printing: { call: /(?:^|[^\w.])(?:e?println!|e?print!|(?:info|warn|error|debug|trace)!)$/ }
      }
    ],
    [
      'c h cc cpp cxx hh hpp hxx ino',
      c(
        'C',
        {
          special: [
            {
              kind: 'string',
              open: /R"([^()\\\s]{0,16})\(/y,
              close: ([word = '']) => ({ text: `)${word}"` })
            }
          ]
        },
        /(?:^|[^\w.>])(?:printf|puts|perror|syslog)$/
      )
    ],
    [
      'java cs dart',
      {
        name: 'Java',
        dialects: [{ ...cLike, strings: [tripleDouble, tripleSingle, double, single] }],
        printing: {
          call: /(?:^|[^\w.])(?:System\.(?:out|err)\.print\w*|Console\.Write\w*|print|(?:log|logger|LOG)\.\w+)$/
        }
      }
    ],
    [
      'kt kts swift scala',
      {
        name: 'Kotlin',
        dialects: [nested],
        printing: { call: /(?:^|[^\w.])(?:print|println|(?:log|logger)\.\w+)$/ }
      }
    ],
    [
      'proto thrift zig v sol m mm rego cue jsonnet libsonnet d jsonc json5 hjson css scss less sass bicep',
      c('C')
    ],
    [
      'php',
      {
        name: 'PHP',
        dialects: [
          {
            line: ['//', '#'],
            blocks: [starBlock],
            special: [
              {
                kind: 'string',
                open: /<<<[ \t]{0,4}(["']?)([A-Za-z_]\w{0,60})\1/y,
                close: ([, word = '']) => ({ lineOf: word })
              }
            ],
            strings: [
              { ...double, lines: true },
              { ...single, lines: true }
            ]
          }
        ],
        printing: { call: /(?:^|[^\w.])(?:echo|print|printf|error_log|var_dump)$/ },
        printLine: /(?:echo|print)[ \t]+(?=["'])/y
      }
    ],
    [
      'pl pm t',
      {
        name: 'Perl',
        dialects: [
          {
            ...hashGrammar,
            blocks: [
              { open: '=pod', close: '=cut', first: true },
              { open: '=head', close: '=cut', first: true },
              { open: '__END__', close: '\0', first: true }
            ],
            special: [heredoc]
          }
        ],
        printing: { call: /(?:^|[^\w.])(?:print|printf|say|warn)$/ },
        printLine: /(?:print|printf|say|warn)[ \t]+(?=["'])/y
      }
    ],
    ['r jl ex exs cr tcl awk nim coffee elv nu', hashOnly('script')],
    [
      'fish',
      { name: 'fish', dialects: [hashGrammar], printLine: /echo[ \t]+(?![^\n]{0,2000}(?:[>|]|[^\n]{2001}))/y }
    ],
    [
      'ps1 psm1 psd1',
      {
        name: 'PowerShell',
        dialects: [
          {
            line: ['#'],
            blocks: [{ open: '<#', close: '#>' }],
            strings: [{ ...double, escape: '`' }, rawSingle]
          }
        ],
        printLine: /(?:Write-(?:Host|Output|Verbose|Warning|Information|Error)|echo)[ \t]+(?![^\n]*[>|])/iy
      }
    ],
    [
      'cmake',
      {
        name: 'CMake',
        dialects: [
          {
            line: ['#'],
            special: [longBrackets(/#\[(={0,20})\[/y, 'comment'), longBrackets(/\[(={0,20})\[/y, 'string')],
            strings: [{ ...double, lines: true }]
          }
        ],
        printing: { call: /(?:^|[^\w.])message$/i }
      }
    ],
    [
      'sql psql pgsql mysql ddl',
      {
        name: 'SQL',
        dialects: [
          sql,
          {
            ...sql,
            line: ['--', '#'],
            blocks: [starBlock],
            strings: [
              { ...single, lines: true },
              { ...double, lines: true },
              { quote: '`', lines: true }
            ]
          }
        ]
      }
    ],
    [
      'hs elm purs dhall idr',
      {
        name: 'Haskell',
        dialects: [{ line: ['--'], blocks: [{ open: '{-', close: '-}', nested: true }], strings: [double] }]
      }
    ],
    [
      'vhd vhdl adb ads',
      { name: 'Ada', dialects: [{ line: ['--'], strings: [{ quote: '"', lines: false }] }] }
    ],
    ['tex sty bib erl hrl', { name: 'TeX', dialects: [{ line: ['%'], strings: [] }] }],
    ['lisp cl el clj cljs edn scm rkt zone', semicolon],
    [
      'asm s nasm',
      {
        name: 'assembler',
        dialects: [
          { line: [';', '#', '//'], blocks: [starBlock], strings: [double, rawSingle] },
          { line: [';'], strings: [double, rawSingle] }
        ]
      }
    ],
    ['vim', { name: 'Vim script', dialects: [first('"')], printLine: /echo(?:m|msg|err)?[ \t]/y }],
    ['mk mak make', makefile],
    ['just', makefile],
    ['dockerfile containerfile', dockerfile],
    ['md markdown mdx', prose],
    ['txt text rst adoc asciidoc org log csv tsv out', text],
    ['json ndjson geojson ipynb webmanifest', { name: 'JSON', dialects: [{ line: [], strings: [] }, cLike] }],
    [
      'lock sum mod pub pem crt patch diff',
      { name: 'text', dialects: [{ line: [], strings: [] }, first('#', '//')] }
    ]
  ])
)

/** Names that say it without an extension. Lower case; the first part of `Dockerfile.dev` counts as well. */
const byName: ReadonlyMap<string, Language> = new Map(
  entries([
    ['dockerfile containerfile', dockerfile],
    ['makefile gnumakefile bsdmakefile kbuild justfile', makefile],
    ['jenkinsfile', groovy],
    ['vagrantfile gemfile rakefile brewfile podfile fastfile capfile guardfile berksfile', ruby],
    ['tiltfile build workspace sconstruct sconscript wscript', python],
    ['caddyfile corefile', configuration],
    [
      'pkgbuild apkbuild .bashrc .bash_profile .bash_aliases .profile .zshrc .zshenv .zprofile profile bashrc .envrc .xinitrc',
      shell
    ],
    ['.env', { name: 'environment', dialects: [first('#'), spacedHash] }],
    [
      '.npmrc .yarnrc .wgetrc .curlrc .netrc .inputrc .editorconfig .gitconfig .gitmodules .flake8 .pylintrc',
      ini
    ],
    [
      'sshd_config ssh_config nginx.conf hosts fstab exports sudoers resolv.conf crontab authorized_keys known_hosts passwd group services modules nsswitch.conf login.defs limits.conf daemon.conf my.cnf pg_hba.conf postgresql.conf redis.conf sysctl.conf procfile .gitignore .dockerignore .gitattributes .npmignore .helmignore codeowners .htaccess apache2.conf httpd.conf requirements.txt constraints.txt',
      configuration
    ],
    [
      'cmakelists.txt',
      {
        name: 'CMake',
        dialects: [
          {
            line: ['#'],
            special: [longBrackets(/#\[(={0,20})\[/y, 'comment')],
            strings: [{ ...double, lines: true }]
          }
        ],
        printing: { call: /(?:^|[^\w.])message$/i }
      }
    ],
    ['tsconfig.json jsconfig.json devcontainer.json settings.json', c('JSON with comments')],
    ['readme license licence changelog authors notice copying', prose],
    ['go.mod go.work', { name: 'go.mod', dialects: [{ line: ['//'], strings: [] }] }]
  ])
)

function entries(rows: readonly (readonly [names: string, language: Language])[]): [string, Language][] {
  return rows.flatMap(([names, language]) =>
    names.split(' ').map((name): [string, Language] => [name, language])
  )
}

/** Comments of templates, whatever they make. */
const templates: ReadonlyMap<string, Grammar> = new Map([
  ...['j2', 'jinja', 'jinja2', 'njk', 'twig'].map((name): [string, Grammar] => [
    name,
    { line: [], blocks: [{ open: '{#', close: '#}' }], strings: [] }
  ]),
  ...['tpl', 'tmpl', 'gotmpl', 'gohtml', 'ctmpl'].map((name): [string, Grammar] => [
    name,
    {
      line: [],
      blocks: [
        { open: '{{/*', close: '*/}}' },
        { open: '{{- /*', close: '*/ -}}' }
      ],
      strings: []
    }
  ]),
  ...['erb', 'ejs', 'eex'].map((name): [string, Grammar] => [
    name,
    { line: [], blocks: [{ open: '<%#', close: '%>' }], strings: [] }
  ]),
  ...['hbs', 'mustache', 'handlebars'].map((name): [string, Grammar] => [
    name,
    {
      line: [],
      blocks: [
        { open: '{{!--', close: '--}}' },
        { open: '{{!', close: '}}' }
      ],
      strings: []
    }
  ]),
  ...[
    'in',
    'template',
    'dist',
    'example',
    'sample',
    'bak',
    'orig',
    'default',
    'local',
    'disabled',
    'enabled'
  ].map((name): [string, Grammar] => [name, { line: [], strings: [] }])
])

interface Found {
  readonly language: Language | undefined
  /** From the outermost inwards. */
  readonly templates: readonly Grammar[]
}

/** What a file is written in, by its first line and its name. */
function languageOf(path: string, text: string): Found {
  const shebang = /^#![^\n]{0,300}/.exec(text)?.[0] ?? ''
  const interpreter = /(?:\/|\s)(?:env\s+(?:-S\s+)?)?([a-z]+)[\d.]*(?=\s|$)/g
  for (const [, program = ''] of shebang.matchAll(interpreter)) {
    const language = byInterpreter.get(program)
    if (language !== undefined) return { language, templates: [] }
  }
  let name = path.slice(path.lastIndexOf('/') + 1).toLowerCase()
  const found: Grammar[] = []
  for (;;) {
    const named = byName.get(name)
    if (named !== undefined) return { language: named, templates: found }
    const dot = name.lastIndexOf('.')
    const extension = name.slice(dot + 1)
    if (dot < 0) break
    const language = byExtension.get(extension)
    if (language !== undefined) return { language, templates: found }
    const template = templates.get(extension)
    if (template === undefined) break
    found.push(template)
    name = name.slice(0, dot)
  }
  const stem = byName.get(name.split('.')[0] ?? '')
  const folder =
    /(?:^|\/)(?:sites-(?:available|enabled)|conf\.d|nginx|cron\.d|sudoers\.d|sshd_config\.d|sysctl\.d|modprobe\.d|logrotate\.d|haproxy)\/[^/]+$/.test(
      path
    )
  const unnamed = shebang === '' ? undefined : hashOnly('script')
  return { language: stem ?? (folder ? configuration : unnamed), templates: found }
}

const byInterpreter: ReadonlyMap<string, Language> = new Map(
  entries([
    ['sh bash dash ash ksh zsh', shell],
    ['python', python],
    ['node deno bun', javascript],
    ['ruby', ruby],
    ['perl', byExtension.get('pl') ?? hashOnly('Perl')],
    ['php', byExtension.get('php') ?? c('PHP')],
    ['lua', lua],
    ['make', makefile],
    ['just', makefile],
    ['awk', hashOnly('awk')],
    ['nft', configuration]
  ])
)

/** How a line of a comment begins in most languages. */
const likeComment = first('#', '//')
/** The same in others, and what might be one behind code. */
const maybeComment: Grammar = {
  line: [' # ', ' // ', ' -- ', '\t# ', '\t// ', ' ; '],
  first: ['#', '//', '-- ', ';', '% ', '! ', '" ', "' ", '* ', 'REM '],
  blocks: [starBlock, angles],
  strings: []
}

export interface Marked {
  /** Where lines go on, as offsets. */
  readonly continued: readonly number[]
  /** `text` where there are no comments; null where they cannot be told apart. */
  readonly language: string | null
}

/** Marks what the text of a file does not do, by the language that it is written in. */
export function markFile(path: string, text: string, blanked: Blanks): Marked {
  return marked(path, text, 0, blanked, 0)
}

function marked(path: string, text: string, offset: number, blanked: Blanks, depth: number): Marked {
  const { language, templates } = languageOf(path, text)
  const body = templates.reduce((rest, grammar) => withoutComments(rest, grammar), text)
  const continued: number[] = []
  if (language?.mark !== undefined) {
    const file: MarkFile = (inner, held, at) => {
      if (depth < 3) continued.push(...marked(inner, held, at, blanked, depth + 1).continued)
    }
    continued.push(...language.mark(body, offset, blanked, file))
  } else {
    const dialects = language?.dialects ?? [likeComment, maybeComment]
    markDialects(body, offset, blanked, dialects)
    if (language !== undefined) markPrints(body, offset, blanked, language)
    if (language?.joins === true)
      for (const { index } of body.matchAll(/\\\n/g)) continued.push(index + offset)
  }
  for (const grammar of templates) {
    for (const { kind, start, end } of tokens(text, grammar))
      if (kind === 'comment') blanked.set({ start: start + offset, end: end + offset }, 'inert')
  }
  return { continued, language: language?.name ?? null }
}

function withoutComments(text: string, grammar: Grammar): string {
  let out = ''
  let from = 0
  for (const { kind, start, end } of tokens(text, grammar)) {
    if (kind !== 'comment') continue
    out += text.slice(from, start) + text.slice(start, end).replaceAll(/[^\n]/g, ' ')
    from = end
  }
  return out + text.slice(from)
}

/** A comment of every dialect is one; a comment of some is unclear. */
function markDialects(text: string, offset: number, blanked: Blanks, dialects: readonly Grammar[]) {
  const votes = new Uint8Array(text.length)
  for (const grammar of dialects) {
    for (const { kind, start, end } of tokens(text, grammar)) {
      if (kind === 'comment') for (let at = start; at < end; at++) votes[at] = (votes[at] ?? 0) + 1
    }
  }
  for (let at = 0; at < text.length; ) {
    const start = at
    const count = votes[start]
    while (at < text.length && votes[at] === count) at += 1
    const span = { start: start + offset, end: at + offset }
    if (count === dialects.length) blanked.set(span, 'inert')
    else if (count !== 0) blanked.doubt(span)
  }
}

function markPrints(
  text: string,
  offset: number,
  blanked: Blanks,
  { dialects, printing, printLine }: Language
) {
  const [grammar] = dialects ?? []
  if (grammar === undefined || (printing === undefined && printLine === undefined)) return
  const found = tokens(text, grammar)
  const mark = ({ start, end }: { start: number; end: number }) =>
    blanked.set({ start: start + offset, end: end + offset }, 'inert')
  if (printing !== undefined) markPrinted(text, found, mark, printing)
  if (printLine === undefined) return
  const strings = found.filter(({ end, start }) => text.slice(start, end).includes('\n'))
  let next = 0
  for (let at = 0; at < text.length; at = text.indexOf('\n', at) + 1 || text.length) {
    while ((strings[next]?.end ?? Number.POSITIVE_INFINITY) <= at) next += 1
    if ((strings[next]?.start ?? Number.POSITIVE_INFINITY) < at) continue
    const start = at + (/^[ \t]*/.exec(text.slice(at, at + 200))?.[0].length ?? 0)
    printLine.lastIndex = start
    const match = printLine.exec(text)
    if (match === null) continue
    const end = text.indexOf('\n', at)
    mark({ start: start + match[0].length, end: end < 0 ? text.length : end })
  }
}
