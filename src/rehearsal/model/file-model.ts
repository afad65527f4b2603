import { type FsStat, InMemoryFs } from 'just-bash'
import type { RehearsalFacts } from '../rehearsal-facts.ts'
import type { Seen } from '../invocation.ts'
import type { Notes, Where } from '../notes.ts'
import { markFolder } from '../programs/instrument.ts'

/** The host's files as they were read, and as the rehearsal's programs have changed them since. */
export interface HostFiles {
  /** What the interpreters work on. */
  readonly fs: WatchedFs
  /** What is at a path now, links followed. A path that was not read is asked for. */
  readonly look: (path: string) => Promise<Looked>
  /** All that were read as text, in byte order of their paths. */
  readonly texts: () => readonly (readonly [path: string, text: string])[]
  /** Sets what is not a file of a program: sockets and the like. */
  readonly put: (path: string, where: Where) => void
  /** The unit whose program wrote it last; null where it was there before. */
  readonly writer: (path: string) => string | null
  /** Without asking for it: null where it was not read. */
  readonly known: (path: string) => boolean | null
}

export type Looked =
  | { readonly kind: 'text'; readonly text: string; readonly executable: boolean }
  | { readonly kind: 'opaque'; readonly why: string }
  | { readonly kind: 'folder' | 'missing' }
  /** It was not read (yet), or could not be. */
  | { readonly kind: 'unknown'; readonly why: string }

/** Who is at work, and what the fs reports to. */
export interface FileWatch {
  readonly notes: Notes
  readonly changed: () => void
  /** Who runs now; null outside of every program. */
  readonly who: () => Where | null
  /** A command begins whose mark this is. */
  readonly mark: (number: number) => void
  /** Opens a connection; false where it is refused. */
  readonly connect: (host: string, port: number) => boolean
}

/** Below these nothing is left of the last boot. */
const volatile = /^\/(?:run|var\/run|tmp|dev|proc|sys)(?:\/|$)/

/** Below these is what the interpreter itself puts there. */
const ours = /^\/(?:__at|__source|bin|sbin|usr\/s?bin|home\/user)(?:\/|$)/

const inPath = /^\/usr\/local\/s?bin\//

/** On every host. */
const everywhere = [
  '/etc/systemd/system',
  '/home',
  '/media',
  '/mnt',
  '/opt',
  '/root',
  '/run/systemd',
  '/run/lock',
  '/srv',
  '/usr/local/bin',
  '/usr/local/sbin',
  '/usr/local/lib',
  '/usr/share',
  '/var/cache',
  '/var/lib',
  '/var/log',
  '/var/run',
  '/var/spool',
  '/var/tmp'
]

