import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { sha256 } from '../../src/lib/canonical.ts'
import type { GateOptions } from '../../src/gate/gate.ts'
import {
  commitForgery,
  forge,
  type Forgery,
  putRawCommit,
  putRawTree,
  rawCommit,
  reviewerPerson,
  signedRaw,
  treeEntry
} from '../support/forge.ts'
import { type Base, gateTime, type GateWorld, makeGateWorld, path, type Scene } from '../support/gate.ts'
import { mouthsOf } from '../support/mouths.ts'
import { day, policy } from '../support/reviews.ts'

let context: GateWorld
beforeAll(async () => {
  context = await makeGateWorld()
})
afterAll(() => context.dispose())

type Attack = (scene: Scene) => Promise<unknown>
type Row = readonly [name: string, base: Base, code: number, attack: Attack, options?: Partial<GateOptions>]

const lines = (text: string) => text.split('\n')
const heading = '## M2: PASS @2026-06-13T07:00Z'
const append =
  (text: string): Attack =>
  scene =>
    scene.append(`\n${text}\n`)
const pass = (scene: Scene): Forgery => ({ claim: scene.at.claim2, verdict: 'PASS' })
/** A review that only its signature or form makes false. */
const forged =
  (how: (scene: Scene) => Partial<Forgery>): Attack =>
  scene =>
    forge(scene, { ...pass(scene), ...how(scene) })
/** The same, by the reviewer's own key: what a fault of the reviewer's could look like. */
const bySigner = (how: Partial<Forgery> | ((scene: Scene) => Partial<Forgery>)): Attack =>
  forged(scene => ({
    key: scene.keys.reviewer,
    author: reviewerPerson,
    ...(typeof how === 'function' ? how(scene) : how)
  }))
const mangled = (mangle: (message: string) => string): Attack => bySigner({ mangle })
const tree =
  (...entries: readonly string[]): Attack =>
  async scene => {
    const { builder } = scene
    await builder.git(['rm', '--quiet', '--cached', '-r', '--ignore-unmatch', '--', path])
    for (const entry of entries) {
      const [mode = '', name = ''] = entry.split(' ')
      const blob = await builder.git(['hash-object', '-w', '--stdin'], { input: '/etc/passwd' })
      const sha = mode === '160000' ? scene.at.claim1 : blob
      await builder.git(['update-index', '--add', '--cacheinfo', `${mode},${sha},${name}`])
    }
    await builder.git(['commit', '--quiet', '-m', 'core: tidy'])
    await builder.push('origin', 'HEAD:main')
  }
const twin =
  (name: string): Attack =>
  async scene => {
    const blob = await scene.builder.git(['hash-object', '-w', '--stdin'], { input: `${heading}\n` })
    await scene.builder.git(['update-index', '--add', '--cacheinfo', `100644,${blob},${name}`])
    await scene.builder.git(['commit', '--quiet', '-m', 'docs: another'])
    await scene.builder.push('origin', 'HEAD:main')
  }
/** Changes the object of the newest review and keeps its signature. */
const tampered =
  (change: (raw: string) => string): Attack =>
  async scene => {
    const raw = await rawCommit(scene, scene.at.review2)
    const changed = change(raw)
    expect(changed).not.toBe(raw)
    await putRawCommit(scene, changed)
  }
const signature = (raw: string) => /^gpgsig [\s\S]*?-----END SSH SIGNATURE-----\n/m.exec(raw)?.[0] ?? ''
/** A PASS by the former key, whose header says something that git would not write. */
const expiredRaw =
  (change: (raw: string) => string): Attack =>
  async scene => {
    const sha = await commitForgery(scene, { ...pass(scene), author: reviewerPerson })
    const raw = await rawCommit(scene, sha)
    const changed = change(raw)
    expect(changed).not.toBe(raw)
    await putRawCommit(scene, await signedRaw(scene, changed, scene.keys.expired))
  }
const committer = /^committer (.*) (\d+) \+0000$/m
/** Before the former key expired, in seconds since 1970. */
const once = 1_777_600_000

const text: readonly Row[] = [
  ['a heading typed by hand', 'claimed', 3, append(heading)],
  ['a heading typed by hand where no review file is', 'empty', 3, append(heading)],
  [
    'a heading typed by hand and claimed',
    'empty',
    3,
    async scene => {
      await scene.builder.commit('claim(pvfix-M2): x')
      await append(heading)(scene)
    }
  ],
  ['a PASS below the FAIL', 'failed', 1, append(heading)],
  ['a PASS in a fence', 'claimed', 2, append(`\`\`\`\n${heading}\n\`\`\``)],
  ['a PASS in a tilde fence', 'claimed', 2, append(`~~~~\n${heading}\n~~~~`)],
  ['a PASS in an indented block', 'claimed', 2, append(`    ${heading}`)],
  ['a PASS in an HTML comment', 'claimed', 2, append(`<!--\n${heading}\n-->`)],
  ['a PASS in a <pre>', 'claimed', 2, append(`<pre>\n\n${heading}\n</pre>`)],
  ['a PASS in a table', 'claimed', 2, append(`| a |\n| - |\n| ${heading} |`)],
  ['a PASS in a quote', 'claimed', 2, append(`> ${heading}`)],
  ['a PASS in a list', 'claimed', 2, append(`- ${heading}`)],
  ['a PASS as a setext heading', 'claimed', 2, append(`${heading.slice(3)}\n---`)],
  ['a PASS with an entity', 'claimed', 2, append('## M2&#58; PASS @2026-06-13T07:00Z')],
  ['a PASS in Cyrillic letters', 'claimed', 2, append('## M2: Р\u0410SS @2026-06-13T07:00Z')],
  ['a PASS written backwards', 'claimed', 2, append('## M2: \u202eSSAP\u202c @2026-06-13T07:00Z')],
  ['a PASS with invisible letters', 'claimed', 3, append('## M2: PA\u200bSS @2026-06-13T07:00Z')],
  ['a PASS in wide letters', 'claimed', 3, append('## Ｍ２： ＰＡＳＳ @2026-06-13T07:00Z')],
  ['a PASS with the line ends of Windows', 'claimed', 3, append(`${heading}\r`)],
  ['a PASS behind a byte order mark', 'claimed', 3, append(`\ufeff\n${heading}`)],
  ['a PASS with a byte order mark in it', 'claimed', 3, append(heading.replace('M2', '\ufeffM2'))],
  ['a PASS with the digits of another script', 'claimed', 2, append(heading.replace('2', '\u0662'))],
  ['a PASS with mathematical digits', 'claimed', 3, append(heading.replace('M2', 'M\u{1d7d0}'))],
  ['a PASS twice, once as text', 'claimed', 3, append(`    ${heading}\n\n${heading}`)],
  ['a bold PASS', 'claimed', 3, append('## **M2: PASS** @2026-06-13T07:00Z')],
  ['a PASS in lower case', 'claimed', 3, append('## m2: pass @2026-06-13T07:00Z')],
  [
    'the section of M1 copied for M2',
    'claimed',
    3,
    async scene => {
      const section = (await scene.builder.read(path)).split('---').at(-1) ?? ''
      await scene.append(section.replaceAll('M1', 'M2'))
    }
  ],
  [
    'the whole review file of another phase',
    'claimed',
    3,
    async scene => {
      const other = (await scene.builder.read(path)).replaceAll('M1', 'M2')
      await scene.builder.commit('docs: copy', { files: { 'machine-docs/REVIEW-other.md': other } })
      await scene.builder.commit('claim(other-M2): x')
      await scene.builder.push('origin', 'HEAD:main')
    },
    { gate: 'other-M2' }
  ]
]

