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
    'Every account of the host can read unit files and store paths, and everyone with access to docker can read the environment of services: a credential there is exposed.',
  remedy:
    'Rotate the credential, and pass the new one as a file: LoadCredential=, /run/secrets, a docker secret.',
  fails: ['a file of a loaded unit, a start program or the environment of a service holds a credential'],
  params: z.strictObject({
    except: z.array(z.string().min(1)).min(1).optional().describe('files and services to exclude (globs)')
  }),
  hunts: { with: {}, severity: 'high' },
  needs: () => ({ programs: bootPrograms, environment: serviceEnvironment }),

  judge(facts, { except = [] }) {
    const places = placesOf(facts).filter(({ at }) => !anyGlobMatches(except, at))
    if (places.length === 0)
      return [
        {
          outcome: 'not-applicable',
          why: 'the host has no loaded unit of its own and no service environment'
        }
      ]
    const [first, ...rest] = places.flatMap(exposed)
    if (first !== undefined) return [first, ...rest]
    const unread = facts.programs.programs.filter(({ text, why }) => text === null && why !== 'no such file')
    const left =
      unread.length === 0 ? '' : `; the reviewer could not read ${counted(unread.length, 'program')}`
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

/** What would be hidden before it is shown is what every account of the host can read. */
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
        story: [`${saw}. Everyone who can read it knows the credential; backups and caches keep it.`],
        remedy:
          'Rotate the credential first. Then pass the new one as a file: LoadCredential=, /run/secrets, a docker secret.'
      }
    }
  ]
}
