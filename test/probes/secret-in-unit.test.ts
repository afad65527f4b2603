import { expect, it } from 'vitest'
import { secretInUnit } from '../../probes/secret-in-unit.ts'
import { redact } from '../../src/lib/secrets/redact.ts'
import { bootOf, scriptPath } from '../support/boot.ts'

/** As a host is read: what is a secret is hidden before any probe sees it. */
function judge(
  script: string,
  environment: readonly string[] = [],
  except?: readonly string[],
  service?: string
) {
  const sketch = service === undefined ? { script } : { service }
  const { programs } = JSON.parse(
    redact(JSON.stringify(bootOf({ units: { x: sketch } }))).text
  ) as ReturnType<typeof bootOf>
  const variables = environment.map(variable => redact(variable).text)
  return secretInUnit.judge(
    { programs, environment: [{ service: 'app_app', variables }] },
    secretInUnit.params.parse(except === undefined ? {} : { except })
  )
}

it.each<[name: string, outcome: string, findings: ReturnType<typeof judge>]>([
  ['nothing', 'pass', judge('curl -f https://ci.example.test/')],
  ['a password in a script', 'fail', judge('export DB_PASSWORD=correct-horse-battery')],
  ['a password in a URL', 'fail', judge('curl -f https://ops:hunter2hunter2@ci.example.test/')],
  [
    'a token in the unit file',
    'fail',
    judge('', [], undefined, 'Environment=API_TOKEN=0f8fad5bd9cb469fa165\nExecStart=/opt/x')
  ],
  ['a password in a service environment', 'fail', judge('true', ['POSTGRES_PASSWORD=correct-horse-battery'])],
  [
    'a file that holds one',
    'pass',
    judge('export DB_PASSWORD_FILE=/run/secrets/db', ['POSTGRES_PASSWORD_FILE=/run/secrets/db'])
  ],
  ['one that is read when it runs', 'pass', judge('export DB_PASSWORD="$(cat /run/secrets/db)"')],
  ['left aside', 'pass', judge('true', ['POSTGRES_PASSWORD=correct-horse-battery'], ['app_*'])]
])('%s: %s', (_, outcome, findings) => {
  expect(findings.map(finding => finding.outcome)).toEqual([outcome])
})

it('shows where, and never the secret', () => {
  const findings = judge('set -u\nexport DB_PASSWORD=correct-horse-battery')
  expect(findings).toMatchObject([
    {
      at: `${scriptPath('x')}:5`,
      shows: [expect.stringMatching(/:5: export DB_PASSWORD=«redacted:password:/)],
      filing: { subject: scriptPath('x') }
    }
  ])
  expect(JSON.stringify(findings)).not.toContain('horse')
})

it('can fail', () => {
  const facts = { programs: bootOf({ units: {} }).programs, environment: [] }
  for (const untrue of secretInUnit.falsify(facts, {})) {
    expect(secretInUnit.judge(untrue, {}).map(({ outcome }) => outcome)).toEqual(['fail'])
  }
})
