import { counted } from '../../lib/text/counted.ts'
import { parseJson } from '../../lib/json.ts'
import * as z from 'zod'
import { messageOf } from '../../lib/errors.ts'
import { type FactSource, type FactContext, type ReadResult, Unseen } from '../../facts/fact.ts'
import { dockerPattern, dockerRead } from './reads.ts'
import { disks, linuxPattern, linuxRead } from '../linux/reads.ts'
import { askDocker, onOwnDocker, refused } from './ask.ts'
import { list, text } from '../../facts/answers.ts'

/** The filesystems that a docker host lives on. */
export interface Filesystems {
  readonly filesystems: readonly Filesystem[]
  /** Why it is not known where docker keeps its data; empty where it is, or where there is no docker. */
  readonly dockerUnseen: string
  /** Paths that are there and whose filesystem could not be seen, with the reason. */
  readonly unseen: readonly { readonly path: string; readonly why: string }[]
}

export interface Filesystem {
  readonly device: string
  readonly mount: string
  /** Which of the paths live on it. */
  readonly holds: readonly string[]
  readonly sizeBytes: number
  /** What an ordinary user may still write. */
  readonly freeBytes: number
  /** Null for a filesystem without a fixed number of them, such as btrfs. */
  readonly inodes: { readonly total: number; readonly free: number } | null
  /** Each mount of it is read-only, so that nothing can fill it. Only looked at where little is left of it. */
  readonly readOnly?: true
}

/** Bytes and inodes where the root, /var, the store and docker's data live. Each filesystem once. */
export const filesystems: FactSource<Filesystems> = {
  key: 'filesystems',
  place: 'host',
  reads: [
    dockerPattern.dockerInfo(),
    linuxPattern.diskBytes(),
    linuxPattern.diskInodes(),
    linuxPattern.folderBytes(),
    linuxPattern.folderInodes(),
    linuxPattern.mounts()
  ],
  async take(look) {
    const [usual, docker] = await Promise.all([
      Promise.all([look.read(linuxRead.diskBytes()), look.read(linuxRead.diskInodes())]),
      dockerRoot(look)
    ])
    const all = [
      filesystemsOf(usual, disks),
      ...(docker.path === null ? [] : [await folder(look, docker.path)])
    ]
    const found = new Map<string, Filesystem>()
    for (const { path, device, mount, bytes, inodes } of all.flatMap(({ rows }) => rows)) {
      // A bind mount or subvolume is the same filesystem; `tmpfs` and `overlay` are names of kinds.
      const key = device.startsWith('/') ? `${device} ${bytes.total}` : mount
      const before = found.get(key)
      found.set(key, {
        device,
        mount: before?.mount ?? mount,
        holds: [...(before?.holds ?? []), path],
        sizeBytes: bytes.total * 1024,
        freeBytes: bytes.free * 1024,
        inodes: inodes.total === 0 ? null : inodes
      })
    }
    if (found.size === 0) throw new Unseen('df listed no filesystems')
    return {
      filesystems: await withMounts(look, [...found.values()]),
      dockerUnseen: docker.why,
      unseen: all.flatMap(({ unseen }) => unseen)
    }
  }
}

/** An image that a system is started from is always full: how the filesystems with little left are mounted. */
async function withMounts(look: FactContext, all: readonly Filesystem[]): Promise<readonly Filesystem[]> {
  const isLow = ({ sizeBytes, freeBytes, inodes }: Filesystem) =>
    freeBytes < sizeBytes / 10 || (inodes !== null && inodes.free < inodes.total / 10)
  if (!all.some(isLow)) return all
  const mounts = await mountsOf(look)
  return all.map(one => {
    if (!isLow(one)) return one
    const device = mounts.filter(mount => one.device.startsWith('/') && mount.device === one.device)
    // A later mount hides an earlier one of the same folder.
    const own = device.length > 0 ? device : mounts.filter(({ folder }) => folder === one.mount).slice(-1)
    return own.length > 0 && own.every(({ readOnly }) => readOnly) ? { ...one, readOnly: true } : one
  })
}

async function mountsOf(look: FactContext) {
  let stdout: string
  try {
    stdout = (await look.read(linuxRead.mounts())).stdout
  } catch (error) {
    // What is low is low as long as nothing shows that it cannot be written to.
    if (error instanceof Unseen) return []
    throw error
  }
  const plain = (text: string) =>
    text.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)))
  return stdout.split('\n').flatMap(line => {
    const [device = '', folder = '', , options = ''] = line.split(' ')
    if (folder === '') return []
    return [{ device: plain(device), folder: plain(folder), readOnly: options.split(',').includes('ro') }]
  })
}

