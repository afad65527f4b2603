import { execFile } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { randomUUID } from 'node:crypto'
import { sha256 } from '../../src/lib/canonical.ts'
import { printMessage } from '../../src/record/trailers.ts'
import type { Scene } from './gate.ts'
import type { TestKey, TestPerson } from './repo.ts'
import { publicationOf, type ReviewText } from './reviews.ts'

export interface Forgery extends ReviewText {
  readonly key?: TestKey
  readonly author?: TestPerson
  readonly date?: string
  /** Changes the message before it is committed. */
  readonly mangle?: (message: string) => string
  /** Changes the bytes that are appended after their digest was taken. */
  readonly swap?: (appended: string) => string
  /** Leaves out the evidence file, or puts other bytes into it. */
  readonly evidenceBytes?: string | null
}

export const reviewerPerson: TestPerson = { name: 'adversary-bot', email: 'adversary@example.test' }

/** Commits and pushes what looks like a review, from the builder's checkout, with ordinary git commands. */
export async function forge(scene: Scene, forgery: Forgery): Promise<string> {
  const sha = await commitForgery(scene, forgery)
  await scene.builder.push('origin', 'HEAD:main')
  return sha
}

export async function commitForgery(scene: Scene, forgery: Forgery): Promise<string> {
  const { builder } = scene
  const there = await builder.read(scene.path).catch(() => null)
  const publication = await publicationOf(
    {
      sha: await builder.tip(),
      committedAt: '',
      record: { tip: '', reviews: [], distrusted: [], history: [] },
      readFile: async path => (path === scene.path && there !== null ? Buffer.from(there) : null),
      blocked: async () => null
    },
    { milestone: 'M2', ...forgery }
  )
  const appended = Buffer.from(publication.appended).toString()
  const section = { path: publication.path, digest: sha256(publication.appended) }
  const message = printMessage({ ...publication.message, section, repo: forgery.repo ?? null })
  const files: Record<string, string> = {
    [scene.path]: (there ?? '') + (forgery.swap?.(appended) ?? appended)
  }
  for (const { path, bytes } of publication.files) {
    const content =
      forgery.evidenceBytes === undefined ? Buffer.from(bytes).toString() : forgery.evidenceBytes
    if (content !== null) files[path] = content
  }
  const { key, author, date } = forgery
  return builder.commit(forgery.mangle?.(message) ?? message, {
    files,
    ...(key === undefined ? {} : { key }),
    ...(author === undefined ? {} : { author, committer: author }),
    date: date ?? '2026-06-13T08:00:00Z'
  })
}

/** Writes a commit object as it stands, points the branch at it and pushes with force. */
export async function putRawCommit(scene: Scene, raw: string): Promise<string> {
  const sha = await scene.builder.git(['hash-object', '-t', 'commit', '-w', '--stdin', '--literally'], {
    input: raw
  })
  await scene.builder.git(['push', '--quiet', '--force', 'origin', `${sha}:refs/heads/main`])
  return sha
}

export async function rawCommit(scene: Scene, sha: string): Promise<string> {
  return `${await scene.builder.git(['cat-file', 'commit', sha])}\n`
}

/** The commit object with a signature of its bytes, made by ssh-keygen as git makes it. */
export async function signedRaw(scene: Scene, raw: string, key: TestKey, namespace = 'git'): Promise<string> {
  const file = join(scene.builder.dir, '..', `payload-${randomUUID()}`)
  await writeFile(file, raw)
  await promisify(execFile)('ssh-keygen', ['-q', '-Y', 'sign', '-n', namespace, '-f', key.path, file])
  const armor = (await readFile(`${file}.sig`, 'utf8')).trimEnd().split('\n').join('\n ')
  return raw.replace('\n\n', `\ngpgsig ${armor}\n\n`)
}

/** Puts a tree whose bytes were changed under a new commit, and pushes it. */
export async function putRawTree(
  scene: Scene,
  folder: string,
  change: (tree: Buffer) => Buffer
): Promise<string> {
  const { builder } = scene
  const tip = await builder.tip()
  const read = async (tree: string) =>
    (await promisify(execFile)('git', ['-C', builder.dir, 'cat-file', 'tree', tree], { encoding: 'buffer' }))
      .stdout
  const write = async (bytes: Buffer) => {
    const file = join(builder.dir, '..', `tree-${sha256(bytes).slice(7, 27)}`)
    await writeFile(file, bytes)
    return builder.git(['hash-object', '-t', 'tree', '-w', '--literally', file])
  }
  let tree = await write(change(await read(folder === '' ? `${tip}^{tree}` : `${tip}:${folder}`)))
  if (folder !== '') {
    const old = await builder.git(['rev-parse', `${tip}:${folder}`])
    const root = await read(`${tip}^{tree}`)
    const at = root.indexOf(Buffer.from(old, 'hex'))
    tree = await write(
      Buffer.concat([root.subarray(0, at), Buffer.from(tree, 'hex'), root.subarray(at + 20)])
    )
  }
  return putRawCommit(
    scene,
    (await rawCommit(scene, tip))
      .replace(/^tree \w+\n(?:parent \w+\n)?/, `tree ${tree}\nparent ${tip}\n`)
      .replace(/^gpgsig [\s\S]*?-----END SSH SIGNATURE-----\n/m, '')
      .replace(/\n\n[\s\S]*$/, '\n\ncore: a tree\n')
  )
}

/** One entry of a raw tree. */
export function treeEntry(mode: string, name: string, sha: string): Buffer {
  return Buffer.concat([Buffer.from(`${mode} ${name}\0`, 'latin1'), Buffer.from(sha, 'hex')])
}
