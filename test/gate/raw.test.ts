import { execFile } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { sha256 } from '../../src/lib/canonical.ts'
import type { GateOptions } from '../../src/gate/gate.ts'
import {
  commitForgery,
  forge,
  type Forgery,
  putRawCommit,
  rawCommit,
  reviewerPerson,
  signedRaw,
  treeEntry
} from '../support/forge.ts'
import { type Base, type GateWorld, makeGateWorld, path, type Scene } from '../support/gate.ts'
import type { TestKey } from '../support/repo.ts'

/** What is judged is the bytes of commits and trees. Each attack here is one thing to git's log and walk and another to whoever reads on. */

let context: GateWorld
beforeAll(async () => {
  context = await makeGateWorld()
})
afterAll(() => context.dispose())

type Change = (raw: string) => string

/** Before the former key expired, in seconds since 1970. */
const once = 1_777_600_000
const committer = /^committer (.*) (\d+) \+0000$/m

/** A review in a commit that was changed before it was signed, and once more behind that. */
async function put(
  scene: Scene,
  key: TestKey,
  changes: { readonly before?: Change; readonly behind?: Change },
  forgery: Forgery = { claim: scene.at.claim2, verdict: 'PASS' }
): Promise<string> {
  await scene.builder.pull()
  const sha = await commitForgery(scene, { author: reviewerPerson, ...forgery })
  const raw = await rawCommit(scene, sha)
  const changed = changes.before?.(raw) ?? raw
  const signed = await signedRaw(scene, changed, key)
  const last = changes.behind?.(signed) ?? signed
  expect([changed === raw, last === signed]).toEqual([
    changes.before === undefined,
    changes.behind === undefined
  ])
  return putRawCommit(scene, last)
}

const header =
  (line: string): Change =>
  raw =>
    raw.replace(committer, `$&\n${line}`)
const utf7 = 'x+AAo-committer adversary-bot'

describe('an expired key, and a header in which git reads another date', () => {
  const injected =
    (encoding: string, at: 'before' | 'after'): Change =>
    raw => {
      const [line = '', , date = ''] = committer.exec(raw) ?? []
      const own = `committer ${utf7} <adversary@example.test> ${date} +0000+AAo-x <x> ${once} +0000`
      return raw.replace(
        line,
        at === 'after' ? `${own}\nencoding ${encoding}` : `encoding ${encoding}\n${own}`
      )
    }
  it.each<[string, Change]>([
    ['UTF-7', injected('UTF-7', 'after')],
    ['utf-7 in small letters', injected('utf-7', 'after')],
    ['UTF-7 before the committer', injected('UTF-7', 'before')],
    ['UTF-7 twice', raw => injected('UTF-7', 'after')(raw).replace('encoding', 'encoding UTF-8\nencoding')],
    [
      'UTF-7 with the old date for the signature',
      raw => injected('UTF-7', 'after')(raw).replace(`${once}`, '1781352000')
    ],
    [
      'UTF-7 in the name of the author',
      raw => header('encoding UTF-7')(raw).replace(/^author \S+/m, `author ${utf7} <x> ${once} +0000+AAo-x`)
    ],
    ['an escape of ISO-2022-JP', header('encoding ISO-2022-JP')],
    ['every other byte a letter', header('encoding UTF-16LE')]
  ])('%s', async (_, before) => {
    const scene = await context.open('claimed')
    await put(scene, scene.keys.expired, { before })
    expect(await scene.gate()).toMatchObject({ code: 3 })
  })
})

