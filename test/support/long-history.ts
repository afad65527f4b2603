import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { deflateSync } from 'node:zlib'
import { sha256 } from '../../src/lib/canonical.ts'
import type { Policy } from '../../src/record/policy.ts'
import { printMessage } from '../../src/record/trailers.ts'
import { allowedSigners, testGit } from './repo.ts'

/** A bare repository with a long history, as a server has it after its housekeeping. */
export interface LongHistory {
  readonly dir: string
  readonly remote: string
  readonly url: string
  readonly signers: string
  /** Path of the reviewer's private key. */
  readonly key: string
  readonly tip: string
  /** The review file at the tip. */
  readonly path: string
  /** Bytes of the review file at the tip. */
  readonly bytes: number
  /** What a gate can be asked for, oldest first. */
  readonly milestones: readonly string[]
  dispose(): Promise<void>
}

export interface LongHistoryOptions {
  /** All commits, claims and reviews included. */
  readonly commits: number
  /** Signed reviews, each of a claim of its own. */
  readonly reviews: number
  /** Bytes of one section, about. */
  readonly section?: number
  /** Default: a new folder below the system's. */
  readonly dir?: string
}

const run = promisify(execFile)
const day = 86_400_000
const states = 50

/**
 * Objects are written as one pack, without a process for each commit; signatures are made by ssh-keygen.
 *
 * The last review is a few minutes old, so that a gate is open.
 */
export async function makeLongHistory(options: LongHistoryOptions): Promise<LongHistory> {
  const { commits, reviews, section: sectionBytes = 2000 } = options
  const dir = options.dir ?? (await mkdtemp(join(tmpdir(), 'adversary-long-')))
  await mkdir(dir, { recursive: true })
  const remote = join(dir, 'remote.git')
  const key = join(dir, 'reviewer.key')
  await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', '', '-f', key])
  const [kind = '', blob = ''] = (await readFile(`${key}.pub`, 'utf8')).trim().split(' ')
  const signers = allowedSigners([['adversary@example.test', { path: key, publicKey: `${kind} ${blob}` }]])

  const pack = packOf()
  const path = 'machine-docs/REVIEW-long.md'
  const milestones = Array.from({ length: Math.min(reviews, 20) }, (_, index) => `M${index + 1}`)
  const policy: Policy = {
    phase: 'long',
    branch: 'main',
    review: path,
    milestones: milestones.map(milestone => ({
      milestone,
      needs: [],
      watchPaths: ['nix'],
      maxAge: 30 * day,
      checks: sha256(milestone)
    }))
  }

  const readme = pack.add('blob', '# a repo\n')
  const nix = pack.tree([['100644', 'swarm.nix', pack.add('blob', '{ }\n')]])
  const sources = Array.from({ length: states }, (_, state) =>
    pack.tree([['100644', 'version', pack.add('blob', `${state}\n`)]])
  )
  let evidence: (readonly [string, string, string])[] = []
  let docs: string | null = null
  const rootOf = (state: number) =>
    pack.tree([
      ['100644', 'README.md', readme],
      ...(docs === null ? [] : [['40000', 'machine-docs', docs] as const]),
      ['40000', 'nix', nix],
      ['40000', 'src', sources[state % states] ?? '']
    ])

  const every = Math.floor(commits / reviews)
  const start = Math.floor(Date.now() / 1000) - commits * 10 - 300
  let file = Buffer.from('# REVIEW — phase long (Adversary)\n')
  let parent: string | null = null
  let roots = Array.from({ length: states }, (_, state) => rootOf(state))
  for (let n = 0; n < commits; n += 1) {
    const at = start + n * 10
    const within = n % every
    const review = Math.floor(n / every)
    if (review < reviews && within === every - 1) {
      const milestone = milestones[review % milestones.length] ?? ''
      const added = Buffer.from(`\n---\n\n${sectionText(milestone, sectionBytes)}`)
      file = Buffer.concat([file, added])
      const claim = parent ?? ''
      const facts = `${JSON.stringify({ phase: 'long', milestone, claim, plan: sha256('plan'), verdict: 'PASS', checks: [{ outcome: 'pass' }] })}\n`
      const name = `long-${milestone}-${claim.slice(0, 12)}.json`
      evidence = [...evidence, ['100644', name, pack.add('blob', facts)]]
      docs = pack.tree([
        ['100644', 'REVIEW-long.md', pack.add('blob', file)],
        ['40000', 'evidence', pack.tree(evidence)]
      ])
      roots = Array.from({ length: states }, (_, state) => rootOf(state))
      const message = printMessage({
        phase: 'long',
        milestone,
        title: `${milestone} PASS`,
        body: `${milestone} PASS: all checks passed.`,
        claim,
        verdict: 'PASS',
        supersedes: [],
        findings: [],
        vetoes: [],
        section: { path, digest: sha256(review === 0 ? file : added) },
        plan: sha256('plan'),
        evidence: { path: `machine-docs/evidence/${name}`, digest: sha256(facts) },
        policy,
        accept: null,
        removed: [],
        repo: null
      })
      const who = `adversary-bot <adversary@example.test> ${at} +0000`
      const head = `tree ${roots[n % states]}\nparent ${claim}\nauthor ${who}\ncommitter ${who}\n`
      const signature = await sign(dir, key, `${head}\n${message}`)
      const folded = signature.trimEnd().replaceAll('\n', '\n ')
      parent = pack.add('commit', `${head}gpgsig ${folded}\n\n${message}`)
      continue
    }
    const claims = review < reviews && within === every - 2
    const subject: string = claims
      ? `claim(long-${milestones[review % milestones.length]}): done`
      : `core: change ${n}`
    const who = `builder <builder@example.test> ${at} +0000`
    const ancestry: string = parent === null ? '' : `parent ${parent}\n`
    parent = pack.add(
      'commit',
      `tree ${roots[n % states]}\n${ancestry}author ${who}\ncommitter ${who}\n\n${subject}\n`
    )
  }

  await testGit(dir, ['init', '--quiet', '--bare', '--initial-branch=main', remote])
  await writeFile(join(dir, 'objects.pack'), pack.bytes())
  await testGit(remote, ['index-pack', '--stdin'], { input: await readFile(join(dir, 'objects.pack')) })
  await rm(join(dir, 'objects.pack'))
  await testGit(remote, ['update-ref', 'refs/heads/main', parent ?? ''])
  await testGit(remote, ['-c', 'gc.auto=1', 'gc', '--quiet'])
  await writeFile(join(dir, 'allowed_signers'), signers)
  return {
    dir,
    remote,
    url: `file://${remote}`,
    signers,
    key,
    tip: parent ?? '',
    path,
    bytes: file.length,
    milestones,
    dispose: () => rm(dir, { recursive: true, force: true, maxRetries: 3 })
  }
}

