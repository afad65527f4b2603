import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { commitsUrl, type Forge, forgeKinds, guessForge, lineLink, repoApiOf } from '../../src/forge/forge.ts'
import { forgeBounds } from '../../src/lib/bounds.ts'
import {
  contextOf,
  postStatus,
  readAnswer,
  readStatuses,
  retryAfter,
  type Status,
  stands,
  stateOf
} from '../../src/forge/commit-status.ts'

const sha = '71319d7c0ffee71319d7c0ffee71319d7c0ffee7'
const status: Status = {
  sha,
  context: contextOf('pvfix', 'M2'),
  state: 'failure',
  description: 'M2 FAIL: 2 of 6 checks failed',
  link: 'https://git.example.test/ops/infra/src/commit/x/REVIEW-pvfix.md?display=source#L12',
  branch: 'main'
}
const forge = (kind: Forge['kind'], url = 'https://git.example.test'): Forge => ({
  kind,
  url,
  repo: 'ops/infra'
})
const answer = (code: number, body = '', headers: Readonly<Record<string, string>> = {}) => ({
  status: code,
  headers,
  body
})

describe('what the address of a repository tells', () => {
  it.each([
    ['git@github.com:ops/infra.git', 'github', 'https://github.com', 'ops/infra'],
    ['https://github.com/ops/infra', 'github', 'https://github.com', 'ops/infra'],
    ['ssh://git@gitea.example.test:2222/ops/infra.git', 'gitea', 'https://gitea.example.test', 'ops/infra'],
    ['https://codeberg.org/ops/infra.git', 'forgejo', 'https://codeberg.org', 'ops/infra'],
    [
      'https://forgejo.example.test:8443/ops/infra.git',
      'forgejo',
      'https://forgejo.example.test:8443',
      'ops/infra'
    ],
    ['git@gitlab.com:group/sub/infra.git', 'gitlab', 'https://gitlab.com', 'group/sub/infra'],
    ['https://example.test/gitea/ops/infra.git', null, 'https://example.test/gitea', 'ops/infra'],
    ['git@git.example.test:ops/infra.git', null, 'https://git.example.test', 'ops/infra'],
    ['git@git.example.test:infra.git', null, 'https://git.example.test', null],
    ['/srv/git/infra.git', null, null, null],
    ['file:///srv/git/ops/infra.git', null, null, null]
  ])('%s', (url, kind, at, repo) => {
    expect(guessForge(url)).toEqual({ kind, url: at, repo })
  })

  it('is a guess for any text at all', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.webUrl(),
          fc.string().map(text => `git@h:${text}`)
        ),
        url => {
          const { repo } = guessForge(url)
          if (repo !== null) expect(repo).toMatch(/^[\w.-]+(?:\/[\w.-]+)+$/)
        }
      )
    )
  })
})

describe('where commits are shown', () => {
  it.each([
    ['https://git.example.test/ops/infra.git', 'https://git.example.test/ops/infra/commit/'],
    ['http://user:secret@git.example.test:3000/ops/infra', 'http://git.example.test:3000/ops/infra/commit/'],
    ['ssh://git@git.example.test:2222/ops/infra.git', 'https://git.example.test/ops/infra/commit/'],
    ['git@git.example.test:ops/infra.git', 'https://git.example.test/ops/infra/commit/'],
    ['git@gitlab.com:group/sub/infra.git', 'https://gitlab.com/group/sub/infra/-/commit/'],
    // An alias of somebody's SSH configuration is no address.
    ['forge:ops/infra.git', null],
    ['ssh://forge/ops/infra.git', null],
    ['git@git.example.test:ops/in"><script>.git', null],
    ['/srv/infra.git', null],
    ['file:///srv/infra.git', null],
    ['javascript:alert(1)', null],
    ['C:ops/infra', null]
  ])('%s: %s', (clone, url) => expect(commitsUrl(guessForge(clone))).toBe(url))

  it('is below the forge that the home names', () => {
    const at = forge('gitea', 'https://git.example.test/gitea')
    expect(commitsUrl(at)).toBe('https://git.example.test/gitea/ops/infra/commit/')
  })
})