describe('a PASS by the reviewer in a commit that the product never writes opens nothing, and is named', () => {
  const foreign = '-----BEGIN SSH SIGNATURE-----\n x\n -----END SSH SIGNATURE-----'
  it.each<[string, { readonly before?: Change; readonly behind?: Change }]>([
    ['encoding UTF-8', { before: header('encoding UTF-8') }],
    ['encoding ISO-8859-1', { before: header('encoding ISO-8859-1') }],
    ['encoding UTF-7', { before: header('encoding UTF-7') }],
    ['a header of another tool', { before: header('HG:extra x') }],
    ['a header without a value', { before: header('x ') }],
    ['a header before the author', { before: raw => raw.replace('author ', 'x y\nauthor ') }],
    [
      'a header between author and committer',
      { before: raw => raw.replace('committer ', 'x y\ncommitter ') }
    ],
    ['a look-alike of the signature', { before: header('gpgsigx y') }],
    ['a look-alike with a hyphen', { before: header('gpgsig-sha1 y') }],
    ['the signature of the other hash', { before: header(`gpgsig-sha256 ${foreign}`) }],
    ['the tag of a merge', { before: header(`mergetag object ${'a'.repeat(40)}\n type commit\n x`) }],
    ['two authors', { before: raw => raw.replace(/^author .*$/m, '$&\n$&') }],
    ['two committers', { before: raw => raw.replace(committer, '$&\n$&') }],
    ['two encodings', { before: header('encoding UTF-8\nencoding UTF-8') }],
    ['a parent behind the author', { before: raw => raw.replace(/^(parent .*\n)(author .*\n)/m, '$2$1') }],
    ['a NUL in the message', { before: raw => raw.replace('Said by', 'Said\0by') }],
    ['a NUL behind the message', { before: raw => `${raw}\0more` }],
    ['two spaces before the date', { before: raw => raw.replace(committer, 'committer $1  $2 +0000') }],
    ['two spaces before the name', { before: raw => raw.replace('author ', 'author  ') }],
    ['a tab before the date', { before: raw => raw.replace(committer, 'committer $1\t$2 +0000') }],
    ['a date with a zero before it', { before: raw => raw.replace(committer, 'committer $1 0$2 +0000') }],
    ['a zone that there is not', { before: raw => raw.replace(committer, 'committer $1 $2 +0099') }],
    ['the line ends of Windows', { before: raw => raw.replace(committer, '$&\r') }],
    ['a folded committer', { before: raw => raw.replace(committer, '$&\n more') }],
    [
      'bytes behind the end of the signature',
      { behind: raw => raw.replace('-----END SSH SIGNATURE-----', '$&\n more') }
    ],
    [
      'an empty line behind the end of the signature',
      { behind: raw => raw.replace('-----END SSH SIGNATURE-----', '$&\n ') }
    ],
    [
      'bytes on the last line of the signature',
      { behind: raw => raw.replace('-----END SSH SIGNATURE-----', '$& x') }
    ],
    ['white space in the signature', { behind: raw => raw.replace(/^ U/m, '  U') }],
    ['a header behind the signature', { behind: raw => raw.replace('\n\n', '\ngpgsigx y\n\n') }]
  ])('%s', async (_, changes) => {
    const scene = await context.open('claimed')
    const sha = await put(scene, scene.keys.reviewer, changes)
    const answer = await scene.gate()
    expect({ code: answer.code, why: answer.reasons }).toMatchObject({ code: 3 })
    expect(answer.reasons.join('\n')).toContain(sha.slice(0, 12))
  })
})

