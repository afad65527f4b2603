import * as z from 'zod'
import { redact } from '../../lib/secrets/redact.ts'
import { isMarked, mark, type SecretKind } from '../../lib/secrets/secret-name.ts'
import { indexedSecrets, isExposed, type Written } from '../../lib/secrets/secret-value.ts'
import { kindOf } from '../programs/program-text.ts'
import type { BootPrograms } from '../systemd/unit-programs.ts'
import type { ServiceEnvironment } from './environment.ts'

/** Credentials that stand in plain text in what starts a host's services; analysis for probes. */

export interface Place {
  /** A file's path or a service's name. */
  readonly at: string
  /** Its lines with what may be a secret hidden, and what number each has. */
  readonly lines: readonly Line[]
}

interface Line {
  /** With secrets hidden. */
  readonly text: string
  readonly line: number
  /** The kinds of secret that can be read in it. */
  readonly exposed: readonly string[]
}

export function placesOf({
  programs,
  environment
}: {
  programs: BootPrograms
  environment: ServiceEnvironment
}): readonly Place[] {
  const files = [
    ...programs.services.flatMap(({ files }) => files),
    ...programs.programs.map(({ path, text }) => ({ path, text: text ?? '' }))
  ]
  const byPath = new Map(files.map(({ path, text }) => [path, text]))
  return [
    ...[...byPath]
      .filter(([, text]) => text !== '')
      .map(([at, text]) => ({ at, lines: linesOfFile(at, text) })),
    ...environment.map(({ service, variables }) => ({ at: service, lines: linesOfVariables(variables) }))
  ]
}

/** A secret of several lines becomes one: the lines around it show where they stood. */
function linesOfFile(path: string, text: string): readonly Line[] {
  const secrets: Secrets = new Map()
  const lines = text.split('\n')
  const shown = redact(text, { onHidden: collectInto(secrets) }).text.split('\n')
  const written = writtenIn(path, text)
  let next = 0
  return shown.map(shownLine => {
    const same = shown.length === lines.length ? next : lines.indexOf(shownLine, next)
    const at = same < 0 || oneMark.test(shownLine) ? next : same
    next = at + 1
    const line = lines[at] ?? ''
    const more = written === 'code' && indexedSecrets(line).length > 0 ? ['password'] : []
    const text =
      more.length > 0
        ? indexedSecrets(line).reduce((rest, value) => rest.replaceAll(value, '…'), shownLine)
        : shownLine
    return { text, line: at + 1, exposed: [...exposedIn(shownLine, line, secrets, written), ...more] }
  })
}

function linesOfVariables(variables: readonly string[]): readonly Line[] {
  const secrets: Secrets = new Map()
  const text = redact(JSON.stringify(variables), { onHidden: collectInto(secrets) }).text
  return z
    .array(z.string())
    .parse(JSON.parse(text))
    .map((text, index) => ({
      text,
      line: index + 1,
      exposed: exposedIn(text, variables[index] ?? '', secrets, 'literal')
    }))
}

/** What a mark stands for. */
type Secrets = Map<string, { readonly kind: SecretKind; readonly value: string }>

function collectInto(secrets: Secrets) {
  return (kind: SecretKind, mark: string, value: string) => void secrets.set(mark, { kind, value })
}

const oneMark = new RegExp(mark)
const marks = new RegExp(mark, 'g')

/** The kinds of what a line hides and shows to every reader: no reference to a secret, and no expression. */
function exposedIn(shown: string, line: string, secrets: Secrets, written: Written): readonly string[] {
  let next = 0
  return [...shown.matchAll(marks)].flatMap(([found]) => {
    const secret = secrets.get(found)
    if (secret === undefined) return [/«redacted:([a-z-]+)/.exec(found)?.[1] ?? 'secret']
    const { kind, value } = secret
    const at = line.indexOf(value, next)
    // One of several lines, or one that is written with escapes.
    if (at < 0) return [kind]
    next = at + value.length
    const byItsLooks = kind !== 'url-password' && kind !== 'authorization' && isMarked(redact(value).text)
    return byItsLooks || isExposed(line, at, value, written) ? [kind] : []
  })
}

function writtenIn(path: string, text: string): Written {
  const kind = kindOf(path, text)
  if (kind === 'shell') return 'shell'
  const isProgram = text.startsWith('#!') || /\.(?:rb|pl|php|lua|ex|exs)$/.test(path)
  return kind === 'python' || kind === 'slash' || kind === 'nix' || isProgram ? 'code' : 'settings'
}

/** The lines of a place that show a secret to whoever may read it. */
export function secretsIn({
  lines
}: Place): readonly { readonly kind: string; readonly line: number; readonly text: string }[] {
  return lines.flatMap(({ text, line, exposed: [kind] }) => {
    // These name a file or a credential's name; what they hold is not in them.
    if (/^\s*(?:(?:Load|Import)Credential|(?:Load|Set)CredentialEncrypted)=/.test(text)) return []
    return kind === undefined ? [] : [{ kind, line, text: text.trim().slice(0, 200) }]
  })
}