it('GitHub has a server of its own for programs, everybody else a path', () => {
  expect(repoApiOf(forge('github', 'https://github.com'))).toBe('https://api.github.com/repos/ops/infra')
  expect(repoApiOf(forge('github'))).toBe('https://git.example.test/api/v3/repos/ops/infra')
  expect(repoApiOf(forge('gitea'))).toBe('https://git.example.test/api/v1/repos/ops/infra')
  expect(repoApiOf({ ...forge('gitlab'), repo: 'a/b/c' })).toBe(
    'https://git.example.test/api/v4/projects/a%2Fb%2Fc'
  )
})

it('links to the line of the file as its commit has it', () => {
  const at = { commit: sha, path: 'machine docs/REVIEW-#1.md', line: 40 }
  const path = 'machine%20docs/REVIEW-%231.md'
  const links = forgeKinds.map(kind =>
    lineLink(forge(kind), at).replace('https://git.example.test/ops/infra', '')
  )
  expect(links).toEqual([
    `/src/commit/${sha}/${path}?display=source#L40`,
    `/src/commit/${sha}/${path}?display=source#L40`,
    `/blob/${sha}/${path}?plain=1#L40`,
    `/-/blob/${sha}/${path}?plain=1#L40`
  ])
})

describe('what is posted', () => {
  it('says a verdict in the words of each forge', () => {
    const words = forgeKinds.map(kind =>
      (['PASS', 'FAIL', 'INCONCLUSIVE'] as const).map(
        verdict =>
          JSON.parse(postStatus(forge(kind), 't', { ...status, state: stateOf[verdict] }).body ?? '').state
      )
    )
    const plain = ['success', 'failure', 'error']
    expect(words).toEqual([plain, plain, plain, ['success', 'failed', 'failed']])
  })

  it('is never `warning` or `skipped`, and short and on one line, whatever the description', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...forgeKinds),
        fc.constantFrom('pending', 'success', 'failure', 'error'),
        fc.oneof(fc.string({ unit: 'binary', maxLength: 600 }), fc.string({ maxLength: 600 })),
        (kind, state, description) => {
          const body = JSON.parse(postStatus(forge(kind), 't', { ...status, state, description }).body ?? '')
          expect(['pending', 'success', 'failure', 'failed', 'error']).toContain(body.state)
          expect(body.description.length).toBeLessThanOrEqual(140)
          expect(body.description).not.toMatch(/[\p{Cc}\u202e\u2066]/u)
        }
      )
    )
  })

  it('carries the token in the header that the forge reads, and nowhere else', () => {
    for (const kind of forgeKinds) {
      const { headers, ...rest } = postStatus(forge(kind), 's3cret', status)
      expect(JSON.stringify(headers)).toContain('s3cret')
      expect(JSON.stringify(rest)).not.toContain('s3cret')
    }
  })
})

describe('what stands there', () => {
  const gitea = JSON.stringify([
    { id: 1, status: 'pending', context: 'adversary/pvfix-M2', target_url: '' },
    { id: 3, status: 'failure', context: 'adversary/pvfix-M2', target_url: status.link },
    { id: 4, status: 'success', context: 'ci/x', target_url: '' },
    { id: 2, status: 'success', context: 'adversary/pvfix-M2', target_url: '' }
  ])

  it('is the newest of our context: `status` at Gitea, `state` at GitHub, `name` and `status` at GitLab', () => {
    const found = readStatuses(answer(200, gitea), status.context)
    expect(found).toEqual({ state: 'failure', link: status.link })
    expect(stands(forge('gitea'), status, found)).toBe(true)
    expect(stands(forge('gitea'), { ...status, state: 'success' }, found)).toBe(false)
    expect(stands(forge('gitea'), { ...status, link: 'https://elsewhere.example.test/' }, found)).toBe(false)

    const github = JSON.stringify([
      { id: 1, state: 'failure', context: status.context, target_url: status.link }
    ])
    expect(stands(forge('github'), status, readStatuses(answer(200, github), status.context))).toBe(true)
    const gitlab = JSON.stringify([
      { id: 1, status: 'failed', name: status.context, target_url: status.link }
    ])
    expect(stands(forge('gitlab'), status, readStatuses(answer(200, gitlab), status.context))).toBe(true)
  })

  it('is nothing where the answer is empty, as old Gitea has it, and for another context', () => {
    expect(readStatuses(answer(200, ''), status.context)).toBeNull()
    expect(readStatuses(answer(200, '[]'), status.context)).toBeNull()
    expect(readStatuses(answer(200, gitea), 'adversary/pvfix-M1')).toBeNull()
    expect(stands(forge('gitea'), status, null)).toBe(false)
  })
})

