import { expect, it } from 'vitest'
import { gather } from '../../../src/facts/gather.ts'
import { type Filesystems, filesystems } from '../../../src/systems/docker/filesystems.ts'
import { closedAdapters, type Recorded, recordedSession } from '../../support/doors.ts'

const usual = '-- / /var /nix/store /var/lib/containerd /var/lib/docker'
const missing = (...paths: readonly string[]) =>
  paths.map(path => `df: ${path}: No such file or directory\n`).join('')
const info = (path: string) => ({
  "docker info --format '{{json .}}'": { stdout: `${JSON.stringify({ DockerRootDir: path })}\n` }
})
const head = 'Filesystem     1024-blocks     Used Available Capacity Mounted on\n'
const root = '/dev/vda2        20000000 12000000   7000000      64% /\n'
const rootNodes = '/dev/vda2         1310720   300000   1010720      23% /\n'
const plain: Recorded = {
  [`df -P -k ${usual}`]: {
    exit: 1,
    stdout: head + root + root + root,
    stderr: missing('/nix/store', '/var/lib/containerd')
  },
  [`df -P -i ${usual}`]: {
    exit: 1,
    stdout: head + rootNodes + rootNodes + rootNodes,
    stderr: missing('/nix/store', '/var/lib/containerd')
  },
  ...info('/var/lib/docker')
}
const disk = {
  device: '/dev/vda2',
  mount: '/',
  holds: ['/', '/var', '/var/lib/docker'],
  sizeBytes: 20_480_000_000,
  freeBytes: 7_168_000_000,
  inodes: { total: 1_310_720, free: 1_010_720 }
}

async function seen(changed: Recorded = {}) {
  const session = recordedSession({ ...plain, ...changed })
  const adapters = closedAdapters({ open: async () => session })
  const { fact } = await gather([{ host: 'h', sources: [filesystems] }], adapters)
  return { fact: fact('h', filesystems), rounds: session.rounds }
}

it('counts a filesystem once, in one round', async () => {
  const { fact, rounds } = await seen()
  expect(fact).toMatchObject({ seen: true, value: { filesystems: [disk], dockerUnseen: '', unseen: [] } })
  expect(rounds.length).toBe(1)
})

it('tells apart what only shares a kind, and what has no inodes', async () => {
  const rows =
    'tmpfs 1000 0 1000 0% /\n' +
    'tmpfs 1000 0 900 10% /var\n' +
    '/dev/disk/by label/store 5000 5100 -100 103% /nix/store\n' +
    'rpool/docker 2000 0 2000 0% /var/lib/docker\n'
  const nodes =
    'tmpfs 10 1 9 10% /\ntmpfs 10 1 9 10% /var\n' +
    '/dev/disk/by label/store 0 0 0 - /nix/store\n' +
    'rpool/docker - - - - /var/lib/docker\n'
  const stderr = missing('/var/lib/containerd')
  const { fact } = await seen({
    [`df -P -k ${usual}`]: { exit: 1, stdout: head + rows, stderr },
    [`df -P -i ${usual}`]: { exit: 1, stdout: head + nodes, stderr }
  })
  expect(fact.seen ? fact.value : fact.why).toMatchObject({
    filesystems: [
      { device: 'tmpfs', mount: '/', holds: ['/'], freeBytes: 1_024_000, inodes: { total: 10, free: 9 } },
      { device: 'tmpfs', mount: '/var', freeBytes: 921_600 },
      { device: '/dev/disk/by label/store', mount: '/nix/store', freeBytes: 0, inodes: null },
      { device: 'rpool/docker', inodes: null }
    ]
  })
})

it('asks for the folder of docker where it has one of its own', async () => {
  const own = '/dev/vdb1        50000000 1000000   49000000      2% /data\n'
  const { fact } = await seen({
    ...info('/data/docker'),
    'df -P -k -- /data/docker': { stdout: head + own },
    'df -P -i -- /data/docker': { stdout: `${head}/dev/vdb1 100 1 99 1% /data\n` }
  })
  expect(fact.seen ? fact.value : fact.why).toMatchObject({
    filesystems: [disk, { mount: '/data', holds: ['/data/docker'] }]
  })
  const { fact: shut } = await seen({
    ...info('/data/docker'),
    'df -P -k -- /data/docker': { why: 'not on the list' },
    'df -P -i -- /data/docker': { why: 'not on the list' }
  })
  expect(shut.seen ? shut.value : shut.why).toMatchObject({
    filesystems: [disk],
    unseen: [{ path: '/data/docker', why: 'not on the list' }]
  })
})