describe('what a listed person closes is heard from a git that writes an encoding', () => {
  const encoded = ['-c', 'i18n.commitEncoding=ISO-8859-1']
  const byHand = async (scene: Scene, text: string, settings: readonly string[] = encoded) => {
    await scene.builder.pull()
    await writeFile(join(scene.builder.dir, path), `${await scene.builder.read(path)}${text}`)
    const signing = ['-c', 'gpg.format=ssh', '-c', `user.signingKey=${scene.keys.alice.path}`]
    await scene.builder.git([
      ...settings,
      ...signing,
      'commit',
      '--quiet',
      '-S',
      '-a',
      '-m',
      'docs: gr\u00fc\u00dfe'
    ])
    await scene.builder.push('origin', 'HEAD:main')
    return scene.builder.tip()
  }

  it.each([
    ['a veto by hand', 'passed', '\n## VETO M2: not yet\n', 1],
    ['a finding by hand', 'passed', '\n## [adversary] A7: a hole\n\n**Blocks:** M2\n', 1],
    ['a veto of the whole phase', 'passed', '\n## VETO: all of it\n', 1],
    ['a veto that is lifted by such a commit stands', 'vetoed', '\n## VETO LIFTED M2: fine\n', 1],
    ['a veto by hand over a FAIL', 'failed', '\n## VETO M2: not yet\n', 1]
  ] as const)('%s', async (_, base, text, code) => {
    const scene = await context.open(base)
    const sha = await byHand(scene, text)
    expect(await scene.builder.git(['cat-file', 'commit', sha])).toContain('encoding ISO-8859-1')
    expect(await scene.gate()).toMatchObject({ code })
  })

  it('a finding that such a commit closes stays open', async () => {
    const scene = await context.open('passed')
    await byHand(scene, '\n## [adversary] A7: a hole\n\n**Blocks:** M2\n', [])
    await byHand(scene, '\n## [adversary] A7: CLOSED @2026-06-13T09:00Z\n')
    expect(await scene.gate()).toMatchObject({ code: 1 })
    await byHand(scene, '\n## [adversary] A7: CLOSED @2026-06-13T09:01Z\n', [])
    expect(await scene.gate()).toMatchObject({ code: 0 })
  })

  it('a veto in a signed review stands, named, also behind the next PASS', async () => {
    const scene = await context.open('passed')
    const vetoes = [{ milestone: 'M2', status: 'open' as const }]
    const forgery = { claim: null, milestone: null, vetoes, author: scene.builder.person }
    const sha = await put(scene, scene.keys.alice, { before: header('encoding ISO-8859-1') }, forgery)
    const first = await scene.gate()
    expect(first).toMatchObject({ code: 3 })
    expect(first.reasons.join('\n')).toMatch(new RegExp(`${sha.slice(0, 12)}[\\s\\S]*alice vetoes M2`))
    await scene.builder.git(['fetch', '--quiet', 'origin'])
    await scene.builder.git(['reset', '--quiet', '--hard', 'origin/main'])
    const claim = await scene.builder.commit('claim(pvfix-M2): again')
    await scene.builder.push('origin', 'HEAD:main')
    await scene.say({ claim, milestone: 'M2' })
    expect(await scene.gate()).toMatchObject({
      code: 1,
      reasons: [expect.stringContaining('alice vetoes M2')]
    })
  })

  it.each<[string, Change]>([
    ['two committers', raw => raw.replace(committer, '$&\n$&')],
    ['a look-alike of the signature', header('gpgsigx y')],
    ['a NUL', raw => `${raw}\0`],
    ['a header before the author', raw => raw.replace('author ', 'x y\nauthor ')],
    ['a date in no form', raw => raw.replace(committer, 'committer $1 $2 +99999')]
  ])('a veto in a commit that no git writes is exit 3: %s', async (_, change) => {
    const scene = await context.open('passed')
    await scene.builder.pull()
    const files = { [path]: `${await scene.builder.read(path)}\n## VETO M2: no\n` }
    const raw = await rawCommit(scene, await scene.builder.commit('docs: hold', { files }))
    const sha = await putRawCommit(scene, await signedRaw(scene, change(raw), scene.keys.alice))
    const answer = await scene.gate()
    expect(answer).toMatchObject({ code: 3 })
    expect(answer.reasons.join('\n')).toContain(sha.slice(0, 12))
    expect(answer.reasons.join('\n')).toContain('alice vetoes M2')
  })
})

/** Writes a tree of these raw entries. */
async function writeTree(scene: Scene, bytes: Buffer): Promise<string> {
  const file = join(scene.builder.dir, '..', `raw-tree-${sha256(bytes).slice(7, 27)}`)
  await writeFile(file, bytes)
  return scene.builder.git(['hash-object', '-t', 'tree', '-w', '--literally', file])
}
async function rawTree(scene: Scene, name: string): Promise<Buffer> {
  const read = promisify(execFile)('git', ['-C', scene.builder.dir, 'cat-file', 'tree', name], {
    encoding: 'buffer'
  })
  return (await read).stdout
}
const blob = (scene: Scene, input: string) => scene.builder.git(['hash-object', '-w', '--stdin'], { input })