describe('what an answer means', () => {
  const now = Date.parse('2026-06-13T05:33:00Z')
  const read = (kind: Forge['kind'], ...of: Parameters<typeof answer>) =>
    readAnswer(forge(kind), 'failure', answer(...of), now)

  it('quotes of an error four levels, twenty parts and two hundred characters', () => {
    const said = (message: unknown) => {
      const found = read('gitlab', 400, JSON.stringify({ message }), {})
      return found.kind === 'refused' ? found.why.replace(/^HTTP 400(?:: )?/, '') : null
    }
    const nested = (depth: number): unknown => (depth === 0 ? 'deep' : [nested(depth - 1)])
    expect(said(nested(forgeBounds.depth))).toBe('deep')
    expect(said(nested(forgeBounds.depth + 1))).toBe('')
    const parts = (count: number) => Array.from({ length: count }, (_, at) => `p${at}`)
    expect(said(parts(forgeBounds.quotedParts))).toMatch(/; p19$/)
    expect(said(parts(forgeBounds.quotedParts + 1))).toMatch(/; p19$/)
    expect(said(Object.fromEntries(parts(21).map(part => [part, 'x'])))).toMatch(/; p19: x$/)
    expect(said('a'.repeat(forgeBounds.quotedCharacters))).toBe('a'.repeat(200))
    const cut = said('a'.repeat(forgeBounds.quotedCharacters + 1)) ?? ''
    expect([cut.length <= 200, cut.startsWith('a'.repeat(190)), cut === 'a'.repeat(201)]).toEqual([
      true,
      true,
      false
    ])
    expect([forgeBounds.depth, forgeBounds.quotedParts, forgeBounds.quotedCharacters]).toEqual([4, 20, 200])
  })

  it.each([
    ['posted', 201, '', {}],
    ['refused', 401, '', {}],
    ['refused', 403, '', {}],
    ['refused', 404, '', {}],
    ['refused', 422, '', {}],
    ['refused', 302, '', { location: 'https://elsewhere.example.test/' }],
    ['later', 429, '', {}],
    ['later', 403, '', { 'retry-after': '60' }],
    ['later', 403, '', { 'x-ratelimit-remaining': '0' }],
    ['later', 500, '', {}],
    ['later', 502, '<html>', {}]
  ] as const)('%s: HTTP %d %s %j', (kind, code, body, headers) => {
    expect(read('github', code, body, headers).kind).toBe(kind)
  })

  it('GitLab refuses the same state again: that one is already so, and no other', () => {
    const said = (from: string) =>
      JSON.stringify({ message: `Cannot transition status via :drop from :${from}` })
    expect(read('gitlab', 400, said('failed')).kind).toBe('posted')
    expect(read('gitlab', 400, said('success')).kind).toBe('refused')
    expect(read('gitlab', 400, said('running')).kind).toBe('refused')
    expect(read('gitea', 400, said('failed')).kind).toBe('refused')
  })

  it('says why in one line, and nothing of a page that is no JSON', () => {
    expect(read('gitea', 404, '{"message":"a\\nb\\u001b[31m"}')).toEqual({
      kind: 'refused',
      why: 'HTTP 404: a b'
    })
    expect(read('gitlab', 400, '{"message":{"name":["is bad"]}}')).toMatchObject({
      why: 'HTTP 400: name: is bad'
    })
    expect(read('gitea', 502, '<html>nginx')).toMatchObject({ why: 'HTTP 502' })
  })

  it.each([
    [{ 'retry-after': '120' }, 120_000],
    [{ 'retry-after': 'Sat, 13 Jun 2026 05:34:00 GMT' }, 60_000],
    [{ 'retry-after': 'Sat, 13 Jun 2026 05:30:00 GMT' }, 0],
    [{ 'retry-after': 'soon' }, null],
    [{ 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': String(now / 1000 + 30) }, 30_000],
    [{ 'x-ratelimit-remaining': '5', 'x-ratelimit-reset': String(now / 1000 + 30) }, null],
    [{}, null]
  ])('%j asks for %s ms', (headers, ms) => {
    expect(retryAfter(headers as Readonly<Record<string, string>>, now)).toBe(ms)
  })
})