/** What a review of that size looks like: a heading, lists, fenced output, a folded part. */
export function sectionText(milestone: string, bytes: number): string {
  const head = `## ${milestone}: PASS @2026-06-13T05:33Z\n\n**Claim:** done\n\n### Cold-run evidence\n\n`
  const check = [
    '**1. All services run** ✓\n',
    "```\n$ docker service ls --format '{{.Name}} {{.Replicas}}'",
    ...Array.from({ length: 6 }, (_, index) => `service-${index} 1/1`),
    '```\n',
    '- 6 of 6 services run every task that they want',
    '- the list was not empty\n',
    '<details><summary>the whole output</summary>\n',
    '```json',
    '{"Name":"service-0","Replicas":"1/1"}',
    '```\n',
    '</details>\n',
    ''
  ].join('\n')
  const times = Math.max(1, Math.round((bytes - head.length) / check.length))
  return `${head}${check.repeat(times)}**${milestone} PASS — all checks passed.**\n`
}

async function sign(dir: string, key: string, payload: string): Promise<string> {
  const file = join(dir, 'payload')
  await writeFile(file, payload)
  await rm(`${file}.sig`, { force: true })
  await run('ssh-keygen', ['-q', '-Y', 'sign', '-n', 'git', '-f', key, file])
  return readFile(`${file}.sig`, 'utf8')
}

type Entry = readonly [mode: string, name: string, sha: string]

/** A pack of whole objects. */
export function packOf() {
  const types = { commit: 1, tree: 2, blob: 3 } as const
  const known = new Set<string>()
  const parts: Buffer[] = []
  const add = (type: keyof typeof types, content: string | Buffer): string => {
    const bytes = Buffer.from(content)
    const sha = createHash('sha1').update(`${type} ${bytes.length}\0`).update(bytes).digest('hex')
    if (known.has(sha)) return sha
    known.add(sha)
    const head: number[] = []
    let rest = Math.floor(bytes.length / 16)
    let byte = (types[type] << 4) | (bytes.length % 16)
    while (rest > 0) {
      head.push(byte | 0x80)
      byte = rest % 128
      rest = Math.floor(rest / 128)
    }
    parts.push(Buffer.from([...head, byte]), deflateSync(bytes, { level: 1 }))
    return sha
  }
  return {
    add,
    tree: (entries: readonly Entry[]) =>
      add(
        'tree',
        Buffer.concat(
          [...entries]
            .sort((a, b) => (sortName(a) < sortName(b) ? -1 : 1))
            .flatMap(([mode, name, sha]) => [Buffer.from(`${mode} ${name}\0`), Buffer.from(sha, 'hex')])
        )
      ),
    bytes() {
      const head = Buffer.alloc(12)
      head.write('PACK')
      head.writeUInt32BE(2, 4)
      head.writeUInt32BE(known.size, 8)
      const body = Buffer.concat([head, ...parts])
      return Buffer.concat([body, createHash('sha1').update(body).digest()])
    }
  }
}

function sortName([mode, name]: Entry): string {
  return mode === '40000' ? `${name}/` : name
}
