import { dirname, join, resolve } from 'node:path'
import { AdversaryError } from '../lib/errors.ts'
import { kindOf, readText, realPath } from '../os/files.ts'
import { absolutePath, isLocal } from './config.ts'
import { capBytes } from './yaml.ts'
import { trimmed, trimmedEnd } from '../lib/text/trim.ts'

/** A folder with a `.git`, and where its remotes are. Read from the files: git itself is not asked. */
export interface WorkingTree {
  readonly dir: string
  readonly remotes: readonly { readonly name: string; readonly url: string }[]
}

/** The working trees that a folder lies in, innermost first. */
export async function workingTreesAround(dir: string): Promise<readonly WorkingTree[]> {
  const found: WorkingTree[] = []
  for (let tree = dir; ; tree = dirname(tree)) {
    if ((await kindOf(join(tree, '.git'))) !== null) {
      found.push({ dir: tree, remotes: remotesIn(await gitConfig(tree)) })
    }
    if (tree === dirname(tree)) return found
  }
}

/**
 * A home inside a working tree of the watched repo could be changed by the builder whose work it judges.
 * The tree is known by its remotes, and by being the watched repo itself.
 *
 * @throws AdversaryError (usage) for such a home.
 */
export async function keepOutOfTheRepo(
  { dir, repo }: { readonly dir: string; readonly repo: { readonly url: string } },
  userHome: string
): Promise<void> {
  const watched = await sameRepo(repo.url, dir, userHome)
  for (const tree of await workingTreesAround(dir)) {
    for (const url of [tree.dir, ...tree.remotes.map(remote => remote.url)]) {
      if ((await sameRepo(url, tree.dir, userHome)) !== watched) continue
      const hint = 'keep it elsewhere: a builder must not be able to change its own exam'
      throw new AdversaryError('usage', `the home ${dir} is inside a working tree of the watched repo`, {
        hint
      })
    }
  }
}

function remotesIn(config: string): WorkingTree['remotes'] {
  const found: { readonly name: string; readonly url: string }[] = []
  let name: string | null = null
  for (const line of config.split('\n')) {
    const section = /^\s*\[(?<title>[^\]]*)\]/.exec(line)?.groups?.['title']
    if (section !== undefined) name = /^remote "(?<name>.*)"$/.exec(section)?.groups?.['name'] ?? null
    const url = /^\s*url\s*=(?<url>.*)/s.exec(line)?.groups?.['url']?.trim()
    if (url !== undefined && name !== null) found.push({ name, url })
  }
  return found
}

/** The text of a working tree's git configuration; a linked tree's is that of its main repository. */
async function gitConfig(tree: string): Promise<string> {
  const dotGit = join(tree, '.git')
  if ((await kindOf(dotGit)) === 'folder') return (await readText(join(dotGit, 'config'), capBytes)) ?? ''
  const gitDir = /^gitdir: (?<path>.+)$/m.exec((await readText(dotGit, capBytes)) ?? '')?.groups?.['path']
  if (gitDir === undefined) return ''
  const common = (await readText(join(resolve(tree, gitDir), 'commondir'), capBytes)) ?? '.'
  return (await readText(join(resolve(tree, gitDir, common.trim()), 'config'), capBytes)) ?? ''
}

/** One text for every way to write one repo's address: scheme, user, port, `.git` and a final slash set aside. */
async function sameRepo(url: string, dir: string, userHome: string): Promise<string> {
  const plain = url.replace(/^file:\/\//, '')
  if (isLocal(plain) || plain !== url) {
    const path = absolutePath(plain, dir, userHome)
    return trimmedEnd((await realPath(path)) ?? path, '/').replace(/\/?\.git$/, '')
  }
  const scp = /^(?:[^@/]+@)?(?<host>[^:/]+):(?!\/\/)(?<path>.*)$/.exec(url)?.groups
  const { host = '', path = '' } = scp ?? urlParts(url)
  return `${host.toLowerCase()}/${trimmed(path, '/').replace(/\.git$/, '')}`
}

function urlParts(url: string): { readonly host?: string; readonly path?: string } {
  return URL.canParse(url) ? { host: new URL(url).hostname, path: new URL(url).pathname } : {}
}
