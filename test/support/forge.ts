import { sha256 } from '../../src/base/canonical.ts'
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
      readFile: async path => (path === scene.path && there !== null ? Buffer.from(there) : null)
    },
    { milestone: 'M2', ...forgery }
  )
  const appended = Buffer.from(publication.appended).toString()
  const section = { path: publication.path, digest: sha256(publication.appended) }
  const message = printMessage({ ...publication.message, section })
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
