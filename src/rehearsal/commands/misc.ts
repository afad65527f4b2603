import { done, failed, stateIn } from '../invocation.ts'
import type { Command } from '../machine.ts'

export const id: Command = async ({ argv, env }) => {
  const root = (env['USER'] ?? 'root') === 'root'
  const name = argv.some(word => /^-[a-z]*n/.test(word))
  if (argv.some(word => /^-[a-z]*[ugG]/.test(word)))
    return done(name ? `${env['USER'] ?? 'root'}\n` : `${root ? 0 : 1000}\n`)
  return done(root ? 'uid=0(root) gid=0(root) groups=0(root)\n' : 'uid=1000 gid=1000 groups=1000\n')
}

export const whoami: Command = async ({ env }) => done(`${env['USER'] ?? 'root'}\n`)

/** `-f` and `-d` ask the resolver: what it says is not known beyond the host's own name. */
export const hostname: Command = async ({ argv, unit, place }, { facts, notes }) => {
  const name = facts.host.hostname
  if (argv.some(word => /^-[a-z]*I|^--all-ip/.test(word)))
    return done(`${facts.host.addresses.filter(one => !/^(?:127\.|::1)/.test(one)).join(' ')}\n`)
  if (argv.some(word => /^-[a-z]*s/.test(word))) return done(`${name.split('.')[0] ?? name}\n`)
  if (argv.some(word => /^-[a-z]*[dyA]/.test(word))) {
    notes.unknown({ name: argv.join(' '), kind: 'value', unit, place, why: 'the resolver says it' })
    return done(`${name.split('.').slice(1).join('.')}\n`)
  }
  return done(`${name}\n`)
}

export const uname: Command = async ({ argv }, { facts }) => {
  const known: Readonly<Record<string, string>> = {
    s: 'Linux',
    n: facts.host.hostname,
    r: '6.1.0',
    m: 'x86_64',
    p: 'x86_64',
    o: 'GNU/Linux'
  }
  const letters = argv.slice(1).join('').replaceAll('-', '') || 's'
  const wanted = letters.includes('a') ? 'snrmo' : letters
  return done(`${[...wanted].flatMap(letter => known[letter] ?? []).join(' ')}\n`)
}

export const mktemp: Command = async ({ argv, cwd }, { files, kernel }) => {
  const isFolder = argv.some(word => /^-[a-z]*d|^--directory/.test(word))
  const template = argv.slice(1).find(word => word.includes('XXX')) ?? '/tmp/tmp.XXXXXX'
  // Its name differs from call to call, and is the same each time the boot is rehearsed.
  let absolute = ''
  for (let count = 0; absolute === '' || files.fs.has(absolute); count++) {
    const path = template.replace(/X{3,}/, `${kernel.now()}${count}`.padStart(6, '0'))
    absolute = path.startsWith('/') ? path : `${argv.includes('-t') ? '/tmp' : cwd}/${path}`
  }
  if (isFolder) await files.fs.mkdir(absolute, { recursive: true })
  else await files.fs.writeFile(absolute, '')
  return done(`${absolute}\n`)
}

export const nproc: Command = async () => done('4\n')

/** `install [-d] [-m mode] source target`. */
export const install: Command = async ({ argv, cwd }, { files }) => {
  const plain: string[] = []
  const words = argv.slice(1)
  let folders = false
  for (let at = 0; at < words.length; at++) {
    const word = words[at] ?? ''
    if (/^-[mogtS]$/.test(word)) at += 1
    else if (/^-[a-zA-Z]*d/.test(word) || word === '--directory') {
      folders = true
      if (/[mog]$/.test(word)) at += 1
    } else if (!word.startsWith('-')) plain.push(word)
  }
  const full = (path: string) => (path.startsWith('/') ? path : `${cwd}/${path}`)
  if (folders) {
    for (const path of plain) await files.fs.mkdir(full(path), { recursive: true })
    return done()
  }
  const [source = '', target = ''] = plain
  if (target === '') return failed(1)
  const read = source === '/dev/null' ? { kind: 'text' as const, text: '' } : await files.look(full(source))
  if (read.kind === 'missing') return failed(1, `install: cannot stat '${source}'\n`)
  await files.fs.writeFile(full(target), read.kind === 'text' ? read.text : '')
  return done()
}

/** Fills in the variables that are exported. */
export const envsubst: Command = async ({ argv, env, stdin }) => {
  const only = argv.slice(1).find(word => word.includes('$'))
  const names = only === undefined ? null : new Set([...only.matchAll(/\$\{?(\w+)/g)].map(([, name]) => name))
  return done(
    stdin.replaceAll(/\$(?:([A-Za-z_]\w*)|\{([A-Za-z_]\w*)\})/g, (all, bare?: string, braced?: string) => {
      const name = bare ?? braced ?? ''
      return names === null || names.has(name) ? (env[name] ?? '') : all
    })
  )
}

/** Waits for something to happen to a file or in a folder; that it happened just before counts as well. */
export const inotifywait: Command = async (call, { files, notes }) => {
  const words = call.argv.slice(1)
  const paths: string[] = []
  let limit = Number.POSITIVE_INFINITY
  for (let at = 0; at < words.length; at++) {
    const word = words[at] ?? ''
    if (word === '-t' || word === '--timeout')
      limit = Number(words[++at] ?? 0) * 1_000 || Number.POSITIVE_INFINITY
    else if (/^-[a-z]*[eo]$|^--(?:event|format|timefmt|exclude|include|fromfile|outfile)$/.test(word)) at += 1
    else if (!word.startsWith('-')) paths.push(word.replace(/\/$/, ''))
  }
  const below = () =>
    files.fs
      .getAllPaths()
      .filter(path => paths.some(folder => path === folder || path.startsWith(`${folder}/`)))
  for (let waited = 0; waited < limit; waited += 1_000) {
    const found = below().find(path => files.writer(path) !== null)
    const target = { kind: 'file', key: found ?? paths[0] ?? '' } as const
    notes.ask(call, {
      target,
      answer: found === undefined ? 'missing' : 'there',
      by: files.writer(target.key)
    })
    if (found !== undefined) return done(`${found}\n`)
    await call.self.sleep(1_000, Number.isFinite(limit) ? null : stateIn(call, 'inotify'))
  }
  return failed(2)
}

/** Runs until it is killed. */
export const forever: Command = async ({ self }) => {
  await self.sleep(Number.POSITIVE_INFINITY)
  return done()
}
