import { describe, expect, it } from 'vitest'
import { diskHeadroom } from '../../probes/disk-headroom.ts'
import { outcomeOf } from '../../src/probe/run.ts'
import type { Filesystem, Filesystems } from '../../src/systems/docker/filesystems.ts'

const gib = 2 ** 30
const disk = (changed: Partial<Filesystem> = {}): Filesystem => ({
  device: '/dev/vda2',
  mount: '/',
  holds: ['/', '/var/lib/docker'],
  sizeBytes: 100 * gib,
  freeBytes: 50 * gib,
  inodes: { total: 1_000_000, free: 500_000 },
  ...changed
})
const facts = (changed: Partial<Filesystem>, rest: Partial<Filesystems> = {}) => ({
  disks: {
    filesystems: [disk(), disk({ mount: '/data', ...changed })],
    dockerUnseen: '',
    unseen: [],
    ...rest
  }
})
const huge = 4_000 * gib

describe('disk-headroom', () => {
  it.each<[why: string, outcome: string, changed: Partial<Filesystem>, params?: object]>([
    ['half of it free', 'pass', {}],
    ['a tenth of it free', 'pass', { freeBytes: 10 * gib }],
    ['full, and mounted read-only', 'pass', { freeBytes: 0, inodes: { total: 10, free: 0 }, readOnly: true }],
    ['full, and not mounted read-only', 'fail', { freeBytes: 0 }],
    ['a byte less than a tenth', 'fail', { freeBytes: 10 * gib - 1 }],
    ['20 GiB of a large one', 'pass', { sizeBytes: huge, freeBytes: 20 * gib }],
    ['a byte less than 20 GiB of a large one', 'fail', { sizeBytes: huge, freeBytes: 20 * gib - 1 }],
    [
      'less than the percent that a plan wants',
      'fail',
      { sizeBytes: huge, freeBytes: 39 * gib },
      { percent: 1 }
    ],
    [
      'as much as the percent that a plan wants',
      'pass',
      { sizeBytes: huge, freeBytes: 40 * gib },
      { percent: 1 }
    ],
    ['as many GiB as a plan wants', 'pass', { freeBytes: 5 * gib }, { gib: 5 }],
    ['a byte less than a plan wants', 'fail', { freeBytes: 5 * gib - 1 }, { gib: 5 }],
    ['the GiB but not the percent', 'fail', { freeBytes: 5 * gib }, { gib: 5, percent: 6 }],
    ['the percent but not the GiB', 'fail', { freeBytes: 5 * gib }, { gib: 6, percent: 5 }],
    ['one inode too few', 'fail', { inodes: { total: 1000, free: 49 } }],
    ['just enough inodes', 'pass', { inodes: { total: 1000, free: 50 } }],
    ['fewer inodes than a plan wants', 'fail', { inodes: { total: 1000, free: 99 } }, { inodes: 10 }],
    ['no inodes to run out of', 'pass', { inodes: null }],
    ['no inodes to run out of, and full', 'fail', { inodes: null, freeBytes: 0 }]
  ])('%s: %s', (_, outcome, changed, params = {}) => {
    const wish = diskHeadroom.params.parse(params)
    const seen = facts(changed)
    expect(outcomeOf(diskHeadroom.judge(seen, wish))).toBe(outcome)
    const untrue = diskHeadroom.falsify(seen, wish)
    expect(untrue.length).toBe(2)
    for (const one of untrue) expect(outcomeOf(diskHeadroom.judge(one, wish))).toBe('fail')
  })

  it.each<[rest: Partial<Filesystems>, why: string]>([
    [
      { dockerUnseen: 'the docker daemon does not respond' },
      "the location of docker's data is unknown: the docker daemon"
    ],
    [{ unseen: [{ path: '/var', why: 'Permission denied' }] }, '/var: Permission denied']
  ])('does not pass what it could not see: %j', (rest, why) => {
    const findings = diskHeadroom.judge(facts({}, rest), { inodes: 5 })
    expect(findings).toMatchObject([{ outcome: 'unknown', why: expect.stringContaining(why) }])
    expect(outcomeOf(diskHeadroom.judge(facts({ freeBytes: 0 }, rest), { inodes: 5 }))).toBe('fail')
  })

  it.each([
    [0.099, 'critical'],
    [0.1, 'high'],
    [0.499, 'high'],
    [0.5, 'medium']
  ])('%d of what must be free is %s', (part, severity) => {
    const [finding] = diskHeadroom.judge(facts({ freeBytes: 10 * gib * part }), { inodes: 5 })
    expect(finding).toMatchObject({ outcome: 'fail', filing: { severity } })
  })

  it('says what is full, how full, and what lives on it', () => {
    const changed = { freeBytes: 3 * gib, inodes: { total: 1000, free: 2 } }
    expect(diskHeadroom.judge(facts(changed), { inodes: 5 })).toEqual([
      {
        outcome: 'fail',
        saw: '3072 MiB of 100 GiB free',
        expected: 'at least 10 GiB',
        at: 'bytes of /data',
        shows: ['/data (/dev/vda2, holds /, /var/lib/docker): 3072 MiB of 100 GiB free'],
        filing: {
          subject: 'bytes of /data',
          title: '/data runs out of space',
          severity: 'high',
          story: ['/data (/dev/vda2) has 3072 MiB of 100 GiB free. It holds /, /var/lib/docker.'],
          remedy: expect.stringContaining('docker system df')
        }
      },
      expect.objectContaining({
        outcome: 'fail',
        saw: '2 of 1000 inodes free',
        expected: 'at least 50 inodes',
        at: 'inodes of /data',
        filing: expect.objectContaining({ subject: 'inodes of /data', severity: 'critical' })
      })
    ])
  })
})
