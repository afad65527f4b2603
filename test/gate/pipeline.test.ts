import { describe, expect, it } from 'vitest'
import { loginFor } from '../../src/gate/pipeline.ts'

const remote = 'https://git.example.test/ops/infra.git'
const drone = {
  DRONE_NETRC_MACHINE: 'git.example.test',
  DRONE_NETRC_USERNAME: 'drone',
  DRONE_NETRC_PASSWORD: 's3cret'
}

describe('the login of a pipeline', () => {
  it.each([
    ['Drone', drone, { username: 'drone', password: 's3cret' }],
    [
      'Woodpecker',
      { CI_NETRC_MACHINE: 'GIT.example.test', CI_NETRC_USERNAME: 'wood', CI_NETRC_PASSWORD: 'x' },
      { username: 'wood', password: 'x' }
    ],
    [
      'Actions',
      { GITHUB_SERVER_URL: 'https://git.example.test', GITHUB_TOKEN: 't' },
      { username: 'x-access-token', password: 't' }
    ],
    [
      'GitLab',
      { CI_SERVER_URL: 'https://git.example.test', CI_JOB_TOKEN: 't' },
      { username: 'gitlab-ci-token', password: 't' }
    ],
    ['nothing', {}, null],
    ['another host', { ...drone, DRONE_NETRC_MACHINE: 'evil.example.test' }, null],
    ['a part of the host', { ...drone, DRONE_NETRC_MACHINE: 'example.test' }, null],
    ['an empty password', { ...drone, DRONE_NETRC_PASSWORD: '' }, null],
    ['a line break in it', { ...drone, DRONE_NETRC_PASSWORD: 'a\nusername=b' }, null],
    ['a token without its server', { GITHUB_TOKEN: 't' }, null]
  ])('%s', (_, env, login) => {
    expect(loginFor(remote, env)).toEqual(login)
  })

  it.each([
    'http://git.example.test/x.git',
    'https://me@git.example.test/x.git',
    'ssh://git@git.example.test/x.git',
    '/srv/x.git',
    'git.example.test:x.git',
    'https://git.example.test.evil.example.test/x.git'
  ])('not for %s', url => {
    expect(loginFor(url, drone)).toBeNull()
  })
})