interface Parts {
  readonly scene: Scene
  /** The tree as it is, and the bytes of one entry of it. */
  readonly bytes: Buffer
  entry(mode: string, name: string): Buffer
  readonly evil: string
  readonly evilFolder: string
  readonly folder: string
}
type Make = (parts: Parts) => Buffer

/** A commit on top whose tree at that folder is another. */
async function crooked(
  scene: Scene,
  folder: string,
  make: Make,
  message = 'core: x',
  key?: TestKey
): Promise<string> {
  const { builder } = scene
  await builder.pull()
  const tip = await builder.tip()
  const evil = await blob(scene, 'evil\n')
  const evilFolder = await writeTree(scene, treeEntry('100644', 'swarm.nix', evil))
  const bytes = await rawTree(scene, folder === '' ? `${tip}^{tree}` : `${tip}:${folder}`)
  const idOf = (mode: string, name: string) =>
    builder
      .git(['rev-parse', `${tip}:${folder === '' ? '' : `${folder}/`}${name}`])
      .then(sha => treeEntry(mode, name, sha))
  const known = new Map(
    await Promise.all(
      (await builder.git(['ls-tree', folder === '' ? tip : `${tip}:${folder}`]))
        .split('\n')
        .map(async line => {
          const [mode = '', , , name = ''] = line.replace('\t', ' ').replace(/^0/, '').split(' ')
          return [`${mode} ${name}`, await idOf(mode, name)] as const
        })
    )
  )
  const made = make({
    scene,
    bytes,
    evil,
    evilFolder,
    folder,
    entry: (mode, name) => known.get(`${mode} ${name}`) ?? Buffer.alloc(0)
  })
  let tree = await writeTree(scene, made)
  if (folder !== '') {
    const root = await rawTree(scene, `${tip}^{tree}`)
    const old = treeEntry('40000', folder, await builder.git(['rev-parse', `${tip}:${folder}`]))
    const at = root.indexOf(old)
    tree = await writeTree(
      scene,
      Buffer.concat([root.subarray(0, at), treeEntry('40000', folder, tree), root.subarray(at + old.length)])
    )
  }
  const raw = `tree ${tree}\nparent ${tip}\nauthor b <b@example.test> 1781350000 +0000\ncommitter b <b@example.test> 1781350000 +0000\n\n${message}\n`
  return putRawCommit(scene, key === undefined ? raw : await signedRaw(scene, raw, key))
}