const signatures: readonly Row[] = [
  ['an unsigned review', 'claimed', 3, forged(() => ({ author: reviewerPerson }))],
  [
    'an unsigned review after the FAIL',
    'failed',
    1,
    forged(() => ({ author: reviewerPerson, evidenceBytes: null }))
  ],
  ['a review by a key on no list', 'claimed', 3, forged(({ keys }) => ({ key: keys.builder }))],
  [
    "a review by the builder's key under the reviewer's name",
    'claimed',
    3,
    forged(({ keys }) => ({ key: keys.builder, author: reviewerPerson }))
  ],
  [
    'a review by an expired key',
    'claimed',
    3,
    forged(({ keys }) => ({ key: keys.expired, author: reviewerPerson }))
  ],
  [
    'a review by an expired key, backdated',
    'claimed',
    3,
    forged(({ keys }) => ({ key: keys.expired, author: reviewerPerson, date: '2026-05-01T00:00:00Z' }))
  ],
  [
    'a backdated review after the FAIL, to undo it',
    'failed',
    3,
    forged(({ keys }) => ({ key: keys.expired, author: reviewerPerson, date: '2026-05-01T00:00:00Z' }))
  ],
  [
    'a veto with a key that has expired since',
    'passed',
    3,
    async scene => {
      await scene.builder.pull()
      const vetoes = [{ milestone: 'M2', status: 'open' as const }]
      await forge(scene, { claim: null, milestone: null, vetoes, key: scene.keys.expired })
    }
  ],
  ['a review by a listed person', 'claimed', 3, forged(({ keys }) => ({ key: keys.alice }))],
  [
    'a review by a listed person after the FAIL',
    'failed',
    1,
    forged(({ keys }) => ({ key: keys.alice, evidenceBytes: null }))
  ],
  [
    'a signature made for files',
    'claimed',
    3,
    async scene => {
      const sha = await commitForgery(scene, { ...pass(scene), author: reviewerPerson })
      await putRawCommit(
        scene,
        await signedRaw(scene, await rawCommit(scene, sha), scene.keys.reviewer, 'file')
      )
    }
  ],
  [
    'a signature taken from another review',
    'claimed',
    3,
    async scene => {
      const sha = await commitForgery(scene, { ...pass(scene), author: reviewerPerson })
      const stolen = signature(await rawCommit(scene, scene.at.review1))
      await putRawCommit(scene, (await rawCommit(scene, sha)).replace('\n\n', `\n${stolen}\n`))
    }
  ],
  ['a FAIL whose message was changed to PASS', 'failed', 3, tampered(raw => raw.replaceAll('FAIL', 'PASS'))],
  [
    'a FAIL whose tree was changed',
    'failed',
    3,
    async scene => {
      const files = { [path]: (await scene.builder.read(path)).replace('M2: FAIL', 'M2: PASS') }
      const sha = await scene.builder.commit('core: x', { files })
      const other = await scene.builder.git(['rev-parse', `${sha}^{tree}`])
      await tampered(raw => raw.replace(/^tree \w+/, `tree ${other}`))(scene)
    }
  ],
  [
    'a PASS moved onto another parent',
    'passed',
    3,
    async scene => {
      await scene.builder.git(['reset', '--quiet', '--hard', scene.at.claim2])
      const parent = await scene.builder.commit('core: bad', { files: { 'nix/swarm.nix': 'bad\n' } })
      await tampered(raw => raw.replace(/^parent \w+/m, `parent ${parent}`))(scene)
    }
  ],
  [
    'a PASS with a second parent',
    'passed',
    3,
    tampered(raw => raw.replace(/^parent (\w+)\n/m, 'parent $1\nparent $1\n'))
  ],
  [
    'a review dated anew',
    'passed',
    3,
    tampered(raw => raw.replace(/^(committer .*) \d+ /m, '$1 1999999999 '))
  ],
  [
    'a signature in the header of another hash',
    'passed',
    3,
    tampered(raw => raw.replace('gpgsig ', 'gpgsig-sha256 '))
  ],
  ['a signature without its header', 'passed', 3, tampered(raw => raw.replace(signature(raw), ''))],
  [
    'a header added beside the signature',
    'passed',
    3,
    tampered(raw => raw.replace('gpgsig ', 'encoding ISO-8859-1\ngpgsig '))
  ],
  [
    'an expired key, one date for the signature and one for the reader',
    'claimed',
    3,
    expiredRaw(raw => raw.replace(committer, `committer $1 ${once} +0000\ncommitter $1 $2 +0000`))
  ],
  [
    'the same with the dates the other way round',
    'claimed',
    3,
    expiredRaw(raw => raw.replace(committer, `committer $1 $2 +0000\ncommitter $1 ${once} +0000`))
  ],
  [
    'an expired key and a committer before the author',
    'claimed',
    3,
    expiredRaw(raw => raw.replace(/^author/m, `committer x <x@example.test> ${once} +0000\nauthor`))
  ],
  [
    'an expired key and a date beyond all calendars',
    'claimed',
    3,
    expiredRaw(raw => raw.replace(committer, 'committer $1 18446744073709551615 +0000'))
  ],
  [
    'an expired key and a date before 1970',
    'claimed',
    3,
    expiredRaw(raw => raw.replace(committer, 'committer $1 -1 +0000'))
  ],
  [
    'an expired key in a zone that there is not',
    'claimed',
    3,
    expiredRaw(raw => raw.replace(committer, 'committer $1 $2 +9959'))
  ],
  [
    'an expired key and no date at all',
    'claimed',
    3,
    expiredRaw(raw => raw.replace(committer, 'committer $1'))
  ],
  [
    'an expired key and a name that holds a date',
    'claimed',
    3,
    expiredRaw(raw => raw.replace(committer, `committer x <x> ${once} +0000 <y> $2 +0000`))
  ],
  [
    'an expired key on a branch from before all reviews, in a file of its own',
    'claimed',
    3,
    async scene => {
      const [root = ''] = lines(await scene.builder.git(['rev-list', '--max-parents=0', 'HEAD']))
      await scene.builder.git(['checkout', '--quiet', '-b', 'old', root])
      const claim = await scene.builder.commit('claim(pvfix-M2): long ago', { date: '2026-05-01T00:00:00Z' })
      await commitForgery(scene, {
        claim,
        key: scene.keys.expired,
        author: reviewerPerson,
        date: '2026-05-02T00:00:00Z'
      })
      await scene.builder.git(['checkout', '--quiet', 'main'])
      await scene.builder.git(['merge', '--quiet', '-X', 'ours', '-m', 'core: merge', 'old'])
      await scene.builder.push('origin', 'HEAD:main')
    }
  ],
  [
    'a second signature beside the first',
    'passed',
    3,
    tampered(raw => raw.replace(signature(raw), signature(raw) + signature(raw)))
  ],
  [
    'a signature of the other hash beside the first, which no signature covers',
    'passed',
    3,
    tampered(raw =>
      raw.replace(signature(raw), signature(raw) + signature(raw).replace('gpgsig ', 'gpgsig-sha256 '))
    )
  ],
  [
    "the builder's signature before the reviewer's",
    'claimed',
    3,
    async scene => {
      const sha = await commitForgery(scene, { ...pass(scene), author: reviewerPerson })
      const own = await signedRaw(scene, await rawCommit(scene, sha), scene.keys.builder)
      const stolen = signature(await rawCommit(scene, scene.at.review1))
      await putRawCommit(scene, own.replace(signature(own), signature(own) + stolen))
    }
  ],
  [
    'a tag of a merge added to the header',
    'passed',
    3,
    tampered(raw => raw.replace('gpgsig ', `mergetag object ${'a'.repeat(40)}\n type commit\ngpgsig `))
  ],
  [
    'a message in another encoding than its header says',
    'passed',
    3,
    tampered(raw => raw.replace('gpgsig ', 'encoding UTF-7\ngpgsig '))
  ],
  [
    'a rebase that signs nothing',
    'passed',
    3,
    async scene => {
      await scene.builder.git(['rebase', '--quiet', '--force-rebase', '--no-gpg-sign', '--root'])
      await scene.builder.push('--force', 'origin', 'HEAD:main')
    }
  ],
  [
    'an amended claim with the reviews picked onto it',
    'passed',
    3,
    async scene => {
      await scene.builder.git(['reset', '--quiet', '--hard', `${scene.at.claim2}^`])
      await scene.builder.commit('claim(pvfix-M2): something else', { files: { 'nix/swarm.nix': 'bad\n' } })
      await scene.builder.git(['cherry-pick', scene.at.review2])
      await scene.builder.push('--force', 'origin', 'HEAD:main')
    }
  ],
  [
    'a review picked onto another branch',
    'passed',
    3,
    async scene => {
      await scene.builder.git(['checkout', '--quiet', '-b', 'other', scene.at.claim2])
      await scene.builder.commit('core: bad', { files: { 'nix/swarm.nix': 'bad\n' } })
      await scene.builder.git(['cherry-pick', scene.at.review2])
      await scene.builder.push('origin', 'other')
    },
    { branch: 'other' }
  ],
  [
    'a branch made of the reviewed one',
    'passed',
    2,
    async scene => {
      await scene.builder.commit('core: bad', { files: { 'nix/swarm.nix': 'bad\n' } })
      await scene.builder.push('origin', 'HEAD:other')
    },
    { branch: 'other' }
  ],
  [
    'a .mailmap that makes the builder the reviewer',
    'claimed',
    3,
    async scene => {
      await scene.builder.commit('docs: names', {
        files: { '.mailmap': 'adversary-bot <adversary@example.test> <builder@example.test>\n' }
      })
      await forged(({ keys }) => ({ key: keys.builder }))(scene)
    }
  ],
  [
    'a list of signers inside the repo',
    'claimed',
    3,
    async scene => {
      const line = `adversary namespaces="git" ${scene.keys.builder.publicKey}\n`
      await scene.builder.commit('docs: signers', {
        files: { allowed_signers: line, '.ssh/allowed_signers': line }
      })
      await forged(({ keys }) => ({ key: keys.builder }))(scene)
    }
  ]
]

