import { counted } from '../src/lib/text/counted.ts'
import * as z from 'zod'
import { anyGlobMatches } from '../src/lib/text/glob.ts'
import { redact } from '../src/lib/secrets/redact.ts'
import { isMarked, mark, type SecretKind } from '../src/lib/secrets/secret-name.ts'
import { indexedSecrets, isExposed, type Written } from '../src/lib/secrets/secret-value.ts'
import { kindOf } from '../src/systems/programs/program-text.ts'
import { defineProbe, type Finding } from '../src/probe/probe.ts'
import { serviceEnvironment, type ServiceEnvironment } from '../src/systems/swarm/environment.ts'
import { bootPrograms, type BootPrograms } from '../src/systems/systemd/unit-programs.ts'

export const secretInUnit = defineProbe({
  id: 'secret-in-unit',
  asserts: 'No file of a loaded unit, start program or service environment holds a credential in plain text',
  because:
    'Unit files, store paths and the environment of services can be read by every account of the host and by everybody who may ask docker; a credential there is known.',
  remedy:
    'Change the credential, and hand it over as a file: LoadCredential=, /run/secrets, a docker secret.',
  fails: ['a file of a loaded unit, a start program or the environment of a service holds a credential'],
  params: z.strictObject({
    except: z.array(z.string().min(1)).min(1).optional().describe('files and services left aside (globs)')
  }),
  hunts: { with: {}, severity: 'high' },
  needs: () => ({ programs: bootPrograms, environment: serviceEnvironment }),

  judge(facts, { except = [] }) {
    const places = placesOf(facts).filter(({ at }) => !anyGlobMatches(except, at))
    if (places.length === 0)
      return [{ outcome: 'not-applicable', why: 'no loaded unit of its own, no service environment' }]
    const [first, ...rest] = places.flatMap(exposed)
    if (first !== undefined) return [first, ...rest]
    const unread = facts.programs.programs.filter(({ text, why }) => text === null && why !== 'no such file')
    const left = unread.length === 0 ? '' : `; ${unread.length} programs could not be read by the reviewer`
    return [
      {
        outcome: 'pass',
        saw: `no credential in ${counted(places.length, 'file of loaded units or service environment', 'files of loaded units and service environments')}${left}`
      }
    ]
  },

  falsify: ({ programs, environment }) => [
    {
      programs: {
        ...programs,
        programs: [...programs.programs, { path: '/falsified', text: 'PASSWORD=falsified-4711\n', why: '' }]
      },
      environment
    }
  ]
})

interface Place {
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

function placesOf({
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

/** A secret of several lines becomes one: the lines around it tell where they stood. */
function linesOfFile(path: string, text: string): readonly Line[] {
  const secrets: Secrets = new Map()
  const lines = text.split('\n')
  const shown = redact(text, { told: heard(secrets) }).text.split('\n')
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
  const text = redact(JSON.stringify(variables), { told: heard(secrets) }).text
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

function heard(secrets: Secrets) {
  return (kind: SecretKind, mark: string, value: string) => void secrets.set(mark, { kind, value })
}

const oneMark = new RegExp(mark)
const marks = new RegExp(mark, 'g')

/** The kinds of what a line hides and shows to everybody who reads it: no reference to a secret, and no expression. */
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

/** What would be hidden before it is shown is what anybody on the host can read. */
function exposed({ at, lines }: Place): readonly Finding[] {
  const found = lines.flatMap(({ text, line, exposed: [kind] }) => {
    // These name a file or a credential's name; what they hold is not in them.
    if (/^\s*(?:(?:Load|Import)Credential|(?:Load|Set)CredentialEncrypted)=/.test(text)) return []
    return kind === undefined ? [] : [{ kind, line, text: text.trim().slice(0, 200) }]
  })
  const [first] = found
  if (first === undefined) return []
  const isFile = at.startsWith('/')
  const where = isFile ? `${at}:${first.line}` : `service ${at}`
  const kinds = [...new Set(found.map(({ kind }) => kind))].join(', ')
  const saw = `${isFile ? at : `the environment of ${at}`} holds a credential in plain text (${kinds})`
  return [
    {
      outcome: 'fail',
      saw,
      expected: 'credentials in files that only their user can read',
      at: where,
      shows: found
        .slice(0, 5)
        .map(({ line, text }) => (isFile ? `${at}:${line}: ${text}` : `${at}: ${text}`)),
      filing: {
        subject: at,
        title: `A credential in plain text: ${at}`,
        severity: 'high',
        story: [`${saw}. Whoever may read it knows it, and so do backups and caches.`],
        mend: 'Change the credential first. Then hand the new one over as a file: LoadCredential=, /run/secrets, a docker secret.'
      }
    }
  ]
}
