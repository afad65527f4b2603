import * as z from 'zod'
import { defineProbe, type Finding } from '../src/probe/probe.ts'
import { type Filesystem, filesystems } from '../src/systems/docker/filesystems.ts'

const percent = z.number().positive().max(99)
const params = z.strictObject({
  percent: percent
    .optional()
    .describe('percent of the space that must be free; default: 10, or 20 GiB if that is less'),
  gib: z
    .number()
    .positive()
    .optional()
    .describe('GiB that must be free, whatever the size of the filesystem'),
  inodes: percent.default(5).describe('percent of the inodes that must be free')
})

const gibibyte = 2 ** 30

export const diskHeadroom = defineProbe({
  id: 'disk-headroom',
  asserts: 'Filesystems have free space and free inodes',
  because:
    'A full disk breaks deployments halfway and databases in the middle of a write; a filesystem without free inodes does the same while it still shows free gigabytes.',
  remedy:
    'Find what grew: `docker system df`, `journalctl --disk-usage`, `nix-store --gc --print-dead`; then remove it, or enlarge the filesystem.',
  fails: ['a filesystem has too little free space or too few free inodes'],
  params,
  hunts: { with: { inodes: 5 }, severity: 'high' },
  needs: () => ({ disks: filesystems }),

  judge({ disks }, given) {
    const described: string[] = []
    const findings: Finding[] = []
    for (const disk of disks.filesystems) {
      const least = leastBytes(disk, given)
      const where = placeOf(disk)
      const bytes = `${bytesText(disk.freeBytes)} of ${bytesText(disk.sizeBytes)} free`
      if (disk.readOnly === true) {
        findings.push({
          outcome: 'not-applicable',
          why: `${where} is mounted read-only: nothing can fill it`
        })
        continue
      }
      if (disk.freeBytes < least) {
        findings.push(low(disk, 'bytes', bytes, bytesText(least), disk.freeBytes / least))
      }
      if (disk.inodes === null) {
        described.push(`${where}: ${bytes}`)
        findings.push({ outcome: 'not-applicable', why: `${where} has no fixed number of inodes` })
        continue
      }
      const { free, total } = disk.inodes
      const inodes = `${free} of ${total} inodes free`
      const leastInodes = Math.ceil((total * given.inodes) / 100)
      described.push(`${where}: ${bytes}, ${inodes}`)
      if (free < leastInodes) findings.push(low(disk, 'inodes', inodes, `${leastInodes}`, free / leastInodes))
    }
    for (const { path, why } of disks.unseen) findings.push({ outcome: 'unknown', why: `${path}: ${why}` })
    if (disks.dockerUnseen !== '') {
      findings.push({
        outcome: 'unknown',
        why: `the location of docker's data is unknown: ${disks.dockerUnseen}`
      })
    }
    const [first, ...rest] = findings.filter(({ outcome }) => outcome !== 'not-applicable')
    const without = findings.filter(({ outcome }) => outcome === 'not-applicable')
    if (first !== undefined) return [first, ...rest, ...without]
    const [only, ...others] = without
    if (described.length === 0 && only !== undefined) return [only, ...others]
    const some = described.length === 1 ? '1 filesystem has' : `${described.length} filesystems have`
    return [
      {
        outcome: 'pass',
        saw: `${some} enough free space and inodes: ${described.join('; ')}`,
        shows: described
      },
      ...without
    ]
  },

  falsify({ disks }) {
    const change = (changed: Partial<Filesystem>) => ({
      disks: {
        ...disks,
        filesystems: disks.filesystems.map(({ readOnly: _, ...disk }) => ({ ...disk, ...changed }))
      }
    })
    return disks.filesystems.length === 0
      ? []
      : [change({ freeBytes: 0 }), change({ inodes: { total: 1000, free: 0 } })]
  }
})

function placeOf({ mount, device, holds }: Filesystem): string {
  return `${mount} (${device}, holds ${holds.join(', ')})`
}

function leastBytes({ sizeBytes }: Filesystem, { percent, gib }: z.output<typeof params>): number {
  const wanted = (gib ?? 0) * gibibyte
  if (percent !== undefined) return Math.max(wanted, (sizeBytes * percent) / 100)
  return gib === undefined ? Math.min(sizeBytes / 10, 20 * gibibyte) : wanted
}

/** Critical below a tenth of what must be free, high below half of it, medium above. */
function low(disk: Filesystem, what: 'bytes' | 'inodes', saw: string, least: string, part: number): Finding {
  const severity = part < 0.1 ? 'critical' : part < 0.5 ? 'high' : 'medium'
  return {
    outcome: 'fail',
    saw,
    expected: `at least ${least}${what === 'inodes' ? ' inodes' : ''}`,
    at: `${what} of ${disk.mount}`,
    // Instead of every mount of the host, which were read to see whether this one can be filled at all.
    shows: [`${placeOf(disk)}: ${saw}`],
    filing: {
      subject: `${what} of ${disk.mount}`,
      title: `${disk.mount} runs out of ${what === 'bytes' ? 'space' : 'inodes'}`,
      severity,
      story: [`${disk.mount} (${disk.device}) has ${saw}. It holds ${disk.holds.join(', ')}.`],
      remedy:
        'Find what grew (docker system df, journalctl --disk-usage, old generations of the store) and remove it, or enlarge the filesystem.'
    }
  }
}

function bytesText(bytes: number): string {
  const gib = bytes / gibibyte
  if (gib >= 10) return `${Math.floor(gib)} GiB`
  const mib = bytes / 2 ** 20
  return mib >= 10 ? `${Math.floor(mib)} MiB` : `${Math.floor(bytes / 1024)} KiB`
}