/** A folder of its own may be one that the login is not let near: that costs this folder alone. */
async function folder(look: FactContext, path: string) {
  try {
    const own = await Promise.all([
      look.read(linuxRead.folderBytes(path)),
      look.read(linuxRead.folderInodes(path))
    ])
    return filesystemsOf(own, [path])
  } catch (error) {
    if (error instanceof Unseen) return { rows: [], unseen: [{ path, why: error.message }] }
    throw error
  }
}

interface DockerRoot {
  /** Null where it is among the usual places, or where there is none. */
  readonly path: string | null
  readonly why: string
}

/** Where docker keeps its data. A host without docker has no such place. */
async function dockerRoot(look: FactContext): Promise<DockerRoot> {
  try {
    const { stdout } = await onOwnDocker(look, () => askDocker(look, dockerRead.dockerInfo()))
    const { DockerRootDir: path, ServerErrors } = z
      .object({ DockerRootDir: text, ServerErrors: list(z.string()) })
      .parse(parseJson(stdout))
    // `docker info` ends with 0 and without it where the engine does not answer, or not this login.
    const [complaint] = ServerErrors
    if (complaint !== undefined) {
      return { path: null, why: refused(complaint)?.message ?? `docker info: ${complaint}` }
    }
    if (!path.startsWith('/')) return { path: null, why: 'docker info does not show its root directory' }
    const usual = disks.some(disk => path === disk) || path.startsWith('/var/lib/docker/')
    return { path: usual ? null : path, why: '' }
  } catch (error) {
    const why = messageOf(error)
    return { path: null, why: why.startsWith('docker: no such command') ? '' : why }
  }
}

interface Amount {
  readonly total: number
  readonly free: number
}

/** What stands between device and mount point, which may hold spaces: total, used, free, the part used. May be `-`. */
const columns = [/^(?:\d+|-)$/, /^(?:-?\d+|-)$/, /^(?:-?\d+|-)$/, /^(?:\d+%|-)$/, /^\//] as const

/** A line of df; null for any other. */
function partsOf(text: string) {
  const words = [...text.matchAll(/\S+/g)]
  const at = words.findIndex(
    (_, index) => index > 0 && columns.every((column, by) => column.test(words[index + by]?.[0] ?? ''))
  )
  const [total, , free, , mount] = words.slice(Math.max(at, 0))
  if (at < 0 || total === undefined || free === undefined || mount === undefined) return null
  return {
    device: text.slice(0, total.index).trimEnd(),
    total: total[0],
    free: free[0],
    mount: text.slice(mount.index)
  }
}

/** What df said of each path, in bytes and in inodes; of those that are not there it says nothing. */
function filesystemsOf(answers: readonly [ReadResult, ReadResult], paths: readonly string[]) {
  const [bytes, inodes] = answers.map(answer => ({ rows: rowsOf(answer, paths), answer }))
  const rows = [...(bytes?.rows ?? [])].map(([path, row]) => {
    const nodes = inodes?.rows.get(path)
    if (nodes === undefined) throw new Unseen(`df showed the bytes of ${path}, but not its inodes`)
    return { path, device: row.device, mount: row.mount, bytes: row.amount, inodes: nodes.amount }
  })
  // busybox says the second of these.
  const gone = /No such file or directory|can't find mount point/
  const unseen = paths.flatMap(path => {
    const why = complaint(answers[0], path)
    return why === undefined || gone.test(why) ? [] : [{ path, why }]
  })
  return { rows, unseen }
}

/** One row for each path, in their order, but for those that df complains about. */
function rowsOf(answer: ReadResult, paths: readonly string[]) {
  const good = paths.filter(path => complaint(answer, path) === undefined)
  const lines = answer.stdout.split('\n').slice(1).filter(Boolean)
  if (lines.length !== good.length) {
    throw new Unseen(`df listed ${counted(lines.length, 'filesystem')}; expected ${good.length}`)
  }
  const row = (path: string, text: string) => {
    const parts = partsOf(text)
    if (parts === null) throw new RangeError(`df printed for ${path}: ${text}`)
    const { device, mount, total, free } = parts
    const amount: Amount = { total: count(total), free: count(free) }
    return { device, mount, amount }
  }
  return new Map(good.map((path, index) => [path, row(path, lines[index] ?? '')]))
}

function complaint({ stderr }: ReadResult, path: string): string | undefined {
  return stderr
    .split('\n')
    .find(printed => printed.startsWith(`df: ${path}: `) || printed.startsWith(`df: '${path}': `))
}

/** What is kept for root is not there for others: less than that is written as a negative number. */
function count(printed: string): number {
  return printed === '-' ? 0 : Math.max(0, Number(printed))
}