/** Whoever looks at a file by these, waits for it when they do so again and again. */
const lookers = /^(?:\[\[?|test|cat|ls|stat|grep|find|wc|head|tail|inotifywait|readlink|file)$/

export function createFiles({ files }: RehearsalFacts, watch: FileWatch): HostFiles {
  const known = new Map(Object.entries(files).filter(([path]) => !volatile.test(path)))
  const texts = [...known]
    .flatMap(([path, file]) => (file.kind === 'text' ? [[path, file.text] as const] : []))
    .sort(([one], [other]) => (one < other ? -1 : 1))
  const folders = new Map(
    [...known].flatMap(([path, file]) => (file.kind === 'folder' ? [[path, file.names] as const] : []))
  )
  const opaque = new Map(
    [...known].flatMap(([path, file]) => (file.kind === 'opaque' ? [[path, file.why] as const] : []))
  )
  const writers = new Map<string, string>()
  const isKnown = (path: string) =>
    known.has(path) || volatile.test(path) || ours.test(path) || everywhere.includes(path)
  const fs = new WatchedFs({
    missing: path => {
      // The interpreter looks for each command in `PATH`; what a program wants there is asked for in `look`.
      if (!isKnown(path) && !inPath.test(path)) watch.notes.askFile(path)
      ask(path, 'missing', null)
    },
    there: path => {
      if (writers.has(path)) ask(path, 'there', writers.get(path) ?? null)
    },
    listed: path => {
      if (!isKnown(path)) watch.notes.askFile(path)
      return folders.get(path) ?? []
    },
    written: path => {
      opaque.delete(path)
      const who = watch.who()
      if (who === null || path.startsWith('/__') || path.startsWith('/dev/')) return
      writers.set(path, who.unit)
      watch.notes.bringUp(who, { kind: 'file', key: path })
    },
    changed: watch.changed,
    mark: watch.mark,
    connect: watch.connect
  })

  function ask(path: string, answer: string, by: string | null): void {
    const who = watch.who()
    if (
      who === null ||
      path.startsWith('/__') ||
      inPath.test(path) ||
      ours.test(path) ||
      !lookers.test(who.argv[0] ?? '')
    )
      return
    const seen: Seen = { target: { kind: 'file', key: path }, answer, by }
    watch.notes.ask(who, seen)
  }

  for (const path of everywhere) fs.mkdirSync(path, { recursive: true })
  for (const [path, file] of known) {
    try {
      if (file.kind === 'text')
        fs.writeFileSync(path, file.text, undefined, { mode: file.executable ? 0o755 : 0o644 })
      else if (file.kind === 'opaque')
        fs.writeFileSync(path, 'opaque', undefined, { mode: file.executable ? 0o755 : 0o644 })
      else if (file.kind === 'folder') fs.mkdirSync(path, { recursive: true })
      else if (file.kind === 'link') fs.linkNow(file.to, path)
    } catch {
      // Two reads that contradict each other (a file, and files below it): the first one counts.
    }
  }

  return {
    fs,
    texts: () => texts,
    put: (path, where) => {
      fs.writeFileSync(path, '')
      writers.set(path, where.unit)
    },
    writer: path => writers.get(path) ?? null,
    known: path => {
      const file = known.get(path)
      if (file === undefined) return volatile.test(path) ? fs.has(path) : null
      return file.kind === 'unseen' ? null : fs.has(path)
    },
    look: async path => {
      if (ours.test(path) && !known.has(path) && !writers.has(path))
        return { kind: 'unknown', why: 'it cannot be looked into' }
      const real = await fs.real(path)
      if (real === null) {
        const file = known.get(path)
        if (file?.kind === 'unseen') return { kind: 'unknown', why: file.why }
        if (isKnown(path)) return { kind: 'missing' }
        watch.notes.askFile(path)
        return { kind: 'unknown', why: 'it was not read' }
      }
      const why = opaque.get(real)
      if (why !== undefined) return { kind: 'opaque', why }
      const stat = await fs.quietStat(real)
      if (stat.isDirectory) return { kind: 'folder' }
      return { kind: 'text', text: await fs.quietRead(real), executable: (stat.mode & 0o111) !== 0 }
    }
  }
}

interface Reports {
  readonly missing: (path: string) => void
  readonly there: (path: string) => void
  readonly listed: (path: string) => readonly string[]
  readonly written: (path: string) => void
  readonly changed: () => void
  readonly mark: (number: number) => void
  readonly connect: (host: string, port: number) => boolean
}

const device = /^\/dev\/(?:tcp|udp)\/([^/]+)\/(\d+)$/

/** Reports which paths are asked for, and when what a program could read of it has changed. */
export class WatchedFs extends InMemoryFs {
  readonly #reports: Reports
  readonly #paths = new Set<string>()

  constructor(reports: Reports) {
    super(undefined, { maxTotalBytes: 100_000_000 })
    this.#reports = reports
  }

  /** Without a report. */
  has(path: string): boolean {
    return this.getAllPaths().includes(path)
  }

  linkNow(to: string, path: string): void {
    // It is done before it first waits.
    super.symlink(to, path).catch(() => {})
  }

  async real(path: string): Promise<string | null> {
    if (!(await super.exists(path))) return null
    try {
      return await super.realpath(path)
    } catch {
      return null
    }
  }

  quietStat(path: string): Promise<FsStat> {
    return super.stat(path)
  }

  quietRead(path: string): Promise<string> {
    return super.readFile(path)
  }

  /** Where the path is a connection: whether it was opened. */
  #connected(path: string): boolean {
    const [, host, port] = device.exec(path) ?? []
    if (host === undefined) return false
    if (!this.#reports.connect(host, Number(port)))
      throw new Error(`ECONNREFUSED: connection refused, open '${path}'`)
    return true
  }

  #isRefused(path: string): boolean {
    try {
      return !this.#connected(path)
    } catch {
      return true
    }
  }

  async #seen(path: string): Promise<void> {
    if (await super.exists(path)) this.#reports.there(path)
    else this.#reports.missing(path)
  }

  override async exists(path: string): Promise<boolean> {
    // To write to what is refused is an error that the interpreter knows: it is a folder.
    if (device.test(path)) return this.#isRefused(path)
    await this.#seen(path)
    return super.exists(path)
  }

  override async readFile(...[path, options]: Parameters<InMemoryFs['readFile']>): Promise<string> {
    if (path.startsWith(`${markFolder}/`)) {
      this.#reports.mark(Number(path.slice(markFolder.length + 1)))
      return ''
    }
    if (this.#connected(path)) return ''
    await this.#seen(path)
    return super.readFile(path, options)
  }

  override async readFileBytes(path: string): ReturnType<InMemoryFs['readFileBytes']> {
    if (this.#connected(path)) return super.readFileBytes('/dev/null')
    await this.#seen(path)
    return super.readFileBytes(path)
  }

  override async readFileBuffer(path: string): ReturnType<InMemoryFs['readFileBuffer']> {
    if (this.#connected(path)) return new Uint8Array()
    await this.#seen(path)
    return super.readFileBuffer(path)
  }

  override async stat(path: string): ReturnType<InMemoryFs['stat']> {
    if (device.test(path)) return super.stat('/')
    await this.#seen(path)
    return super.stat(path)
  }

  override async lstat(path: string): ReturnType<InMemoryFs['lstat']> {
    await this.#seen(path)
    return super.lstat(path)
  }

  override async readdir(path: string): Promise<string[]> {
    const listed = this.#reports.listed(path)
    const found = (await super.exists(path)) ? await super.readdir(path) : await super.readdir(path)
    return [...new Set([...found, ...listed])].sort()
  }

  override async readdirWithFileTypes(path: string): ReturnType<InMemoryFs['readdirWithFileTypes']> {
    const listed = this.#reports.listed(path)
    const found = await super.readdirWithFileTypes(path)
    const names = new Set(found.map(({ name }) => name))
    const more = listed
      .filter(name => !names.has(name))
      .map(name => ({ name, isFile: true, isDirectory: false, isSymbolicLink: false }))
    return [...found, ...more].sort((one, other) => (one.name < other.name ? -1 : 1))
  }

  override async writeFile(...[path, content, options]: Parameters<InMemoryFs['writeFile']>): Promise<void> {
    if (this.#connected(path)) return
    if (path.startsWith('/dev/')) return super.writeFile(path, content, options)
    const before = await this.#content(path)
    await super.writeFile(path, content, options)
    this.#wrote(path, before !== (await this.#content(path)))
  }

  override async appendFile(
    ...[path, content, options]: Parameters<InMemoryFs['appendFile']>
  ): Promise<void> {
    if (this.#connected(path)) return
    await super.appendFile(path, content, options)
    if (!path.startsWith('/dev/')) this.#wrote(path, content.length > 0)
  }

  override async rm(...[path, options]: Parameters<InMemoryFs['rm']>): Promise<void> {
    if (await super.exists(path)) this.#reports.changed()
    return super.rm(path, options)
  }

  override async mkdir(...[path, options]: Parameters<InMemoryFs['mkdir']>): Promise<void> {
    const there = await super.exists(path)
    await super.mkdir(path, options)
    if (!there) this.#wrote(path, true)
  }

  override async mv(from: string, to: string): Promise<void> {
    await super.mv(from, to)
    this.#wrote(to, true)
  }

  override async cp(...[from, to, options]: Parameters<InMemoryFs['cp']>): Promise<void> {
    await super.cp(from, to, options)
    this.#wrote(to, true)
  }

  override async symlink(to: string, path: string): Promise<void> {
    await super.symlink(to, path)
    this.#wrote(path, true)
  }

  /** What a program has written is there; that it was written again is only news where its content is another. */
  #wrote(path: string, changed: boolean): void {
    if (changed) this.#reports.changed()
    if (this.#paths.has(path)) return
    this.#paths.add(path)
    this.#reports.written(path)
  }

  async #content(path: string): Promise<string | null> {
    return (await super.exists(path)) ? super.readFile(path, 'latin1') : null
  }
}