const messages: readonly Row[] = [
  [
    'a trailer in the middle',
    'claimed',
    3,
    mangled(message => message.replace('Said by', 'Adversary-Verdict: pvfix-M2 PASS\nSaid by'))
  ],
  [
    'a folded trailer',
    'claimed',
    3,
    mangled(message => message.replace('pvfix-M2 PASS\nAdv', 'pvfix-M2\n PASS\nAdv'))
  ],
  [
    'a doubled trailer',
    'claimed',
    3,
    mangled(message => message.replace('Adversary-Plan', 'Adversary-Verdict: pvfix-M2 PASS\nAdversary-Plan'))
  ],
  [
    'two verdicts',
    'claimed',
    3,
    mangled(message => message.replace('Adversary-Plan', 'Adversary-Verdict: pvfix-M2 FAIL\nAdversary-Plan'))
  ],
  [
    'trailers of a FAIL made unreadable',
    'failed',
    3,
    bySigner({ verdict: 'FAIL', mangle: message => message.replace('Adversary-Claim', 'Adversary-Claims') })
  ],
  [
    'another milestone in the subject',
    'claimed',
    3,
    mangled(message => message.replace('review(pvfix-M2)', 'review(pvfix-M1)'))
  ],
  [
    'words behind a NUL that would be a review to whoever reads on',
    'failed',
    1,
    async scene => {
      await scene.builder.pull()
      const raw = await rawCommit(scene, await scene.builder.commit('core: x'))
      const said = await scene.builder.git(['log', '-1', '--format=%B', scene.at.review2])
      const person = ['adversary-bot', 'adversary@example.test', '1781352000']
      const fields = [
        scene.at.review2,
        scene.at.claim2,
        ...person,
        ...person,
        said.replaceAll('FAIL', 'PASS')
      ]
      await putRawCommit(scene, raw.replace('core: x', ['core: x', ...fields].join('\0')))
    }
  ],
  [
    'the same in an encoding in which every other byte is a NUL',
    'failed',
    1,
    async scene => {
      await scene.builder.pull()
      const raw = await rawCommit(scene, await scene.builder.commit('core: x'))
      await putRawCommit(scene, raw.replace('\n\ncore', '\nencoding UTF-16LE\n\ncore'))
    }
  ],
  [
    'trailers in another case',
    'claimed',
    3,
    mangled(message => message.replace('Adversary-Verdict', 'adversary-verdict'))
  ],
  [
    'a trailer with a letter that lower-cases to its own',
    'claimed',
    3,
    mangled(message => message.replace('Adversary-Verdict', 'Adver\u017fary-Verdict'))
  ],
  [
    'trailers with the line ends of Windows',
    'claimed',
    3,
    mangled(message => message.replaceAll('\n', '\r\n'))
  ],
  ['a byte order mark before the subject', 'claimed', 3, mangled(message => `\ufeff${message}`)],
  ['a claim of another milestone', 'claimed', 3, bySigner(scene => ({ claim: scene.at.claim1 }))],
  ['a claim that is no claim', 'claimed', 3, bySigner(scene => ({ claim: scene.at.patch }))],
  ['a claim that is nowhere', 'claimed', 3, bySigner({ claim: 'f'.repeat(40) })],
  [
    'a claim of another branch',
    'empty',
    3,
    async scene => {
      await scene.builder.git(['checkout', '--quiet', '-b', 'side'])
      const claim = await scene.builder.commit('claim(pvfix-M2): aside')
      await scene.builder.push('origin', 'side')
      await scene.builder.git(['checkout', '--quiet', 'main'])
      await bySigner({ claim })(scene)
    }
  ],
  [
    'a claim that came after its review',
    'claimed',
    3,
    async scene => {
      await scene.builder.git(['checkout', '--quiet', '-b', 'side'])
      const claim = await scene.builder.commit('claim(pvfix-M2): later')
      await scene.builder.git(['checkout', '--quiet', 'main'])
      await bySigner({ claim })(scene)
      await scene.builder.git(['merge', '--quiet', '-m', 'core: merge', 'side'])
      await scene.builder.push('origin', 'HEAD:main')
    }
  ],
  [
    'trailers that say PASS over a section that says FAIL',
    'claimed',
    3,
    bySigner({ section: '## M2: FAIL @2026-06-13T07:00Z\n' })
  ],
  [
    'trailers that say FAIL over a section that says PASS',
    'claimed',
    3,
    bySigner({ verdict: 'FAIL', section: `${heading}\n` })
  ],
  [
    'the section of another milestone',
    'claimed',
    3,
    bySigner({ section: '## M1: PASS @2026-06-13T07:00Z\n' })
  ],
  [
    'two verdicts in one section',
    'claimed',
    3,
    bySigner({ section: `${heading}\n\n## M1: PASS @2026-06-13T07:00Z\n` })
  ],
  ['a section without a heading', 'claimed', 3, bySigner({ section: 'M2 is fine.\n' })],
  ['a section whose heading stands in a quote', 'claimed', 3, bySigner({ section: `> ${heading}\n` })],
  [
    'a section that an open fence swallows',
    'claimed',
    3,
    async scene => {
      await scene.append('\n```\n')
      await bySigner({})(scene)
    }
  ],
  [
    'a section that an open comment swallows',
    'claimed',
    3,
    async scene => {
      await scene.append('\n<!-- \n')
      await bySigner({})(scene)
    }
  ],
  [
    'other bytes than the section that was signed',
    'claimed',
    3,
    bySigner({ swap: appended => `${appended}\nmore\n` })
  ],
  ['no bytes at all for the section', 'claimed', 3, bySigner({ swap: () => '' })],
  [
    'a section that also changes what was there',
    'failed',
    3,
    async scene => {
      const there = await scene.builder.read(path)
      const files = { [path]: there.replace('M2: FAIL', 'M2: FINE') }
      await scene.builder.commit('docs: typo', { files })
      await bySigner({})(scene)
    }
  ],
  [
    'a policy of another phase',
    'claimed',
    3,
    mangled(message => message.replace('"phase":"pvfix"', '"phase":"other"'))
  ],
  [
    'a policy without the milestone',
    'claimed',
    3,
    mangled(message => message.replace('"milestone":"M2"', '"milestone":"M3"'))
  ],
  [
    'a policy of another file',
    'claimed',
    3,
    bySigner({ policy: { review: 'machine-docs/REVIEW-other.md' } })
  ],
  [
    'a plan other than the evidence names',
    'claimed',
    3,
    mangled(message => message.replace(/(Adversary-Plan: sha256:)\w{8}/, '$100000000'))
  ],
  ['evidence that says FAIL', 'claimed', 3, bySigner({ evidence: { verdict: 'FAIL' } })],
  ['evidence of another claim', 'claimed', 3, bySigner(scene => ({ evidence: { claim: scene.at.claim1 } }))],
  ['evidence of another milestone', 'claimed', 3, bySigner({ evidence: { milestone: 'M1' } })],
  ['evidence of another phase', 'claimed', 3, bySigner({ evidence: { phase: 'other' } })],
  [
    'evidence with a failed check',
    'claimed',
    3,
    bySigner({ evidence: { checks: [{ outcome: 'pass' }, { outcome: 'fail' }] } })
  ],
  [
    'evidence with a check that saw nothing',
    'claimed',
    3,
    bySigner({ evidence: { checks: [{ outcome: 'pass' }, { outcome: 'unknown' }] } })
  ],
  ['evidence with no check', 'claimed', 3, bySigner({ evidence: { checks: [] } })],
  [
    'evidence with an obstacle',
    'claimed',
    3,
    bySigner({ evidence: { checks: [{ outcome: 'pass' }], obstacles: ['M1'] } })
  ],
  ['evidence that is not there', 'claimed', 3, bySigner({ evidenceBytes: null })],
  ['evidence with other bytes', 'claimed', 3, bySigner({ evidenceBytes: '{}' })],
  [
    'a merge that says it is a review',
    'claimed',
    3,
    async scene => {
      await scene.builder.git(['checkout', '--quiet', '-b', 'side', scene.at.patch])
      await scene.builder.commit('core: side')
      await scene.builder.git(['checkout', '--quiet', 'main'])
      const sha = await commitForgery(scene, { ...pass(scene), author: reviewerPerson })
      const [tree = '', message = ''] = [
        await scene.builder.git(['rev-parse', `${sha}^{tree}`]),
        await scene.builder.git(['log', '-1', '--format=%B', sha])
      ]
      const settings = ['-c', 'gpg.format=ssh', '-c', `user.signingkey=${scene.keys.reviewer.path}`]
      const merge = await scene.builder.git(
        [...settings, 'commit-tree', '-S', tree, '-p', `${sha}^`, '-p', 'side', '-F', '-'],
        { input: message }
      )
      await scene.builder.git(['push', '--quiet', 'origin', `${merge}:refs/heads/main`])
    }
  ]
]