const trees: readonly (readonly [name: string, folder: string, make: Make])[] = [
  [
    'the old folder first, the other one last',
    '',
    ({ bytes, evil, evilFolder }) =>
      Buffer.concat([bytes, treeEntry('100644', 'zzz', evil), treeEntry('40000', 'nix', evilFolder)])
  ],
  [
    'the folder twice in a row',
    '',
    ({ bytes, evilFolder }) => Buffer.concat([bytes, treeEntry('40000', 'nix', evilFolder)])
  ],
  [
    'a file beside the folder of its name',
    '',
    ({ bytes, evil }) => Buffer.concat([bytes, treeEntry('100644', 'nix', evil)])
  ],
  [
    'a file of its name, not beside it',
    '',
    ({ bytes, entry, evil }) => {
      const nix = entry('40000', 'nix')
      const at = bytes.indexOf(nix)
      return Buffer.concat([
        bytes.subarray(0, at),
        treeEntry('100644', 'nix', evil),
        treeEntry('100644', 'nix.a', evil),
        nix
      ])
    }
  ],
  [
    'a path as a name',
    '',
    ({ bytes, evil }) => Buffer.concat([bytes, treeEntry('100644', 'nix/swarm.nix', evil)])
  ],
  ['out of order', '', ({ bytes, evil }) => Buffer.concat([bytes, treeEntry('100644', 'aaa', evil)])],
  [
    'in the order of files where a folder is',
    '',
    ({ bytes, entry, evil }) => {
      const nix = entry('40000', 'nix')
      const at = bytes.indexOf(nix)
      return Buffer.concat([bytes.subarray(0, at), nix, treeEntry('100644', 'nix.a', evil)])
    }
  ],
  ['an entry ..', '', ({ bytes, evil }) => Buffer.concat([treeEntry('100644', '..', evil), bytes])],
  [
    'an entry .git',
    '',
    ({ bytes, evilFolder }) => Buffer.concat([treeEntry('40000', '.git', evilFolder), bytes])
  ],
  [
    'an entry .GIT',
    '',
    ({ bytes, evilFolder }) => Buffer.concat([treeEntry('40000', '.GIT', evilFolder), bytes])
  ],
  [
    'a mode that git does not write',
    '',
    ({ bytes, evil }) => Buffer.concat([bytes, treeEntry('100600', 'zzz', evil)])
  ],
  ['a mode of nothing', '', ({ bytes, evil }) => Buffer.concat([bytes, treeEntry('0', 'zzz', evil)])],
  [
    'an entry of no object',
    '',
    ({ bytes }) => Buffer.concat([bytes, treeEntry('160000', 'zzz', '0'.repeat(40))])
  ],
  [
    'the file twice in its folder',
    'nix',
    ({ bytes, evil }) => Buffer.concat([bytes, treeEntry('100644', 'swarm.nix', evil)])
  ],
  [
    'the file first and last in its folder',
    'nix',
    ({ bytes, evil }) =>
      Buffer.concat([bytes, treeEntry('100644', 'zzz', evil), treeEntry('100755', 'swarm.nix', evil)])
  ],
  [
    'its folder out of order',
    'nix',
    ({ bytes, evil }) => Buffer.concat([bytes, treeEntry('100644', 'aaa', evil)])
  ],
  [
    'the folder of reviews out of order',
    'machine-docs',
    ({ bytes, evil }) => Buffer.concat([bytes, treeEntry('100644', 'aaa', evil)])
  ],
  [
    'the review file twice',
    'machine-docs',
    ({ bytes, evil }) =>
      Buffer.concat([bytes, treeEntry('100644', 'zzz', evil), treeEntry('100644', 'REVIEW-pvfix.md', evil)])
  ]
]

describe('a tree that git would not write, on the way to what was reviewed', () => {
  it.each(trees)('%s', async (_, folder, make) => {
    const scene = await context.open('passed')
    const sha = await crooked(scene, folder, make)
    const answer = await scene.gate({ gate: 'pvfix-M1' })
    expect({ code: answer.code, why: answer.reasons }).toMatchObject({ code: 3 })
    expect(answer.reasons.join('\n')).toContain(sha.slice(0, 12))
    expect(answer.reasons.join('\n')).toMatch(folder === '' ? /at the root/ : new RegExp(`"${folder}"`))
  })

  it('swallows no veto that is written on top of it', async () => {
    const scene = await context.open('passed')
    const evil = await blob(scene, '# nothing\n')
    const first: Make = ({ bytes }) => Buffer.concat([bytes, treeEntry('100644', 'aaa', evil)])
    await crooked(scene, '', first)
    await scene.builder.git(['fetch', '--quiet', 'origin'])
    const text = `${await scene.builder.read(path)}\n## VETO M2: no\n`
    const file = await blob(scene, text)
    const tip = await scene.builder.git(['rev-parse', 'origin/main'])
    const docs = await rawTree(scene, 'HEAD:machine-docs')
    const old = treeEntry('100644', 'REVIEW-pvfix.md', await scene.builder.git(['rev-parse', `HEAD:${path}`]))
    const at = docs.indexOf(old)
    const folder = await writeTree(
      scene,
      Buffer.concat([
        docs.subarray(0, at),
        treeEntry('100644', 'REVIEW-pvfix.md', file),
        docs.subarray(at + old.length)
      ])
    )
    const root = await rawTree(scene, 'HEAD^{tree}')
    const was = treeEntry(
      '40000',
      'machine-docs',
      await scene.builder.git(['rev-parse', 'HEAD:machine-docs'])
    )
    const from = root.indexOf(was)
    const tree = await writeTree(
      scene,
      Buffer.concat([
        root.subarray(0, from),
        treeEntry('40000', 'machine-docs', folder),
        root.subarray(from + was.length)
      ])
    )
    const raw = `tree ${tree}\nparent ${tip}\nauthor a <a@example.test> 1781350000 +0000\ncommitter a <a@example.test> 1781350000 +0000\n\ndocs: hold\n`
    await putRawCommit(scene, await signedRaw(scene, raw, scene.keys.alice))
    const answer = await scene.gate()
    expect(answer.code).not.toBe(0)
    expect(answer.reasons.join('\n')).toMatch(/alice/)
  })
})

