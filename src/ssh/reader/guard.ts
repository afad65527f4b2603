import { shellQuoted } from '../../lib/text/shell-quote.ts'
import {
  programFolders,
  scriptEndings,
  secretEndings,
  secretLastWords,
  secretStems,
  secretWords,
  textEndings
} from '../../lib/secrets/secret-file.ts'
import { mostAsked, type Pattern, type Place, takesMany } from '../../facts/read-command.ts'
import { commandStart, guardedReader } from './reader.ts'

/** What a guarded host lets its reviewer read. */
export interface Guarded {
  readonly reads: readonly Pattern[]
  /**
   * Folders under which the programs of units may be read, absolute, without a slash at the end. What is asked about
   * them and what is in them (`df`, `stat`) may be asked of the folders themselves too.
   */
  readonly programs: readonly string[]
  /** Lines for the head of the script, for people. */
  readonly comments: readonly string[]
}

/**
 * The forced command of a reviewer's key: a POSIX sh script (dash, bash, busybox) that starts the reader, and
 * runs a read only if it is on its own list. Whatever else is asked of the key ends with 126.
 *
 * - Words are compared as one text with `|` between them; a word that holds a `|` is on no list.
 * - No `eval`, no globbing, a PATH of its own. The numbers of a request are checked before they come near
 *   arithmetic, where bash would run the commands in `a[$(…)]`.
 * - The reader that is asked for must be the very one that this script has: another version speaks
 *   another protocol.
 */
