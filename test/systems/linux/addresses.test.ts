import { expect, it } from 'vitest'
import { gather } from '../../../src/facts/gather.ts'
import { hostAddresses } from '../../../src/systems/linux/addresses.ts'
import { closedAdapters, type Recorded, recordedSession } from '../../support/doors.ts'

const addr = 'ip -j addr show'
const four = 'ip -j -4 route show table all'
const six = 'ip -j -6 route show table all'

async function taken(recorded: Recorded) {
  const session = recordedSession({
    [addr]: { stdout: '[]' },
    [four]: { stdout: '[]' },
    [six]: { stdout: '' },
    ...recorded
  })
  const gathered = await gather(
    [{ host: 'h', sources: [hostAddresses] }],
    closedAdapters({ open: async () => session })
  )
  return { fact: gathered.fact('h', hostAddresses), rounds: session.rounds.length }
}

it('reads interfaces and the routes of every table in one round', async () => {
  const { fact, rounds } = await taken({
    [addr]: {
      stdout:
        '[{"ifindex":1,"ifname":"lo","addr_info":[{"family":"inet","local":"127.0.0.1","prefixlen":8}]},{"ifindex":9,"ifname":"veth1"}]'
    },
    [four]: {
      stdout: JSON.stringify([
        { dst: 'default', gateway: '192.0.2.1', dev: 'eth0', flags: [] },
        {
          dst: '192.0.2.0/24',
          dev: 'eth0',
          protocol: 'kernel',
          scope: 'link',
          prefsrc: '192.0.2.2',
          flags: []
        },
        { dst: '100.64.0.7', dev: 'tailscale0', table: '52', flags: [] },
        { type: 'unreachable', dst: '10.0.0.0/8', flags: [] },
        { dst: '203.0.113.0/24', nexthops: [{ gateway: '192.0.2.3', dev: 'eth0', weight: 1 }] },
        { type: 'local', dst: '127.0.0.1', dev: 'lo', table: 'local', flags: [] },
        { type: 'broadcast', dst: '192.0.2.255', dev: 'eth0', table: 'local', flags: [] }
      ])
    },
    [six]: {
      stdout: JSON.stringify([
        { dst: 'default', gateway: 'fe80::1', dev: 'eth0', flags: [] },
        { type: 'multicast', dst: 'ff00::/8', dev: 'eth0', table: 'local', flags: [] }
      ])
    }
  })
  expect(rounds).toBe(1)
  const plain = { family: 4, via: null, kind: 'unicast', table: 'main' }
  expect(fact).toMatchObject({
    seen: true,
    value: {
      interfaces: [
        { name: 'lo', addresses: [{ address: '127.0.0.1', length: 8 }] },
        { name: 'veth1', addresses: [] }
      ],
      routes: [
        { ...plain, to: '0.0.0.0/0', device: 'eth0', via: '192.0.2.1' },
        { ...plain, to: '192.0.2.0/24', device: 'eth0' },
        { ...plain, to: '100.64.0.7', device: 'tailscale0', table: '52' },
        { ...plain, to: '10.0.0.0/8', device: null, kind: 'unreachable' },
        { ...plain, to: '203.0.113.0/24', device: 'eth0', via: '192.0.2.3' },
        { ...plain, family: 6, to: '::/0', device: 'eth0', via: 'fe80::1' }
      ]
    }
  })
})

it.each([
  [
    { exit: 1, stderr: 'BusyBox v1.35.0 (Debian 1:1.35.0-4) multi-call binary.\n\nUsage: ip [OPTIONS]\n' },
    'busybox'
  ],
  [{ exit: 255, stderr: 'Option "-j" is unknown, try "ip -help".\n' }, 'old iproute2'],
  [{ exit: 127, stderr: 'sh: ip: not found\n' }, 'ip: no such command on the host'],
  [{ stdout: 'default via 192.0.2.1 dev eth0\n' }, 'output not understood']
])('is unseen after %j', async (answer, why) => {
  expect((await taken({ [four]: answer })).fact).toMatchObject({
    seen: false,
    why: expect.stringContaining(why)
  })
})