describe('a signed path that leaves the repository is exit 3, naming the commit', () => {
  it.each(['../x', '.git/config', 'a/../../x', '/etc/passwd', 'a//b', '.GIT/config', 'docs/.git /x'])(
    '%s',
    async odd => {
      const scene = await context.open('claimed')
      const mangle = (message: string) =>
        message.replace(/^Adversary-Section: \S+/m, `Adversary-Section: ${odd.replaceAll(' ', '%20')}`)
      const sha = await forge(scene, {
        claim: scene.at.claim2,
        key: scene.keys.reviewer,
        author: reviewerPerson,
        mangle
      })
      const answer = await scene.gate()
      expect(answer).toMatchObject({ code: 3 })
      expect(answer.reasons[0]).toContain(sha.slice(0, 12))
    }
  )

  it.each(['Section', 'Evidence'])('%s, by a listed person', async name => {
    const scene = await context.open('passed')
    await scene.builder.pull()
    const mangle = (message: string) =>
      message.replace(new RegExp(`^Adversary-${name}: \\S+`, 'm'), `Adversary-${name}: ../x`)
    const sha = await forge(scene, { claim: null, milestone: null, key: scene.keys.alice, mangle })
    const answer = await scene.gate()
    expect(answer).toMatchObject({ code: 3 })
    expect(answer.reasons[0]).toContain(sha.slice(0, 12))
  })
})

describe('branches and commits as pipelines name them', () => {
  const rows: readonly (readonly [
    name: string,
    base: Base,
    options: (scene: Scene) => Partial<GateOptions> | Promise<Partial<GateOptions>>,
    code: number
  ])[] = [
    ['a branch by its full name', 'passed', () => ({ branch: 'refs/heads/main' }), 0],
    ['a branch of reviews by its full name', 'passed', () => ({ reviewBranch: 'refs/heads/main' }), 0],
    ['a branch of reviews that is not there', 'passed', () => ({ reviewBranch: 'revievs' }), 2],
    ['a branch of reviews that is not there, over a FAIL', 'failed', () => ({ reviewBranch: 'revievs' }), 2],
    [
      'the id of an annotated tag',
      'passed',
      async ({ builder }) => {
        await builder.pull()
        await builder.git(['tag', '-a', '-m', 'one', 'v1'])
        await builder.git(['tag', '-a', '-m', 'two', 'v2', 'v1'])
        await builder.git(['push', '--quiet', 'origin', 'v1', 'v2'])
        return { commit: await builder.git(['rev-parse', 'v1']) }
      },
      0
    ],
    [
      'the id of a tag of a tag',
      'passed',
      async ({ builder }) => {
        await builder.pull()
        await builder.git(['tag', '-a', '-m', 'one', 'v1'])
        await builder.git(['tag', '-a', '-m', 'two', 'v2', 'v1'])
        await builder.git(['push', '--quiet', 'origin', 'v2'])
        return { commit: await builder.git(['rev-parse', 'v2']) }
      },
      0
    ],
    [
      'the id of a tag of a file',
      'passed',
      async ({ builder }) => {
        await builder.pull()
        await builder.git(['tag', '-a', '-m', 'one', 'v1', `HEAD:${path}`])
        await builder.git(['push', '--quiet', 'origin', 'v1'])
        return { commit: await builder.git(['rev-parse', 'v1']) }
      },
      2
    ]
  ]
  it.each(rows)('%s', async (_, base, options, code) => {
    const scene = await context.open(base)
    const answer = await scene.gate(await options(scene))
    expect({ code: answer.code, why: answer.reasons }).toMatchObject({ code })
    if (code === 2 && base === 'failed')
      expect(answer.reasons).toEqual([expect.stringContaining('there is no branch revievs')])
  })

  it.each([
    ['HEAD', '--branch main'],
    ['origin/main', '--branch main'],
    ['refs/remotes/origin/main', '--branch main'],
    ['remotes/origin/main', '--branch main'],
    ['origin/HEAD', '--branch main'],
    ['heads/main', '--branch main']
  ])('%s is no branch, and the word that would do is told', async (branch, hint) => {
    const scene = await context.open('passed')
    await expect(scene.gate({ branch })).rejects.toMatchObject({ kind: 'usage', hint })
  })

  it('a branch that is called so is the branch', async () => {
    const scene = await context.open('passed')
    await scene.builder.git(['push', '--quiet', 'origin', `${scene.at.review2}:refs/heads/origin/main`])
    expect(await scene.gate({ branch: 'origin/main' })).toMatchObject({ code: 2 })
  })

  it('a claim that was forced off the branch is exit 3', async () => {
    const scene = await context.open('passed')
    const { builder, at, keys } = scene
    await builder.git(['reset', '--quiet', '--hard', `${at.claim2}^`])
    await forge(scene, { claim: at.claim2, key: keys.reviewer, author: reviewerPerson }).catch(
      () => undefined
    )
    await builder.push('--force', 'origin', 'HEAD:main')
    await builder.git(['push', '--quiet', 'origin', `${at.claim2}:refs/heads/gone`])
    expect(await scene.gate()).toMatchObject({
      code: 3,
      reasons: [expect.stringContaining('is not a claim of pvfix-M2')]
    })
    await builder.git(['push', '--quiet', '--delete', 'origin', 'gone'])
    expect(await scene.gate()).toMatchObject({ code: 3 })
  })
})

