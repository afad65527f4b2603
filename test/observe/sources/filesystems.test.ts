import { expect, it } from 'vitest'
import { gather } from '../../../src/observe/gather.ts'
import { filesystems } from '../../../src/observe/sources/filesystems.ts'
import { closedDoors, type Recorded, recordedSession } from '../../support/doors.ts'

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
  const doors = closedDoors({ open: async () => session })
  const { fact } = await gather([{ host: 'h', sources: [filesystems] }], doors)
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
    'a docker that does not answer',
    { "docker info --format '{{json .}}'": { stdout: '{"DockerRootDir":""}' } },
    { seen: true, value: { dockerUnseen: 'docker info does not name its root directory' } }
  ],
  ['no df', { [`df -P -k ${usual}`]: { exit: 127 } }, { seen: false }],
  ['fewer rows than paths', { [`df -P -k ${usual}`]: { stdout: head + root } }, { seen: false }],
  ['no rows', { [`df -P -k ${usual}`]: { exit: 1, stdout: head, stderr: '' } }, { seen: false }],
  ['other output', { [`df -P -k ${usual}`]: { stdout: `${head}a\nb\nc\nd\ne\n` } }, { seen: false }]
])('%s', async (_, changed, found) => {
  expect((await seen(changed)).fact).toMatchObject(found)
})