const merge =
  (args: readonly string[]): Attack =>
  async scene => {
    await scene.builder.git(['checkout', '--quiet', '-b', 'old', scene.at.review2])
    await scene.builder.commit('core: old')
    await scene.builder.git(['merge', '--quiet', '-m', 'core: merge', ...args, 'main'])
    await scene.builder.push('origin', 'HEAD:main')
  }

const edits: readonly Row[] = [
  ['an edited verdict', 'failed', 3, scene => scene.edit('M2: FAIL', 'M2: PASS')],
  ['an edited verdict of another milestone', 'passed', 3, scene => scene.edit('M1: PASS', 'M1: FAIL')],
  ['one space added', 'passed', 3, scene => scene.edit('## Said', '##  Said')],
  ['a deleted FAIL section', 'failed', 3, scene => scene.edit(/\n---\n\n## M2: FAIL[\s\S]*$/, '')],
  ['a deleted first section', 'passed', 3, scene => scene.edit(/\n---\n\n## Said\n/, '')],
  [
    'reordered sections',
    'failed',
    3,
    scene => scene.edit(/(\n---\n\n## M1[\s\S]*?)(\n---\n\n## M2[\s\S]*)$/, '$2$1')
  ],
  ['a FAIL hidden in a comment', 'failed', 3, scene => scene.edit('## M2: FAIL', '<!--\n## M2: FAIL')],
  ['other line ends', 'passed', 3, scene => scene.edit(/\n/g, '\r\n')],
  ['a byte order mark', 'passed', 3, scene => scene.edit(/^/, '\ufeff')],
  ['the last line break removed', 'passed', 3, scene => scene.edit(/\n$/, '')],
  ['an emptied file', 'failed', 3, scene => scene.edit(/[\s\S]+/, '')],
  ['a deleted file', 'failed', 3, tree()],
  [
    'a file renamed by case',
    'failed',
    3,
    async scene => {
      await scene.builder.git(['mv', path, 'machine-docs/review-pvfix.md'])
      await scene.builder.git(['commit', '--quiet', '-m', 'docs: rename'])
      await scene.builder.push('origin', 'HEAD:main')
    }
  ],
  ['a symlink for the file', 'passed', 3, tree(`120000 ${path}`)],
  ['a folder for the file', 'passed', 3, tree(`100644 ${path}/x`)],
  ['a submodule for the file', 'passed', 3, tree(`160000 ${path}`)],
  ['a twin by case', 'passed', 3, twin('machine-docs/REVIEW-PVFIX.md')],
  ['a twin by Unicode form', 'passed', 3, twin('machine-docs/REVIEW-pv\ufb01x.md')],
  ['a twin of the folder', 'passed', 3, twin('Machine-Docs/REVIEW-pvfix.md')],
  ['a twin by a sign that cannot be seen', 'passed', 3, twin('machine-docs/REVIEW-pv\u200bfix.md')],
  ['a twin by a word joiner', 'passed', 3, twin('machine-docs/REVIEW-pvfix\u2060.md')],
  ['a twin by a mark of direction', 'passed', 3, twin('machine-docs/\u202aREVIEW-pvfix\u202c.md')],
  ['a twin by a variation selector', 'passed', 3, twin('machine-docs/REVIEW-pvfix.md\ufe0e')],
  ['a twin by a Cyrillic letter', 'passed', 3, twin('machine-docs/REVIEW-pvf\u0456x.md')],
  ['a twin by a Greek letter', 'passed', 3, twin('machine-docs/REVIEW-p\u03bdfix.md')],
  ['a twin by mathematical letters', 'passed', 3, twin('machine-docs/REVIEW-\u{1d429}vfix.md')],
  ['a twin by another hyphen', 'passed', 3, twin('machine-docs/REVIEW\u2010pvfix.md')],
  ['a twin by case and a letter of another script', 'passed', 3, twin('machine-docs/review-pvf\u0456x.md')],
  ['a twin of the folder by a Cyrillic letter', 'passed', 3, twin('m\u0430chine-docs/REVIEW-pvfix.md')],
  ['a veto taken out', 'vetoed', 3, scene => scene.edit(/\n## VETO M2.*\n/, '')],
  [
    'a veto reverted',
    'vetoed',
    3,
    async scene => {
      await scene.builder.git(['revert', '--no-edit', scene.at.veto])
      await scene.builder.push('origin', 'HEAD:main')
    }
  ],
  ['a veto merged away with -s ours', 'vetoed', 3, merge(['-s', 'ours'])],
  [
    'an octopus that takes the oldest side',
    'failed',
    3,
    async scene => {
      const { builder, at } = scene
      const side = await builder.git([
        'commit-tree',
        `${at.claim2}^{tree}`,
        '-p',
        at.patch,
        '-m',
        'core: side'
      ])
      const tip = await builder.git(['rev-parse', 'origin/main'])
      const parents = [side, at.claim2, tip].flatMap(parent => ['-p', parent])
      const merge = await builder.git(['commit-tree', `${at.claim2}^{tree}`, ...parents, '-m', 'core: three'])
      await builder.git(['push', '--quiet', '--force', 'origin', `${merge}:refs/heads/main`])
    }
  ],
  [
    'the file twice in one tree',
    'failed',
    3,
    async scene => {
      await scene.builder.pull()
      const text = (await scene.builder.read(path)).replaceAll('FAIL', 'PASS')
      const blob = await scene.builder.git(['hash-object', '-w', '--stdin'], { input: text })
      await putRawTree(scene, 'machine-docs', bytes =>
        Buffer.concat([treeEntry('100644', 'REVIEW-pvfix.md', blob), bytes])
      )
    }
  ],
  [
    'the file with a mode that git does not write',
    'failed',
    3,
    async scene => {
      await scene.builder.pull()
      const blob = await scene.builder.git(['rev-parse', `HEAD:${path}`])
      await putRawTree(scene, 'machine-docs', bytes => {
        const entry = treeEntry('100644', 'REVIEW-pvfix.md', blob)
        const at = bytes.indexOf(entry)
        const odd = treeEntry('644', 'REVIEW-pvfix.md', blob)
        return Buffer.concat([bytes.subarray(0, at), odd, bytes.subarray(at + entry.length)])
      })
    }
  ],
  [
    'a folder with a leading zero in its mode',
    'failed',
    1,
    async scene => {
      await scene.builder.pull()
      await putRawTree(scene, '', bytes => {
        const at = bytes.indexOf('40000 machine-docs')
        return Buffer.concat([bytes.subarray(0, at), Buffer.from('0'), bytes.subarray(at)])
      })
    }
  ],
  [
    'a twin whose name is no UTF-8',
    'failed',
    1,
    async scene => {
      await scene.builder.pull()
      const blob = await scene.builder.git(['hash-object', '-w', '--stdin'], { input: heading })
      await putRawTree(scene, 'machine-docs', bytes => {
        const at = bytes.indexOf('40000 evidence')
        const entry = treeEntry('100644', 'REVIEW-pvfix\xff.md', blob)
        return Buffer.concat([bytes.subarray(0, at), entry, bytes.subarray(at)])
      })
    }
  ],
  [
    'a twin whose name is no UTF-8, out of order',
    'failed',
    3,
    async scene => {
      await scene.builder.pull()
      const blob = await scene.builder.git(['hash-object', '-w', '--stdin'], { input: heading })
      await putRawTree(scene, 'machine-docs', bytes =>
        Buffer.concat([treeEntry('100644', 'REVIEW-pvfix\xff.md', blob), bytes])
      )
    }
  ],
  ['a veto kept by an honest merge', 'vetoed', 1, merge([])],
  [
    'a veto lifted by what a host printed, behind a fence that the builder left open',
    'vetoed',
    1,
    async scene => {
      await scene.builder.pull()
      await scene.append('\n```\n')
      const printed = '```\n$ cat /srv/start\n## VETO LIFTED M2: printed by a host\n```\n'
      await scene.say({ section: `\`\`\`\n\n## Said\n\n${printed}` })
    }
  ],
  [
    'a veto lifted by a signed section whose trailers do not',
    'vetoed',
    1,
    scene => scene.say({ section: '## Said\n\n## VETO LIFTED M2: in prose alone\n' })
  ],
  [
    'a veto lifted by a quote in a file that the builder made unreadable for a parser',
    'vetoed',
    1,
    async scene => {
      await scene.builder.pull()
      const quote = 'To be lifted like this:\n\n```\n## VETO LIFTED M2: it is mended\n```\n'
      await scene.append(`\n${quote}`, 'docs: how to lift it', scene.keys.alice)
      await scene.append(`\n## A note\n\n <!-- -->\n${'>'.repeat(120)} x\n`)
      await scene.append('\n## Said\n\nThe veto stands.\n', 'docs: it stands', scene.keys.alice)
    }
  ],
  [
    'a veto lifted inside a fence that the builder left open',
    'vetoed',
    1,
    async scene => {
      await scene.builder.pull()
      await scene.append('\n~~~\n')
      await scene.append('\n## VETO LIFTED M2: shown as text\n', 'docs: lift', scene.keys.alice)
    }
  ],
  [
    'a veto that was lifted and put again, by a clock that is years behind',
    'vetoed',
    1,
    async scene => {
      const lifted = { milestone: 'M2', status: 'lifted' as const }
      await scene.say({ vetoes: [lifted] })
      await scene.builder.pull()
      const text = `${await scene.builder.read(path)}\n## VETO M2: still not\n`
      const hand = { files: { [path]: text }, key: scene.keys.alice, date: '2020-01-01T00:00:00Z' }
      await scene.builder.commit('docs: hold it', hand)
      await scene.builder.push('origin', 'HEAD:main')
    }
  ],
  [
    'a veto put inside a fence that the builder left open',
    'passed',
    1,
    async scene => {
      await scene.builder.pull()
      await scene.append('\n~~~\n')
      await scene.append('\n## VETO M2: hidden from readers\n', 'docs: hold', scene.keys.alice)
    }
  ],
  [
    'a merge that edits by itself',
    'failed',
    3,
    async scene => {
      await scene.builder.git(['checkout', '--quiet', '-b', 'side', scene.at.claim2])
      await scene.builder.commit('core: side')
      await scene.builder.git(['merge', '--quiet', '--no-commit', '--no-ff', 'main'])
      const text = await scene.builder.read(path)
      await writeFile(join(scene.builder.dir, path), text.replace('M2: FAIL', 'M2: PASS'))
      await scene.builder.git(['commit', '--quiet', '-a', '-m', 'core: merge'])
      await scene.builder.push('origin', 'HEAD:main')
    }
  ],
  [
    'an edit signed by a listed person',
    'failed',
    3,
    scene => scene.edit('M2: FAIL', 'M2: PASS', scene.keys.alice)
  ],
  [
    'an edit that a listed person accepts',
    'failed',
    3,
    async scene => {
      await scene.edit('M2: FAIL', 'M2: PASS')
      const accept = sha256(await scene.builder.read(path))
      await forge(scene, { claim: null, milestone: null, accept, key: scene.keys.alice })
    }
  ],
  [
    'an edit that the builder accepts',
    'failed',
    3,
    async scene => {
      await scene.edit('M2: FAIL', 'M2: PASS')
      const accept = sha256(await scene.builder.read(path))
      await forge(scene, { claim: null, milestone: null, accept, key: scene.keys.builder })
    }
  ],
  [
    'an accept of another state',
    'failed',
    3,
    async scene => {
      const accept = sha256(await scene.builder.read(path))
      await scene.edit('M2: FAIL', 'M2: PASS')
      await forge(scene, { claim: null, milestone: null, accept, key: scene.keys.reviewer })
    }
  ],
  [
    'an edit that the reviewer accepts leaves the verdict',
    'failed',
    1,
    async scene => {
      await scene.edit('M2: FAIL', 'M2: PASS')
      const accept = sha256(await scene.builder.read(path))
      await forge(scene, { claim: null, milestone: null, accept, key: scene.keys.reviewer })
    }
  ],
  [
    'swapped evidence',
    'passed',
    3,
    async scene => {
      const file = `machine-docs/evidence/pvfix-${scene.at.claim2.slice(0, 12)}.json`
      await scene.builder.pull()
      await scene.builder.commit('core: evidence', { files: { [file]: '{"verdict":"PASS"}\n' } })
      await scene.builder.push('origin', 'HEAD:main')
    }
  ],
  [
    'deleted evidence',
    'passed',
    3,
    async scene => {
      await scene.builder.pull()
      await scene.builder.commit('core: evidence', {
        files: { [`machine-docs/evidence/pvfix-${scene.at.claim2.slice(0, 12)}.json`]: null }
      })
      await scene.builder.push('origin', 'HEAD:main')
    }
  ],
  [
    'a longer age by a listed person',
    'passed',
    2,
    async scene => {
      const milestones = policy.milestones.map(rules => ({ ...rules, maxAge: 1000 * day }))
      await forge(scene, { claim: null, milestone: null, policy: { milestones }, key: scene.keys.alice })
    },
    { now: gateTime + 31 * day }
  ],
  [
    'a newer claim on a branch merged later',
    'passed',
    2,
    async scene => {
      await scene.builder.git(['checkout', '--quiet', '-b', 'side', scene.at.patch])
      await scene.builder.commit('claim(pvfix-M2): side')
      await scene.builder.git(['checkout', '--quiet', 'main'])
      await scene.builder.pull()
      await scene.builder.git(['merge', '--quiet', '-m', 'core: merge', 'side'])
      await scene.builder.push('origin', 'HEAD:main')
    }
  ]
]

const surroundings: readonly Row[] = [
  [
    'a FAIL replaced through refs/replace',
    'failed',
    1,
    async scene => {
      const raw = await rawCommit(scene, scene.at.review2)
      const other = await scene.builder.git(['hash-object', '-t', 'commit', '-w', '--stdin', '--literally'], {
        input: raw.replaceAll('FAIL', 'PASS')
      })
      await scene.builder.git(['push', '--quiet', 'origin', `${other}:refs/replace/${scene.at.review2}`])
    }
  ],
  [
    'a review file replaced through refs/replace',
    'failed',
    1,
    async scene => {
      const blob = await scene.builder.git(['rev-parse', `HEAD:${path}`])
      const other = await scene.builder.git(['hash-object', '-w', '--stdin'], {
        input: (await scene.builder.read(path)).replace('FAIL', 'PASS')
      })
      await scene.builder.git(['push', '--quiet', 'origin', `${other}:refs/replace/${blob}`])
    }
  ],
  [
    'attributes and filters that change what is read',
    'failed',
    1,
    async scene => {
      const attributes = '* text eol=crlf ident filter=evil diff=evil merge=ours export-subst\n'
      await scene.builder.commit('core: attributes', { files: { 'machine-docs/.gitattributes': attributes } })
      await scene.builder.push('origin', 'HEAD:main')
    }
  ],
  [
    'git configuration inside the repo',
    'failed',
    1,
    async scene => {
      const evil =
        '[gpg "ssh"]\n\tprogram = true\n[core]\n\thooksPath = .\n[url "file:///nowhere"]\n\tinsteadOf = file://\n'
      await scene.builder.commit('core: configuration', {
        files: {
          '.gitconfig': evil,
          '.lfsconfig': evil,
          config: evil,
          'hooks/post-checkout': '#!/bin/sh\n',
          '.gitmodules': '[submodule "x"]\n\tpath = x\n\turl = ext::id\n'
        }
      })
      await scene.builder.push('origin', 'HEAD:main')
    }
  ],
  [
    'a tag named like the branch',
    'failed',
    1,
    async scene => {
      await scene.builder.git(['push', '--quiet', 'origin', `${scene.at.claim2}:refs/tags/main`])
    }
  ],
  [
    'branches and tags named like commits',
    'failed',
    1,
    async scene => {
      const { claim2, review2, claim1 } = scene.at
      for (const sha of [claim2, review2])
        for (const kind of ['heads', 'tags'])
          await scene.builder.git(['push', '--quiet', 'origin', `${claim1}:refs/${kind}/${sha}`])
    }
  ],
  [
    'a branch that hides the real one',
    'failed',
    1,
    async scene => {
      await scene.builder.git(['push', '--quiet', 'origin', `${scene.at.claim2}:refs/heads/heads/main`])
      await scene.builder.git(['push', '--quiet', 'origin', `${scene.at.claim2}:refs/heads/origin/main`])
    }
  ]
]

const groups: readonly (readonly [string, readonly Row[]])[] = [
  ['text that nobody signed', text],
  ['signatures', signatures],
  ['messages and what they point at', messages],
  ['edits', edits],
  ['surroundings', surroundings]
]
describe.each(groups.map(([group, rows]) => ({ group, rows })))('$group', ({ rows }) => {
  it.each(rows.map(row => [row[0], row] as const))('%s', async (_, [, base, code, attack, options = {}]) => {
    const scene = await context.open(base)
    await attack(scene)
    const answer = await scene.gate(options)
    expect({ code: answer.code, why: answer.reasons }).toMatchObject({ code })
    expect(answer.code).not.toBe(0)
    expect(answer.next).not.toBeNull()
    // Whoever asks with options of its own asks another question than a home does.
    if (Object.keys(options).length > 0) return
    const mouths = await mouthsOf(scene, 'M2', gateTime, { allowed: context.signers })
    expect(mouths.status).toEqual({ code: answer.code, reasons: answer.reasons })
    expect(mouths.line).not.toMatch(/^ {2}✓/)
    expect(mouths.board).toMatchObject({ open: false, reasons: answer.reasons })
    expect(mouths.metric).toBe(0)
  })
})

it('the corpus holds at least sixty', () => {
  expect([text, signatures, messages, edits, surroundings].flat().length).toBeGreaterThanOrEqual(60)
})

it('a revoked key', async () => {
  const scene = await context.open('passed')
  const revoked = Buffer.from(`${scene.keys.reviewer.publicKey}\n`)
  expect(await scene.gate({ revoked })).toMatchObject({
    code: 3,
    reasons: [expect.stringContaining('revoked')]
  })
})

describe('what a list of signers says in ways of its own', () => {
  const once = 'namespaces="git",valid-before="20260601"'
  it.each<[string, number, (keys: Scene['keys']) => string]>([
    ['a key under all names is not the reviewer', 3, ({ reviewer }) => `* ${reviewer.publicKey}`],
    ['a key under a pattern that fits', 3, ({ reviewer }) => `adversar* ${reviewer.publicKey}`],
    ['a key under every name but one', 3, ({ reviewer }) => `!alice,* ${reviewer.publicKey}`],
    ['two names, the first of them another', 3, ({ reviewer }) => `alice,adversary ${reviewer.publicKey}`],
    [
      'two names, the first of them the reviewer',
      0,
      ({ reviewer }) => `adversary,alice ${reviewer.publicKey}`
    ],
    ['a key for files', 3, ({ reviewer }) => `adversary namespaces="file" ${reviewer.publicKey}`],
    ['a key for all but git', 3, ({ reviewer }) => `adversary namespaces="!git,*" ${reviewer.publicKey}`],
    ['a key for files and git', 0, ({ reviewer }) => `adversary namespaces="file,git" ${reviewer.publicKey}`],
    [
      'a key as an authority signs nothing itself',
      3,
      ({ reviewer }) => `adversary cert-authority ${reviewer.publicKey}`
    ],
    [
      'a key twice, the first time as another',
      3,
      ({ reviewer }) => `alice ${reviewer.publicKey}\nadversary ${reviewer.publicKey}`
    ],
    [
      'a key twice, no longer valid as the reviewer',
      3,
      ({ reviewer }) => `adversary ${once} ${reviewer.publicKey}\nalice ${reviewer.publicKey}`
    ],
    [
      'a key twice, valid by the second line',
      0,
      ({ reviewer }) => `adversary ${once} ${reviewer.publicKey}\nadversary ${reviewer.publicKey}`
    ]
  ])('%s', async (_, code, list) => {
    const scene = await context.open('passed')
    const answer = await scene.gate({ allowedSigners: `${list(scene.keys)}\n` })
    expect({ code: answer.code, why: answer.reasons }).toMatchObject({ code })
  })

  it('a key of the builder under all names signs no verdict', async () => {
    const scene = await context.open('claimed')
    await forge(scene, { ...pass(scene), key: scene.keys.builder, author: reviewerPerson })
    const allowedSigners = `adversary ${scene.keys.reviewer.publicKey}\n* ${scene.keys.builder.publicKey}\n`
    expect(await scene.gate({ allowedSigners })).toMatchObject({ code: 3 })
  })
})