it.each<[why: string, changed: Recorded, found: object]>([
  [
    'a folder that it may not look at',
    {
      [`df -P -k ${usual}`]: {
        exit: 1,
        stdout: head + root + root,
        stderr: `${missing('/nix/store', '/var/lib/containerd')}df: /var/lib/docker: Permission denied\n`
      }
    },
    {
      seen: true,
      value: { unseen: [{ path: '/var/lib/docker', why: 'df: /var/lib/docker: Permission denied' }] }
    }
  ],
  [
    'busybox',
    {
      [`df -P -k ${usual}`]: {
        exit: 1,
        stdout: head + root + root + root,
        stderr: missing('/nix/store', '/var/lib/containerd').replaceAll(
          'No such file or directory',
          "can't find mount point"
        )
      }
    },
    { seen: true, value: { filesystems: [disk], unseen: [] } }
  ],
  [
    'no docker',
    { "docker info --format '{{json .}}'": { exit: 127, stderr: 'sh: docker: not found' } },
    { seen: true, value: { dockerUnseen: '' } }
  ],
  [
    'a docker that the login may not ask',
    {
      "docker info --format '{{json .}}'": {
        stdout: '{"ServerErrors":["permission denied while trying to connect to the Docker daemon socket"]}'
      }
    },
    {
      seen: true,
      value: { dockerUnseen: 'the login may not read docker (permission denied on the daemon socket)' }
    }
  ],
  [
    'a docker of another context',
    {
      "docker info --format '{{json .}}'": {
        stdout: '{"DockerRootDir":"/data/docker","Name":"far","ClientInfo":{"Context":"far"}}'
      }
    },
    { seen: true, value: { filesystems: [disk], dockerUnseen: expect.stringContaining('context "far"') } }
  ],
  [
    'a docker that does not answer',
    { "docker info --format '{{json .}}'": { stdout: '{"DockerRootDir":""}' } },
    { seen: true, value: { dockerUnseen: 'docker info does not show its root directory' } }
  ],
  ['no df', { [`df -P -k ${usual}`]: { exit: 127 } }, { seen: false }],
  ['fewer rows than paths', { [`df -P -k ${usual}`]: { stdout: head + root } }, { seen: false }],
  ['no rows', { [`df -P -k ${usual}`]: { exit: 1, stdout: head, stderr: '' } }, { seen: false }],
  ['other output', { [`df -P -k ${usual}`]: { stdout: `${head}a\nb\nc\nd\ne\n` } }, { seen: false }]
])('%s', async (_, changed, found) => {
  expect((await seen(changed)).fact).toMatchObject(found)
})

const full = (device: string) => {
  const row = (numbers: string) => `${device} ${numbers} /\n`
  const second = '/dev/vda2        20000000 12000000   7000000      64% /var\n'
  const stderr = missing('/nix/store', '/var/lib/containerd')
  return {
    [`df -P -k ${usual}`]: { exit: 1, stdout: head + row('9000 9000 0 100%') + second + second, stderr },
    [`df -P -i ${usual}`]: {
      exit: 1,
      stdout:
        head + row('50 50 0 100%') + rootNodes.replace(' /', ' /var') + rootNodes.replace(' /', ' /var'),
      stderr
    }
  }
}

it.each<[why: string, device: string, mounts: string | null, readOnly: boolean]>([
  ['an image that the system is started from', 'composefs', 'composefs / overlay ro,relatime 0 0', true],
  ['a full disk', 'composefs', 'composefs / overlay rw,relatime 0 0', false],
  [
    'a device with one more mount',
    '/dev/loop0',
    '/dev/loop0 / erofs ro 0 0\n/dev/loop0 /b erofs ro 0 0',
    true
  ],
  [
    'a device that is written to elsewhere',
    '/dev/vda1',
    '/dev/vda1 / ext4 ro 0 0\n/dev/vda1 /b ext4 rw 0 0',
    false
  ],
  ['a folder that is mounted over', 'composefs', 'rootfs / rootfs rw 0 0\ncomposefs / overlay ro 0 0', true],
  [
    'a folder that is mounted over, to be written to',
    'tmpfs',
    'x / erofs ro 0 0\ntmpfs / tmpfs rw 0 0',
    false
  ],
  ['a device with a space in its name', '/dev/a b', '/dev/a\\040b / erofs ro 0 0', true],
  ['mounts that could not be seen', 'composefs', null, false]
])('knows what is full and read-only: %s', async (_, device, mounts, readOnly) => {
  const { fact } = await seen({
    ...full(device),
    'cat /proc/self/mounts': mounts === null ? { why: 'not on the list' } : { stdout: `${mounts}\n` }
  })
  const { filesystems: all } = (fact.seen ? fact.value : { filesystems: [] }) as Pick<
    Filesystems,
    'filesystems'
  >
  const found = all.find(one => one.mount === '/')
  expect(found?.freeBytes).toBe(0)
  expect(found?.readOnly ?? false).toBe(readOnly)
})
