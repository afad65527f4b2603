import { randomBytes } from 'node:crypto'
import { existsSync, watch } from 'node:fs'
import { chmod, mkdir, readdir, rm, stat, truncate, utimes, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { delimiter, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Git, openClone } from '../../src/git/clone.ts'
import { runGit } from '../../src/git/process.ts'
import { allowedSigners, makeRepo, type TestKey, type TestRepo, testGit } from '../support/repo.ts'

let repo: TestRepo
let git: Git
let key: TestKey

beforeAll(async () => {
  repo = await makeRepo()
  key = await repo.key('reviewer')
  git = await openClone({ url: repo.url, dir: join(repo.dir, 'clone.git') })
})

afterAll(async () => {
  await git.close()
  await repo.dispose()
})

const identity = () => ({ name: 'adversary-bot', email: 'adversary@example.test', signingKey: key.path })
const bytes = (text: string) => new TextEncoder().encode(text)
const text = (file: Awaited<ReturnType<Git['file']>>) =>
  file.kind === 'file' ? new TextDecoder().decode(file.bytes) : file

describe('reading', () => {
  it('answers the tip of the remote, fetches it and lists its commits', async () => {
    const tip = await repo.builder.tip()
    expect(await git.remoteTip('main')).toBe(tip)
    expect(await git.remoteTip('other')).toBeNull()
    expect(await git.remoteHead()).toBe('main')
    expect(await git.fetch('main')).toBe(tip)
    expect(await git.fetch('other')).toBeNull()
    const [first] = await git.commits({ tip })
    expect(first).toEqual({
      sha: tip,
      tree: await repo.builder.git(['rev-parse', `${tip}^{tree}`]),
      signed: false,
      parents: [],
      author: repo.builder.person,
      committer: repo.builder.person,
      authoredAt: '2026-06-13T05:00:00.000Z',
      committedAt: '2026-06-13T05:00:00.000Z',
      subject: 'core: begin',
      message: 'core: begin'
    })
  })

  it('has git put a crowded clone in order, and starts nothing for that in another', async () => {
    const dir = join(repo.dir, 'crowded.git')
    const own = await openClone({ url: repo.url, dir })
    const packs = async () =>
      (await readdir(join(dir, 'objects/pack'))).filter(name => name.endsWith('.pack'))
    // As many fetches leave behind, each with a few objects of its own.
    const pack = async () => {
      const blob = (await testGit(dir, ['hash-object', '-w', '--stdin'], { input: randomBytes(8) })).trim()
      await testGit(dir, ['update-ref', `refs/test/${blob}`, blob])
      await testGit(dir, ['pack-objects', '-q', 'objects/pack/pack'], { input: `${blob}\n` })
    }
    for (let n = 0; n < 49; n++) await pack()
    await own.fetch('main')
    expect((await packs()).length).toBeGreaterThanOrEqual(49)
    await pack()
    await pack()
    // In a hurry it is left to the next one.
    await own.fetch('main', { hurry: true })
    expect((await packs()).length).toBeGreaterThanOrEqual(51)
    const tip = await own.fetch('main')
    expect((await packs()).length).toBeLessThan(5)
    expect(tip).toBe(await repo.builder.tip())
    expect(await own.commits({ tip: tip ?? '' })).not.toEqual([])
    await own.close()
  })

  it('reads new commits on top of those it knows, and a rewritten branch from its beginning', async () => {
    const before = await repo.builder.tip()
    const one = await repo.builder.commit('core: one')
    const two = await repo.builder.commit('core: two')
    await repo.builder.push()
    const tip = await git.fetch('main')
    expect((await git.commits({ tip: two })).map(commit => commit.sha)).toEqual([before, one, two])
    expect((await git.commits({ tip: two, not: [one] })).map(commit => commit.sha)).toEqual([two])
    expect(tip).toBe(two)
    await repo.builder.git(['reset', '--quiet', '--hard', one])
    const other = await repo.builder.commit('core: another two')
    await repo.builder.push('--force', 'origin', 'main')
    expect(await git.fetch('main')).toBe(other)
    expect((await git.commits({ tip: other })).map(commit => commit.sha)).toEqual([before, one, other])
  })

  it('keeps a message of 10 kB with control characters, quotes and shell words as it is', async () => {
    const message = `claim(x-M1): \u001b[31m"'$(id)\`id\`\\ ${'a'.repeat(10_000)}\n\nbody\r\n$(id)\n\nX: y`
    const sha = await repo.builder.commit(message)
    await repo.builder.push()
    await git.fetch('main')
    expect((await git.commit(sha))?.message).toBe(message)
    expect((await git.commit(sha.slice(0, 12)))?.sha).toBe(sha)
    expect(await git.commit('f'.repeat(40))).toBeNull()
  })

  it('reads dates that no calendar has', async () => {
    const tree = await repo.builder.git(['rev-parse', 'HEAD^{tree}'])
    const raw = `tree ${tree}\nauthor a <a@example.test> 99999999999999 +0000\ncommitter a <a@example.test> 99999999999999 +0000\n\ncore: far\n`
    const sha = await repo.builder.git(['hash-object', '-t', 'commit', '-w', '--stdin', '--literally'], {
      input: raw
    })
    await repo.builder.git(['push', '--quiet', 'origin', `${sha}:refs/heads/far`])
    await git.fetch('far')
    expect((await git.commit(sha))?.committedAt).toMatch(/^\d{4}-/)
  })

  it('reads files by their bytes and refuses what is not a file', async () => {
    await repo.builder.commit('core: files', {
      files: {
        'a/b/c.txt': 'c\r\n',
        'raw.bin': new Uint8Array([0, 255, 10]),
        '.gitattributes': '* text eol=lf\n'
      }
    })
    await repo.builder.git(['update-index', '--add', '--cacheinfo', `120000,${await hash('a/b')},link`])
    await repo.builder.git(['update-index', '--add', '--cacheinfo', `160000,${'1'.repeat(40)},module`])
    await repo.builder.git(['commit', '--quiet', '-m', 'core: modes'])
    await repo.builder.push()
    const tip = (await git.fetch('main')) ?? ''
    expect(await git.file(tip, 'raw.bin')).toMatchObject({ kind: 'file', bytes: Buffer.from([0, 255, 10]) })
    expect(text(await git.file(tip, 'README.md'))).toBe('# a repo\n')
    expect(await git.file(tip, 'a/b/nothing')).toEqual({ kind: 'absent' })
    expect(await git.file(tip, 'nothing/b')).toEqual({ kind: 'absent' })
    for (const path of ['link', 'link/c.txt', 'module', 'a', 'a/b', 'README.md/x']) {
      expect({ path, ...(await git.file(tip, path)) }).toMatchObject({ kind: 'refused' })
    }
    expect(await git.file(tip, 'raw.bin', { capBytes: 2 })).toMatchObject({ kind: 'refused' })
    for (const path of ['', '/etc/passwd', '../x', 'a/../../x', 'a//b', '.git/config', 'a/.GIT/x', 'a\nb']) {
      await expect(git.file(tip, path)).rejects.toThrow('is not the path of a file')
    }
    async function hash(content: string) {
      return repo.builder.git(['hash-object', '-w', '--stdin'], { input: content })
    }
  })

  it.each([
    ['its own spelling alone', ['reviews/REVIEW-x.md'], null],
    ['another case of the file', ['reviews/review-x.md'], 'reviews/review-x.md'],
    ['another case of the folder', ['Reviews/REVIEW-x.md'], 'Reviews/REVIEW-x.md'],
    ['a file where another case of the folder is', ['REVIEWS'], 'REVIEWS'],
    ['another Unicode form', ['reviews/REVIEW-x.md', 'reviews/REVIEW-\uff58.md'], 'reviews/REVIEW-\uff58.md'],
    ['a folder of another case without the file', ['Reviews/other.md'], null]
  ])('twins: %s', async (_, paths, twin) => {
    const entries = await Promise.all(
      paths.map(async path => {
        const blob = await repo.builder.git(['hash-object', '-w', '--stdin'], { input: path })
        return `100644 ${blob}\t${path}\n`
      })
    )
    const env = { GIT_INDEX_FILE: join(repo.dir, `index-${Math.random()}`) }
    await repo.builder.git(['update-index', '--add', '--index-info'], { env, input: entries.join('') })
    const tree = await repo.builder.git(['write-tree'], { env })
    const sha = await repo.builder.git(['commit-tree', tree, '-m', 'core: twins'])
    await repo.builder.git(['push', '--quiet', '--force', 'origin', `${sha}:refs/heads/twins`])
    await git.fetch('twins')
    expect(await git.twin(sha, 'reviews/REVIEW-x.md')).toBe(twin)
  })

  it('sees what changed, also when a merge took the older side', async () => {
    const base = await repo.builder.commit('core: base', { files: { 'w/x': '1', 'w/y': '1' } })
    await repo.builder.git(['checkout', '--quiet', '-b', 'side'])
    const side = await repo.builder.commit('core: side', { files: { other: '1' } })
    await repo.builder.git(['checkout', '--quiet', 'main'])
    const touch = await repo.builder.commit('core: touch', { files: { 'w/x': '2' } })
    const revert = await repo.builder.commit('core: back', { files: { 'w/x': '1' } })
    await repo.builder.commit('core: on', { files: { 'w/y': '2' } })
    const on = await repo.builder.tip()
    await repo.builder.git(['checkout', '--quiet', 'side'])
    await repo.builder.git(['merge', '--quiet', '-s', 'ours', '-m', 'core: ours', 'main'])
    const merged = await repo.builder.tip()
    await repo.builder.git(['checkout', '--quiet', 'main'])
    await repo.builder.git(['merge', '--quiet', '--ff-only', 'side'])
    await repo.builder.push()
    await git.fetch('main')
    expect(await git.changedSince(base, side, ['w/x'])).toEqual([])
    expect(await git.changedSince(base, revert, ['w/x'])).toEqual([revert, touch])
    expect(await git.changedSince(base, on, ['w'])).toHaveLength(3)
    expect(await git.changedSince(on, merged, ['w/y'])).toEqual([merged])
    expect(await git.changedSince(base, on, [':(exclude)w'])).toEqual([])
    expect(await git.isAncestor(base, merged)).toBe(true)
    expect(await git.isAncestor(merged, base)).toBe(false)
  })

  it('tells which files differ, and which commit brought each line', async () => {
    const { builder } = repo
    const base = await builder.commit('core: base', { files: { 'l/a.sh': 'one\ntwo\n', 'l/b.sh': 'x\n' } })
    await builder.git(['rm', '--quiet', 'l/b.sh'])
    const mid = await builder.commit('core: mid', {
      files: { 'l/a.sh': 'one\nmid\ntwo\n', 'l/.gitattributes': '*.sh diff=evil -text\n' }
    })
    const odd = 'l/ö".sh'
    const last = await builder.commit('core: last', {
      files: { 'l/a.sh': 'one\nmid\ntwo\nlast\n', [odd]: 'q\n' }
    })
    await builder.push()
    await git.fetch('main')
    expect(await git.changedFiles(base, last)).toEqual([
      { path: 'l/.gitattributes', wasFile: false, isFile: true },
      { path: 'l/a.sh', wasFile: true, isFile: true },
      { path: 'l/b.sh', wasFile: true, isFile: false },
      { path: odd, wasFile: false, isFile: true }
    ])
    const brought = await git.lineCommits(base, last, 'l/a.sh')
    expect([1, 2, 3, 4].map(line => brought?.get(line))).toEqual([undefined, mid, undefined, last])
    expect(await git.lineCommits(base, last, odd)).toEqual(new Map([[1, last]]))
    expect(await git.lineCommits(base, last, 'l/nothing')).toBe(null)
  })
})

describe('writing', () => {
  it('writes a signed commit, pushes it, and verifies it', async () => {
    const tip = (await git.fetch('main')) ?? ''
    const sha = await git.writeCommit({
      parent: tip,
      files: [{ path: 'reviews/REVIEW-x.md', bytes: bytes('crlf\r\n') }],
      message: 'review(x): orientation\n',
      identity: identity(),
      date: '2026-06-13T07:00:00.000Z'
    })
    expect(await git.push(sha, 'main', { dryRun: true })).toEqual({ kind: 'pushed' })
    expect(await git.remoteTip('main')).toBe(tip)
    expect(await git.push(sha, 'main')).toEqual({ kind: 'pushed' })
    expect(await git.remoteTip('main')).toBe(sha)
    expect(text(await git.file(sha, 'reviews/REVIEW-x.md'))).toBe('crlf\r\n')
    expect(text(await git.file(sha, 'README.md'))).toBe('# a repo\n')

    const other = await repo.key('other')
    const stateWith = async (allowed: string) => (await git.signatures([sha], { allowed })).get(sha)
    expect(await stateWith(allowedSigners([['adversary', key]]))).toMatchObject({
      state: 'good',
      principal: 'adversary'
    })
    expect(await stateWith(allowedSigners([['adversary', other]]))).toMatchObject({ state: 'bad' })
    expect(await stateWith('')).toMatchObject({ state: 'bad' })
    expect(await stateWith(allowedSigners([['adversary', key, 'namespaces="file"']]))).toMatchObject({
      state: 'bad'
    })
    const expired = allowedSigners([['adversary', key, 'valid-before="20260101"']])
    expect(await stateWith(expired)).toMatchObject({ state: 'bad' })
    const revoked = await git.signatures([sha, tip], {
      allowed: allowedSigners([['adversary', key]]),
      revoked: bytes(`${key.publicKey}\n`)
    })
    expect(revoked.get(sha)).toMatchObject({ state: 'bad' })
    expect(revoked.get(tip)).toEqual({ state: 'none' })
  })

  it('calls no signature bad that this machine could not verify, and remembers nothing of it', async () => {
    const tip = (await git.fetch('main')) ?? ''
    const signers = { allowed: `${allowedSigners([['adversary', key]])}# asked for the first time\n` }
    const before = { ...process.env }
    const folder = join(repo.dir, 'dying')
    await mkdir(folder)
    await writeFile(join(folder, 'ssh-keygen'), '#!/bin/sh\nkill -9 $$\n')
    await chmod(join(folder, 'ssh-keygen'), 0o755)
    try {
      process.env['PATH'] = `${folder}${delimiter}${before['PATH']}`
      await expect(git.signatures([tip], signers)).rejects.toThrow(
        'could not be verified: ssh-keygen was killed by SIGKILL'
      )
      await writeFile(
        join(folder, 'ssh-keygen'),
        '#!/bin/sh\necho "xmalloc: Cannot allocate memory" >&2\nexit 255\n'
      )
      await expect(git.signatures([tip], signers)).rejects.toThrow(/could not be verified: .*allocate memory/)
      // Nothing of it is kept anywhere but in the clone.
      process.env['PATH'] = before['PATH']
      process.env['TMPDIR'] = join(folder, 'gone')
      expect((await git.signatures([tip], signers)).get(tip)).toMatchObject({ state: 'good' })
    } finally {
      process.env['PATH'] = before['PATH']
      if (before['TMPDIR'] === undefined) delete process.env['TMPDIR']
      else process.env['TMPDIR'] = before['TMPDIR']
    }
    expect((await git.signatures([tip], signers)).get(tip)).toMatchObject({ state: 'good' })
  })

  it('says when it lost the race, and when it was refused', async () => {
    const tip = (await git.fetch('main')) ?? ''
    await repo.builder.pull()
    await repo.builder.commit('core: faster')
    await repo.builder.push()
    const commit = { parent: tip, files: [], message: 'review(x): late\n', identity: identity() }
    const late = await git.writeCommit({ ...commit, date: '2026-06-13T07:01:00.000Z' })
    expect(await git.push(late, 'main')).toMatchObject({ kind: 'lost' })

    const hook = join(repo.remote, 'hooks', 'pre-receive')
    await mkdir(join(repo.remote, 'hooks'), { recursive: true })
    await writeFile(hook, '#!/bin/sh\nprintf "main is \\033[31mprotected\\n" >&2\nexit 1\n')
    await chmod(hook, 0o755)
    const now = (await git.fetch('main')) ?? ''
    const next = await git.writeCommit({ ...commit, parent: now, date: '2026-06-13T07:02:00.000Z' })
    const refused = await git.push(next, 'main')
    expect(refused).toMatchObject({ kind: 'refused' })
    expect(JSON.stringify(refused)).toContain('main is  [31mprotected')
    await rm(hook)
  })

  it('names the key that does not sign', async () => {
    await writeFile(join(repo.dir, 'broken.key'), 'no key\n', { mode: 0o600 })
    const signing = git.writeCommit({
      parent: null,
      files: [],
      message: 'review(x): y\n',
      identity: { ...identity(), signingKey: join(repo.dir, 'broken.key') },
      date: '2026-06-13T07:00:00.000Z'
    })
    await expect(signing).rejects.toThrow('cannot be signed with')
  })
})

/** Where the clone has the branch. */
const tipOf = (dir: string) => testGit(dir, ['--git-dir', dir, 'rev-parse', 'refs/remotes/origin/main'])

/** Every object and pack loses its second half, as when a machine stops before its disk has caught up. */
async function halve(objects: string): Promise<void> {
  for (const name of await readdir(objects, { recursive: true })) {
    const path = join(objects, name)
    if (!(await stat(path)).isFile()) continue
    await chmod(path, 0o600)
    await truncate(path, Math.floor((await stat(path)).size / 2))
  }
}

describe('a clone that heals itself', () => {
  it.each<[string, (dir: string) => Promise<void>]>([
    ['objects gone', dir => rm(join(dir, 'objects'), { recursive: true })],
    [
      'an emptied pack',
      async dir => {
        for (const name of await readdir(join(dir, 'objects', 'pack')).catch(() => [])) {
          await chmod(join(dir, 'objects', 'pack', name), 0o600)
          await writeFile(join(dir, 'objects', 'pack', name), '')
        }
        for (const name of await readdir(join(dir, 'objects'))) {
          if (name.length === 2) await rm(join(dir, 'objects', name), { recursive: true })
        }
      }
    ],
    ['HEAD gone', dir => rm(join(dir, 'HEAD'))],
    ['a broken configuration', dir => writeFile(join(dir, 'config'), '[core\n')],
    [
      'a graft',
      async dir => {
        await mkdir(join(dir, 'info'), { recursive: true })
        await writeFile(join(dir, 'info', 'grafts'), `${'1'.repeat(40)}\n`)
      }
    ],
    [
      'a stale lock',
      async dir => {
        const lock = join(dir, 'refs', 'remotes', 'origin', 'main.lock')
        await writeFile(lock, '')
        await utimes(lock, 1_000_000, 1_000_000)
      }
    ],
    ['a HEAD of noise', dir => writeFile(join(dir, 'HEAD'), randomBytes(64))],
    ['a HEAD that is detached', async dir => writeFile(join(dir, 'HEAD'), `${await tipOf(dir)}\n`)],
    ['a ref of noise', dir => writeFile(join(dir, 'refs', 'remotes', 'origin', 'main'), randomBytes(64))],
    [
      'a ref that names nothing',
      dir => writeFile(join(dir, 'refs', 'remotes', 'origin', 'main'), `${'1'.repeat(40)}\n`)
    ],
    [
      'a branch that went its own way',
      async dir => {
        const env = { GIT_DIR: dir }
        const mine = await testGit(
          dir,
          ['commit-tree', '-m', 'mine', '-p', await tipOf(dir), `${await tipOf(dir)}^{tree}`],
          { env }
        )
        await testGit(dir, ['update-ref', 'refs/remotes/origin/main', mine], { env })
      }
    ],
    ['half a pack', dir => halve(join(dir, 'objects'))],
    [
      'a write that was cut off',
      async dir => {
        await mkdir(join(dir, 'objects', 'ff'), { recursive: true })
        await writeFile(join(dir, 'objects', 'ff', 'tmp_obj_Xa82hK'), randomBytes(64))
        await writeFile(join(dir, 'objects', 'ff', 'f'.repeat(38)), '')
        await mkdir(join(dir, 'objects', 'pack'), { recursive: true })
        await writeFile(join(dir, 'objects', 'pack', 'tmp_pack_b71Qzz'), randomBytes(64))
        await writeFile(join(dir, 'objects', 'pack', `pack-${'0'.repeat(40)}.pack`), randomBytes(64))
      }
    ],
    [
      'a file in its place',
      async dir => {
        await rm(dir, { recursive: true })
        await writeFile(dir, 'not a folder')
      }
    ]
  ])('%s', async (_, damage) => {
    const dir = join(repo.dir, 'damaged.git')
    const first = await openClone({ url: repo.url, dir })
    await first.fetch('main')
    await first.close()
    await damage(dir)
    await repo.builder.pull()
    const tip = await repo.builder.commit('core: after the damage')
    await repo.builder.push()
    const second = await openClone({ url: repo.url, dir })
    expect(await second.fetch('main')).toBe(tip)
    expect((await second.commits({ tip })).at(-1)?.sha).toBe(tip)
    expect(text(await second.file(tip, 'README.md'))).toBe('# a repo\n')
    await second.close()
  })

  it('sweeps what a process that was killed left long ago, and leaves what may still be at work', async () => {
    const dir = join(repo.dir, 'swept.git')
    await (await openClone({ url: repo.url, dir })).close()
    const pack = join(dir, 'objects', 'pack')
    await mkdir(pack, { recursive: true })
    const old = [
      join(pack, 'tmp_pack_old'),
      join(dir, 'adversary-allowed-1.new-old'),
      `${dir}.new-old`,
      `${dir}.old-old`
    ]
    const young = [join(pack, 'tmp_pack_young'), `${dir}.new-young`]
    for (const path of [...old, ...young]) await writeFile(path, '')
    for (const path of old) await utimes(path, 1_000_000, 1_000_000)
    await (await openClone({ url: repo.url, dir })).close()
    expect(old.filter(path => existsSync(path))).toEqual([])
    expect(young.filter(path => existsSync(path))).toEqual(young)
  })

  it('goes on when its list of signers is swept away under it', async () => {
    const dir = join(repo.dir, 'unlisted.git')
    const clone = await openClone({ url: repo.url, dir })
    await clone.fetch('main')
    const trust = { allowed: allowedSigners([['adversary@example.test', key]]) }
    const signed = async (message: string) => {
      await repo.builder.pull()
      const sha = await repo.builder.commit(message, { key })
      await repo.builder.push()
      await clone.fetch('main')
      return (await clone.signatures([sha], trust)).get(sha)
    }
    expect(await signed('core: one')).toMatchObject({ state: 'good' })
    for (const name of await readdir(dir)) if (name.startsWith('adversary-allowed')) await rm(join(dir, name))
    expect(await signed('core: two')).toMatchObject({ state: 'good' })
    await clone.close()
  })

  it('is shared by several processes of one home', async () => {
    const dir = join(repo.dir, 'shared.git')
    const clones = await Promise.all([1, 2, 3, 4].map(() => openClone({ url: repo.url, dir })))
    for (let round = 0; round < 3; round++) {
      await repo.builder.pull()
      const tip = await repo.builder.commit(`core: round ${round}`)
      await repo.builder.push()
      expect(await Promise.all(clones.map(clone => clone.fetch('main')))).toEqual([tip, tip, tip, tip])
    }
    await Promise.all(clones.map(clone => clone.close()))
  })

  it('is made once by many that begin at once, and none takes it away from another', async () => {
    for (let round = 0; round < 6; round++) {
      const dir = join(repo.dir, `begun-${round}.git`)
      const taken: string[] = []
      const watcher = watch(repo.dir, (_, name) => {
        if (name?.startsWith(`begun-${round}.git.old-`)) taken.push(name)
      })
      const clones = await Promise.all(Array.from({ length: 8 }, () => openClone({ url: repo.url, dir })))
      watcher.close()
      expect(taken).toEqual([])
      await Promise.all(clones.map(clone => clone.close()))
    }
  })

  it('is not mistaken for a missing git when it is gone', async () => {
    const gone = join(repo.dir, 'gone.git')
    await expect(runGit(gone, ['rev-parse'])).rejects.toThrow(`the clone in ${gone} is gone`)
    const clone = await openClone({ url: repo.url, dir: gone })
    await clone.fetch('main')
    await rm(gone, { recursive: true, force: true })
    const tip = await clone.remoteTip('main')
    expect(await clone.fetch('main')).toBe(tip)
    await clone.close()
  })

  it('is made anew for another remote', async () => {
    const dir = join(repo.dir, 'moved.git')
    const first = await openClone({ url: repo.url, dir })
    const old = (await first.fetch('main')) ?? ''
    await first.close()
    const second = await openClone({ url: `${repo.url}/`, dir })
    expect(await second.commit(old)).toBeNull()
    await second.close()
  })
})

describe('a remote that must not be asked', () => {
  it.each(['ext::sh -c id', '--upload-pack=id', 'gopher://example.test/x', ''])('%s', async url => {
    await expect(openClone({ url, dir: join(repo.dir, 'never.git') })).rejects.toThrow(
      'is not a repository URL'
    )
  })

  it('says which remote cannot be reached, without its password', async () => {
    const dir = join(repo.dir, 'closed.git')
    const closed = await openClone({ url: 'http://someone:s3cret@127.0.0.1:1/x.git', dir })
    const asking = closed.remoteTip('main')
    await expect(asking).rejects.toThrow('http://127.0.0.1:1/x.git cannot be reached')
    await expect(asking).rejects.not.toThrow('s3cret')
    await closed.close()
  })

  it('gives a login to the server that asks for it', async () => {
    const heard: string[] = []
    const server = createServer((request, answer) => {
      heard.push(request.headers.authorization ?? 'none')
      answer.writeHead(request.headers.authorization === undefined ? 401 : 404, {
        'www-authenticate': 'Basic realm="x"'
      })
      answer.end()
    })
    await new Promise<void>(settle => server.listen(0, '127.0.0.1', settle))
    const address = server.address()
    const port = typeof address === 'object' ? address?.port : 0
    const secret = 'p%w"$(id)`x'
    const asking = [
      { url: `http://me:${encodeURIComponent(secret)}@127.0.0.1:${port}/x.git` },
      { url: `http://127.0.0.1:${port}/x.git`, login: { username: 'me', password: secret } }
    ]
    for (const options of asking) {
      const opened = await openClone({ ...options, dir: join(repo.dir, 'asking.git') })
      await expect(opened.remoteTip('main')).rejects.toThrow(
        `http://127.0.0.1:${port}/x.git cannot be reached`
      )
      await opened.close()
    }
    server.close()
    const basic = `Basic ${Buffer.from(`me:${secret}`).toString('base64')}`
    expect(heard).toEqual(['none', basic, 'none', basic])
  })

  it.each(['-x', 'a..b', 'a b', 'x.lock', '', 'a:b', '@{u}'])('a branch named %j', async branch => {
    await expect(git.remoteTip(branch)).rejects.toThrow('is not a branch name')
  })
})
