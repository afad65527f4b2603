import * as z from 'zod'
import { defineProbe, type Finding } from '../src/probe/probe.ts'
import { type Filesystem, filesystems } from '../src/systems/docker/filesystems.ts'

const percent = z.number().positive().max(99)
const params = z.strictObject({
  percent: percent
    .optional()
    .describe('of the bytes that must be free; default: 10, or 20 GiB if that is less'),
  gib: z.number().positive().optional().describe('GiB that must be free, whatever part of it that is'),
  inodes: percent.default(5).describe('percent of the inodes that must be free')
})

const gibibyte = 2 ** 30

export const diskHeadroom = defineProbe({
  id: 'disk-headroom',
  asserts: 'Where the root, /var, the store and docker live there are bytes and inodes left',
  because:
    'A full disk ends deployments half way and databases in the middle of a write; one without inodes does so while it still shows gigabytes free.',
  remedy:
    'See what grew: `docker system df`, `journalctl --disk-usage`, `nix-store --gc --print-dead`; then remove it, or enlarge the filesystem.',
  fails: ['a filesystem has too few bytes or inodes left'],
  params,
  hunts: { with: { inodes: 5 }, severity: 'high' },
  needs: () => ({ disks: filesystems }),

  judge({ disks }, wish) {
    const told: string[] = []
    const findings: Finding[] = []
    for (const disk of disks.filesystems) {
      const least = leastBytes(disk, wish)
      const where = placeOf(disk)
      const bytes = `${sayBytes(disk.freeBytes)} of ${sayBytes(disk.sizeBytes)} free`
      if (disk.readOnly === true) {
        findings.push({
          outcome: 'not-applicable',
          why: `${where} is mounted read-only: nothing can fill it`
        })
        continue
      }
      if (disk.freeBytes < least) {
        findings.push(low(disk, 'bytes', bytes, sayBytes(least), disk.freeBytes / least))
      }
      if (disk.inodes === null) {
        told.push(`${where}: ${bytes}`)
        findings.push({ outcome: 'not-applicable', why: `${where} has no fixed number of inodes` })
        continue
      }
      const { free, total } = disk.inodes
      const inodes = `${free} of ${total} inodes free`
      const leastInodes = Math.ceil((total * wish.inodes) / 100)
      told.push(`${where}: ${bytes}, ${inodes}`)
      if (free < leastInodes) findings.push(low(disk, 'inodes', inodes, `${leastInodes}`, free / leastInodes))
    }
    for (const { path, why } of disks.unseen) findings.push({ outcome: 'unknown', why: `${path}: ${why}` })
    if (disks.dockerUnseen !== '') {
      findings.push({ outcome: 'unknown', why: `where docker keeps its data: ${disks.dockerUnseen}` })
    }
    const [first, ...rest] = findings.filter(({ outcome }) => outcome !== 'not-applicable')
    const without = findings.filter(({ outcome }) => outcome === 'not-applicable')
    if (first !== undefined) return [first, ...rest, ...without]
    const [only, ...others] = without
    if (told.length === 0 && only !== undefined) return [only, ...others]
    const some = told.length === 1 ? '1 filesystem has' : `${told.length} filesystems have`
    return [{ outcome: 'pass', saw: `${some} room: ${told.join('; ')}`, shows: told }, ...without]
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
  return `${mount} (${device}, with ${holds.join(', ')})`
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
      story: [`${disk.mount} (${disk.device}) has ${saw}. These live on it: ${disk.holds.join(', ')}.`],
      mend: 'See what grew (docker system df, journalctl --disk-usage, old generations of the store) and remove it, or enlarge the filesystem.'
    }
  }
}

function sayBytes(bytes: number): string {
  const gib = bytes / gibibyte
  if (gib >= 10) return `${Math.floor(gib)} GiB`
  const mib = bytes / 2 ** 20
  return mib >= 10 ? `${Math.floor(mib)} MiB` : `${Math.floor(bytes / 1024)} KiB`
}
