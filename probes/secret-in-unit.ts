import * as z from 'zod'
import { anyGlobMatches } from '../src/base/glob.ts'
import { redact } from '../src/base/redact.ts'
import { mark } from '../src/base/secret-name.ts'
import { defineProbe, type Finding } from '../src/judge/probe.ts'
import { serviceEnvironment, type ServiceEnvironment } from '../src/observe/sources/service-environment.ts'
import { bootPrograms, type BootPrograms } from '../src/observe/sources/unit-programs.ts'

export const secretInUnit = defineProbe({
  id: 'secret-in-unit',
  asserts: 'No unit file, start program or service environment holds a credential in plain text',
  because:
    'Unit files, store paths and the environment of services can be read by every account of the host and by everybody who may ask docker; a credential there is known.',
  remedy:
    'Change the credential, and hand it over as a file: LoadCredential=, /run/secrets, a docker secret.',
  fails: ['a unit file, a start program or the environment of a service holds a credential'],
  params: z.strictObject({
    except: z.array(z.string().min(1)).min(1).optional().describe('files and services left aside (globs)')
  }),
  hunts: { with: {}, severity: 'high' },
  needs: () => ({ programs: bootPrograms, environment: serviceEnvironment }),

  judge(facts, { except = [] }) {
    const places = placesOf(facts).filter(({ at }) => !anyGlobMatches(except, at))
    if (places.length === 0)
      return [{ outcome: 'not-applicable', why: 'no unit of its own, no service environment' }]
    const [first, ...rest] = places.flatMap(exposed)
    if (first !== undefined) return [first, ...rest]
    const unread = facts.programs.programs.filter(({ text, why }) => text === null && why !== 'no such file')
    const left = unread.length === 0 ? '' : `; ${unread.length} programs could not be read by the reviewer`
    return [
      { outcome: 'pass', saw: `no credential in ${places.length} files and service environments${left}` }
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
  /** Its lines with the secrets hidden, and what number each has. */
  readonly lines: readonly { readonly text: string; readonly line: number }[]
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
    ...[...byPath].filter(([, text]) => text !== '').map(([at, text]) => ({ at, lines: hiddenLines(text) })),
    ...environment.map(({ service, variables }) => ({
      at: service,
      lines: hiddenVariables(variables).map((text, index) => ({ text, line: index + 1 }))
    }))
  ]
}

/** A secret of several lines becomes one: the lines around it tell where they stood. */
function hiddenLines(text: string): Place['lines'] {
  const lines = text.split('\n')
  const shown = redact(text).text.split('\n')
  let next = 0
  return shown.map(line => {
    const same = shown.length === lines.length ? next : lines.indexOf(line, next)
    const at = same < 0 || hidden.test(line) ? next : same
    next = at + 1
    return { text: line, line: at + 1 }
  })
}

function hiddenVariables(variables: readonly string[]): readonly string[] {
  return z.array(z.string()).parse(JSON.parse(redact(JSON.stringify(variables)).text))
}

const hidden = new RegExp(mark.replace('[a-z-]{1,20}', '(?<kind>[a-z-]{1,20})'))

/** What would be hidden before it is shown is what anybody on the host can read. */
function exposed({ at, lines }: Place): readonly Finding[] {
  const found = lines.flatMap(({ text, line }) => {
    // These name a file or a credential's name; what they hold is not in them.
    if (/^\s*(?:(?:Load|Import)Credential|(?:Load|Set)CredentialEncrypted)=/.test(text)) return []
    const kind = hidden.exec(text)?.groups?.['kind']
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
