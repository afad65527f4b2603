import { execFile } from 'node:child_process'
import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join, relative, resolve } from 'node:path'
import { promisify } from 'node:util'
import { remark } from 'remark'
import remarkGfm from 'remark-gfm'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

/** The package as npm would publish it: every page that it holds, and every link in them. */

const run = promisify(execFile)
const root = resolve(import.meta.dirname, '..')
let dir: string
let installed: string
let pages: ReadonlyMap<string, Page>

interface Page {
  readonly targets: readonly string[]
  readonly anchors: ReadonlySet<string>
}

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'package-'))
  // Without its scripts: `prepack` removes and rebuilds dist/, which other tests are running from.
  const packed = await run('npm', ['pack', '--silent', '--ignore-scripts', '--pack-destination', dir], {
    cwd: root
  })
  await run('tar', ['-xzf', join(dir, packed.stdout.trim()), '-C', dir])
  installed = join(dir, 'package')
  const names = (await readdir(installed, { recursive: true })).filter(name => name.endsWith('.md'))
  pages = new Map(
    await Promise.all(
      names.map(async name => [name, pageOf(await readFile(join(installed, name), 'utf8'))] as const)
    )
  )
})
afterAll(() => rm(dir, { recursive: true, force: true }))

interface Node {
  readonly type: string
  readonly url?: string
  readonly value?: string
  readonly children?: readonly Node[]
}

function pageOf(text: string): Page {
  const targets: string[] = []
  const anchors = new Set<string>()
  const visit = (node: Node): void => {
    if (node.url !== undefined) targets.push(node.url)
    if (node.type === 'html') {
      for (const { groups } of (node.value ?? '').matchAll(/\b(?:href|src)="(?<url>[^"]*)"/g))
        targets.push(groups?.['url'] ?? '')
    }
    if (node.type === 'heading') {
      const slug = slugOf(textOf(node))
      let unique = slug
      for (let n = 1; anchors.has(unique); n += 1) unique = `${slug}-${n}`
      anchors.add(unique)
    }
    node.children?.forEach(visit)
  }
  visit(remark().use(remarkGfm).parse(text))
  return { targets, anchors }
}

function textOf(node: Node): string {
  return node.value ?? (node.children ?? []).map(textOf).join('')
}

/** As forges make the anchor of a heading. */
function slugOf(text: string): string {
  return text
    .toLowerCase()
    .replace(/[^\p{L}\p{M}\p{N}\p{Pc}\- ]/gu, '')
    .replaceAll(' ', '-')
}

describe('the package', () => {
  it('holds every page that a user or a contributor is sent to', () => {
    expect([...pages.keys()]).toEqual(
      expect.arrayContaining([
        'README.md',
        'ARCHITECTURE.md',
        'CHANGELOG.md',
        'CONTRIBUTING.md',
        'SECURITY.md',
        'docs/README.md',
        'reviews/REVIEW-pvfix.md'
      ])
    )
  })

  it('has no dead link', async () => {
    const dead: string[] = []
    let followed = 0
    for (const [page, { targets }] of pages) {
      for (const target of targets.filter(each => !/^(?:[a-z]+:|\/\/)/i.test(each))) {
        followed += 1
        const [path = '', anchor = ''] = target.split('#').map(decodeURIComponent)
        const at = path === '' ? join(installed, page) : resolve(installed, dirname(page), path)
        const name = relative(installed, at)
        const there = await stat(at).then(
          () => !name.startsWith('..'),
          () => false
        )
        const anchored = anchor === '' || pages.get(name)?.anchors.has(anchor) === true
        if (!there || !anchored) dead.push(`${page}: ${target}`)
      }
    }
    expect(followed).toBeGreaterThan(100)
    expect(dead).toEqual([])
  })

  it('has every page of docs/ in the list of pages', () => {
    const listed = new Set(
      pages.get('docs/README.md')?.targets.map(target => join('docs', target.split('#')[0] ?? ''))
    )
    const missing = [...pages.keys()].filter(
      page => /^docs\/[^/]+\.md$/.test(page) && page !== 'docs/README.md' && !listed.has(page)
    )
    expect(missing).toEqual([])
  })
})
