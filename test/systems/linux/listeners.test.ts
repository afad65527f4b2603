import { expect, it } from 'vitest'
import { gather } from '../../../src/facts/gather.ts'
import { isEverywhere, isLoopback, listeners } from '../../../src/systems/linux/listeners.ts'
import { closedAdapters, type Recorded, recordedSession } from '../../support/doors.ts'

const ss = `udp UNCONN 0      0        0.0.0.0:4789  0.0.0.0:*
udp UNCONN 0      0     127.0.0.53%lo:53      0.0.0.0:*
udp UNCONN 0      0      [fe80::1]%eth0:546      [::]:*
tcp LISTEN 0      128         [::]:22       [::]:*
tcp LISTEN 0      4096           *:2377        *:*
tcp LISTEN 0      128         [::1]:631      [::]:*
sctp LISTEN 0     128         [::]:9      [::]:*

`
const plain: Recorded = {
  'ss -Hltnu': { stdout: ss },
  'printenv SSH_CONNECTION': { stdout: '203.0.113.9 58266 198.51.100.2 2222\n' }
}

async function seen(changed: Recorded = {}) {
  const adapters = closedAdapters({ open: async () => recordedSession({ ...plain, ...changed }) })
  return (await gather([{ host: 'h', sources: [listeners] }], adapters)).fact('h', listeners)
}

it('reads every form of an address', async () => {
  expect(await seen()).toMatchObject({
    seen: true,
    value: {
      sshPort: 2222,
      sockets: [
        { protocol: 'udp', address: '0.0.0.0', port: 4789 },
        { protocol: 'udp', address: '127.0.0.53', port: 53 },
        { protocol: 'udp', address: 'fe80::1', port: 546 },
        { protocol: 'tcp', address: '::', port: 22 },
        { protocol: 'tcp', address: '*', port: 2377 },
        { protocol: 'tcp', address: '::1', port: 631 }
      ]
    }
  })
})

it.each<[why: string, changed: Recorded, found: object]>([
  ['no sshd', { 'printenv SSH_CONNECTION': { exit: 1 } }, { seen: true, value: { sshPort: null } }],
  [
    'a hostile environment',
    { 'printenv SSH_CONNECTION': { stdout: '1 2 3 4\n5 6 7 8\n' } },
    { seen: true, value: { sshPort: null } }
  ],
  [
    'owners, where ss shows them',
    {
      'ss -Hltnu --cgroup': {
        stdout: `tcp LISTEN 0 128 0.0.0.0:22 0.0.0.0:* cgroup:/system.slice/ssh.service
tcp LISTEN 0 128 0.0.0.0:80 0.0.0.0:* cgroup:unreachable:4d2
`
      }
    },
    {
      seen: true,
      value: {
        sockets: [
          { protocol: 'tcp', address: '0.0.0.0', port: 22, owner: '/system.slice/ssh.service' },
          { protocol: 'tcp', address: '0.0.0.0', port: 80 }
        ]
      }
    }
  ],
  [
    'an ss that knows no owners',
    { 'ss -Hltnu --cgroup': { exit: 255, stderr: "ss: unrecognized option '--cgroup'" } },
    { seen: true, value: { sshPort: 2222 } }
  ],
  ['no ss', { 'ss -Hltnu': { exit: 127 } }, { seen: false }],
  ['no socket', { 'ss -Hltnu': { stdout: '\n' } }, { seen: false }],
  ['other words', { 'ss -Hltnu': { stdout: 'Cannot open netlink socket: denied\n' } }, { seen: false }]
])('%s', async (_, changed, found) => {
  expect(await seen(changed)).toMatchObject(found)
})

it.each([
  ['127.0.0.1', true, false],
  ['127.0.0.53', true, false],
  ['::1', true, false],
  ['::ffff:127.0.0.1', true, false],
  ['0.0.0.0', false, true],
  ['::', false, true],
  ['*', false, true],
  ['10.127.0.1', false, false],
  ['::10', false, false]
])('%s: loopback %s, everywhere %s', (address, loopback, everywhere) => {
  const socket = { protocol: 'tcp', address, port: 1 } as const
  expect([isLoopback(socket), isEverywhere(socket)]).toEqual([loopback, everywhere])
})