describe("the build of a review's own push to a branch of reviews", () => {
  async function aside(scene: Scene, milestone: string, claim: string): Promise<string> {
    const { openClone } = await import('../../src/git/clone.ts')
    const { makeReviewer } = await import('../support/reviews.ts')
    const git = await openClone({ url: scene.remote, dir: `${scene.remote}.aside` })
    const trust = { allowed: context.signers, reviewer: 'adversary' }
    const now = Date.UTC(2026, 5, 13, 9)
    const sha = await makeReviewer(git, scene.keys.reviewer, trust, { branch: 'reviews', now }).say({
      claim,
      milestone
    })
    await git.close()
    return sha
  }

  it('opens, also where the branch began before the claim', async () => {
    const scene = await context.open('claimed')
    const first = await aside(scene, 'M2', scene.at.claim2)
    expect(await scene.gate({ reviewBranch: 'reviews', commit: first })).toMatchObject({ code: 0 })
    const claim = await scene.builder.commit('claim(pvfix-M2): again')
    await scene.builder.push('origin', 'HEAD:main')
    const second = await aside(scene, 'M2', claim)
    expect(await scene.gate({ reviewBranch: 'reviews', commit: second })).toMatchObject({ code: 0 })
  })

  it('opens nothing that somebody else put on that branch', async () => {
    const scene = await context.open('claimed')
    await aside(scene, 'M2', scene.at.claim2)
    const { builder } = scene
    const claim = await builder.commit('claim(pvfix-M2): again')
    await builder.push('origin', 'HEAD:main')
    await builder.git(['fetch', '--quiet', 'origin'])
    await builder.git(['checkout', '--quiet', '-b', 'reviews', 'origin/reviews'])
    const evil = await builder.commit('core: x', { files: { 'nix/swarm.nix': 'evil\n' } })
    await builder.push('origin', 'HEAD:reviews')
    const review = await aside(scene, 'M2', claim)
    for (const commit of [evil, review]) {
      expect(await scene.gate({ reviewBranch: 'reviews', commit })).toMatchObject({ code: 2 })
    }
  })
})
