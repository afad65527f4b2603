import { InMemoryFs } from 'just-bash'
import type { RehearsalFacts } from '../rehearsal-facts.ts'
import type { Notes } from '../notes.ts'

/** The host's files as they were read, and as the rehearsal's programs have changed them since. */
export interface HostFiles {
  /** What the interpreters work on. */
  readonly fs: InMemoryFs
  /** The text of a file that was read; null where there is none. A path that was not read is asked for. */
  readonly text: (path: string) => string | null
  /** All that were read, in byte order of their paths. */
  readonly texts: () => readonly (readonly [path: string, text: string])[]
  readonly has: (path: string) => boolean
}

/** Below these is what the interpreter itself puts there, or what is empty at a boot. */
const ours = /^\/(?:proc|dev|tmp|run|sys|bin|usr\/bin|home\/user)(?:\/|$)/

export function createFiles({ files }: RehearsalFacts, notes: Notes, changed: () => void): HostFiles {
  const texts = Object.entries(files)
    .flatMap(([path, file]) => (file.kind === 'text' ? [[path, file.text] as const] : []))
    .sort(([one], [other]) => (one < other ? -1 : 1))
  const known = new Map(Object.entries(files))
  const fs = new AskingFs(path => {
    if (!known.has(path) && !ours.test(path)) notes.askFile(path)
  }, changed)
  for (const [path, file] of known) {
    if (file.kind === 'text')
      fs.writeFileSync(path, file.text, undefined, { mode: file.executable ? 0o755 : 0o644 })
    else if (file.kind === 'folder') fs.mkdirSync(path, { recursive: true })
  }
  return {
    fs,
    has: path => known.get(path)?.kind === 'text',
    texts: () => texts,
    text: path => {
      const file = known.get(path)
      if (file === undefined) notes.askFile(path)
      return file?.kind === 'text' ? file.text : null
    }
  }
}

/** Says which paths are asked for that it does not have, and when what a program could read of it has changed. */
class AskingFs extends InMemoryFs {
  readonly #ask: (path: string) => void
  readonly #changed: () => void

  constructor(ask: (path: string) => void, changed: () => void) {
    super()
    this.#ask = ask
    this.#changed = changed
  }

  override async exists(path: string): Promise<boolean> {
    const there = await super.exists(path)
    if (!there) this.#ask(path)
    return there
  }

  override async readFile(...[path, options]: Parameters<InMemoryFs['readFile']>): Promise<string> {
    if (!(await super.exists(path))) this.#ask(path)
    return super.readFile(path, options)
  }

  override async stat(path: string): ReturnType<InMemoryFs['stat']> {
    if (!(await super.exists(path))) this.#ask(path)
    return super.stat(path)
  }

  override async writeFile(...[path, content, options]: Parameters<InMemoryFs['writeFile']>): Promise<void> {
    if (path.startsWith('/dev/')) return super.writeFile(path, content, options)
    const before = await this.#content(path)
    await super.writeFile(path, content, options)
    if (before !== (await this.#content(path))) this.#changed()
  }

  override async appendFile(
    ...[path, content, options]: Parameters<InMemoryFs['appendFile']>
  ): Promise<void> {
    await super.appendFile(path, content, options)
    if (content.length > 0 && !path.startsWith('/dev/')) this.#changed()
  }

  override async rm(...[path, options]: Parameters<InMemoryFs['rm']>): Promise<void> {
    if (await super.exists(path)) this.#changed()
    return super.rm(path, options)
  }

  override async mkdir(...[path, options]: Parameters<InMemoryFs['mkdir']>): Promise<void> {
    if (!(await super.exists(path))) this.#changed()
    return super.mkdir(path, options)
  }

  async #content(path: string): Promise<string | null> {
    return (await super.exists(path)) ? super.readFile(path, 'latin1') : null
  }
}
