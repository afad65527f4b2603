import { counted } from '../src/lib/text/counted.ts'
import * as z from 'zod'
import { anyGlobMatches } from '../src/lib/text/glob.ts'
import { defineProbe, type Finding } from '../src/probe/probe.ts'
import { serviceEnvironment } from '../src/systems/swarm/environment.ts'
import { type Place, placesOf, secretsIn } from '../src/systems/swarm/plain-secrets.ts'
import { bootPrograms } from '../src/systems/systemd/unit-programs.ts'

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

/** What would be hidden before it is shown is what anybody on the host can read. */
function exposed(place: Place): readonly Finding[] {
  const { at } = place
  const found = secretsIn(place)
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