export function guardScript({ reads, programs, comments }: Guarded): string {
  const placeholder = (pattern: Pattern) => pattern.some(place => typeof place !== 'string')
  const exact = new Set(
    reads
      .filter(pattern => !placeholder(pattern))
      .map(shape)
      .sort()
  )
  // Each has a `case` of its own: one that matches and then does not fit must not hide another.
  const open = new Set(reads.filter(placeholder).map(openLine).sort())
  const any = (names: readonly string[], around: (name: string) => string) =>
    names.map(name => around([...name].map(anyCase).join(''))).join(' | ')
  return `#!/bin/sh
${comments.map(line => `# ${line.replace(/[\r\n]/g, ' ')}`.trimEnd()).join('\n')}

set -f
LC_ALL=C PATH=/usr/bin:/bin
export LC_ALL PATH

# One read a line, its words apart by |. The brackets keep IFS and the positions to themselves.
listed() (
  for word do case $word in '' | *'|'*) exit 1 ;; esac; done
  IFS='|'
  all="$*"
  case $all in
${[...exact].map(line => `    ${line}) exit 0 ;;`).join('\n')}
  esac
${[...open].map(line => `  ${line}`).join('\n')}
  exit 1
)
# ids BEFORE WORD...: that all after so many words are ids of docker.
ids() {
  shift "$(($1 + 1))"
  [ $# -gt 0 ] || return 1
  for word do
    case $word in *[!0-9a-z]*) return 1 ;; esac
    [ \${#word} -ge 12 ] && [ \${#word} -le 64 ] || return 1
  done
}
seconds() {
  case $1 in '' | *[!0-9]*) return 1 ;; esac
  [ \${#1} -le 12 ]
}
pids() {
  case $1 in '' | ,* | *, | *,,* | *[!0-9,]*) return 1 ;; esac
  [ \${#1} -le 4000 ]
}
program() {
  case $1 in */../* | */.. | */./* | */. | *//* | */) return 1 ;; esac
  case $1 in ${any(secretEndings, name => `*${name}`)}) return 1 ;; esac
  case $1 in ${programs.map(folder => `${shellQuoted(`${folder}/`)}*`).join(' | ') || "''"}) ;; *) return 1 ;; esac
}
# What may be asked about: such a folder itself too, as docker's may be one.
place() {
  case $1 in ${programs.map(shellQuoted).join(' | ') || "''"}) ;; *) program "$1" ;; esac
}
# Whether what the file holds may be read: it is named as a program, and not as a secret.
readable() {
  program "$1" || return 1
  base=\${1##*/}
  case $base in
    .[!.]*-[Ww][Rr][Aa][Pp][Pp][Ee][Dd]) return 0 ;;
    .*) return 1 ;;
    *.) ending= ;;
    *.*) ending=\${base##*.} ;;
    *) ending= ;;
  esac
  case $ending in *[!0-9]*) ;; *) ending= ;; esac
  case $ending in
    ${any(scriptEndings, name => name)})
      case \${base%.*} in ${any(secretStems, name => name)}) return 1 ;; esac
      return 0
      ;;
  esac
  case $1 in ${programFolders.map(folder => `*/${folder}/"$base"`).join(' | ')})
    case $base in ${any(secretLastWords, name => `${name} | *[-_.@+]${name}`)}) return 1 ;; esac
    return 0
    ;;
  esac
  case $ending in '' | ${any(textEndings, name => name)}) ;; *) return 1 ;; esac
  case .$base. in ${any(secretWords, name => `*[-_.@+]${name}[-_.@+]*`)}) return 1 ;; esac
}
programs() {
  shift "$(($1 + 1))"
  [ $# -gt 0 ] || return 1
  for word do place "$word" || return 1; done
}

ask() {
  if listed "$@"; then
    $_r "$@"
  else
    echo 'adversary lockdown: this read is not allowed on this host' >&2
    return 126
  fi
}
number() {
  case $1 in '' | 0* | *[!0-9]*) return 1 ;; esac
  [ \${#1} -le "$2" ]
}
# No more of anything than the reviewer itself asks for.
sane() {
  case $_k in h | q) return ;; esac
  [ "$_k" = r ] && number "1$_i" 9 && number "$_l" 3 && number "$_c" 8 && number "$_w" 4 &&
    [ "$_l" -le ${mostAsked.seconds} ] && [ "$_c" -le ${mostAsked.capBytes} ] && [ "$_w" -le ${mostAsked.words} ]
}

start=${shellQuoted(commandStart)}
nonce=\${SSH_ORIGINAL_COMMAND#"$start"}
case $nonce in *[!0-9a-f]*) nonce= ;; esac
if [ \${#nonce} -ne 32 ] || [ "$SSH_ORIGINAL_COMMAND" != "$start$nonce" ]; then
  echo 'adversary lockdown: this key may only start the reader of adversary' >&2
  exit 126
fi
set -- "$nonce"

${guardedReader}
`
}

/** A pattern with placeholders: what of it sh can match, and what is left to check then. */
function openLine(pattern: Pattern): string {
  const checks = pattern.flatMap((place, index): readonly string[] => {
    if (typeof place === 'string') return []
    const at = index + 1
    switch (place.placeholder) {
      case 'ids':
        return [`ids ${index} "$@"`]
      case 'program':
        return [`readable "\${${at}}"`]
      case 'path':
        return [`place "\${${at}}"`]
      case 'paths':
        return [`programs ${index} "$@"`]
      case 'pids':
        return [`pids "\${${at}}"`]
      case 'seconds':
        return [`seconds "\${${at}#${place.after}}"`]
    }
  })
  const count = pattern.some(takesMany) ? [] : [`[ $# -eq ${pattern.length} ]`]
  return `case $all in ${shape(pattern)}) ${[...count, ...checks, 'exit 0'].join(' && ')} ;; esac`
}

/** The literal words quoted, `*` for each placeholder. */
function shape(pattern: Pattern): string {
  const parts: string[] = []
  let literal = ''
  const placeholder = (place: Exclude<Place, string>) => {
    if (place.placeholder === 'seconds') literal += place.after
    parts.push(`${shellQuoted(literal)}*`)
    literal = ''
  }
  pattern.forEach((place, index) => {
    if (index > 0) literal += '|'
    if (typeof place === 'string') literal += place
    else placeholder(place)
  })
  return parts.join('') + (literal === '' ? '' : shellQuoted(literal))
}

function anyCase(letter: string): string {
  return /[a-z]/.test(letter) ? `[${letter.toUpperCase()}${letter}]` : letter
}
