import * as z from 'zod'
import { anyGlobMatches } from '../src/base/glob.ts'
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
        programs: [
          ...programs.programs,
          { path: '/falsified', text: 'PASSWORD=«redacted:password:1»\n', why: '' }
        ]
      },
      environment
    }
  ]
})

interface Place {
  /** A file's path or a service's name. */
  readonly at: string
  readonly lines: readonly string[]
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
    ...[...byPath].filter(([, text]) => text !== '').map(([at, text]) => ({ at, lines: text.split('\n') })),
    ...environment.map(({ service, variables }) => ({ at: service, lines: variables }))
  ]
}

const hidden = new RegExp(mark.replace('[a-z-]{1,20}', '(?<kind>[a-z-]{1,20})'))

/** What was hidden before it got here is what anybody on the host could have read. */
function exposed({ at, lines }: Place): readonly Finding[] {
  const found = lines.flatMap((line, index) => {
    // These name a file or a credential's name; what they hold is not in them.
    if (/^\s*(?:(?:Load|Import)Credential|(?:Load|Set)CredentialEncrypted)=/.test(line)) return []
    const kind = hidden.exec(line)?.groups?.['kind']
    return kind === undefined ? [] : [{ kind, line: index + 1, text: line.trim().slice(0, 200) }]
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
