import { expect, it } from 'vitest'
import { placesOf, secretsIn } from '../../../src/systems/swarm/plain-secrets.ts'

const none = { services: [], programs: [], untold: [] }
const inUnit = (line: string) =>
  placesOf({
    programs: {
      ...none,
      services: [{ name: 'x.service', files: [{ path: '/x.service', text: `[Service]\n${line}\n` }] }]
    },
    environment: []
  }).flatMap(secretsIn)
const inProgram = (path: string, text: string) =>
  placesOf({ programs: { ...none, programs: [{ path, text, why: '' }] }, environment: [] }).flatMap(secretsIn)
const inEnvironment = (variable: string) =>
  placesOf({ programs: none, environment: [{ service: 'shop_app', variables: [variable] }] }).flatMap(
    secretsIn
  )

it.each([
  ['Environment=PASSWORD=hunter2-4711', true],
  ['Environment=PASSWORD_FILE=/run/secrets/password', false],
  ['LoadCredential=password:/run/secrets/password', false],
  ['Description=The password of the shop', false]
])('a unit file with %s: %s', (line, shows) => {
  const found = inUnit(line)
  expect(found.map(({ line }) => line)).toEqual(shows ? [2] : [])
  expect(JSON.stringify(found)).not.toContain('hunter2')
})

it.each([
  ['PASSWORD=hunter2-4711', true],
  ['PASSWORD=$(cat /run/secrets/password)', false],
  ['PASSWORD="$1"', false]
])('a shell program with %s: %s', (line, shows) => {
  expect(inProgram('/start', `#!/bin/sh\n${line}\n`).length > 0).toBe(shows)
})

it.each([
  ['DB_PASSWORD=hunter2-4711', true],
  ['DB_PASSWORD_FILE=/run/secrets/db', false],
  ['LANG=C.UTF-8', false]
])('the environment of a service with %s: %s', (variable, shows) => {
  expect(inEnvironment(variable).length > 0).toBe(shows)
})

it('a file that could not be read is no place', () => {
  const programs = { ...none, programs: [{ path: '/x', text: null, why: 'permission denied' }] }
  expect(placesOf({ programs, environment: [] })).toEqual([])
})
