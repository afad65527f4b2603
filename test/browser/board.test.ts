import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { boardFiles } from '../../src/board/pages.ts'
import { boardOf } from '../support/board.ts'
import { axeViolations, openBrowser, openPage, overflow } from '../support/browser.ts'
import { runCli } from '../support/cli.ts'
import { testGit } from '../support/repo.ts'

/** The board as people meet it: in a real browser, of the reference phase as the demo plays it. */
describe.skipIf(inject('browserObstacle') !== null)('the board in Chromium', () => {
  let dir: string
  let browser: Browser
  let index: string
  let newest: string

  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'adversary-board-'))
    browser = await openBrowser()
    const ran = [
      await runCli(['demo', '--keep', 'played', '--quiet'], { cwd: dir }),
      await runCli(
        [
          'board',
          '--home',
          'played/home',
          '--out',
          'public',
          '--commits',
          'https://git.example.test/ops/infra/commit/'
        ],
        { cwd: dir }
      )
    ]
    for (const { code, stderr } of ran) if (code !== 0) throw new Error(stderr)
    newest = await testGit(join(dir, 'played/repo.git'), ['rev-parse', 'main'])
    index = pathToFileURL(join(dir, 'public/index.html')).href
  })
  afterAll(async () => {
    await browser?.close()
    await rm(dir, { recursive: true, force: true })
  })

  const sizes = [
    ['a desk', { viewport: { width: 1200, height: 900 } }],
    ['a phone', { viewport: { width: 360, height: 740 } }],
    ['the dark', { viewport: { width: 1200, height: 900 }, colorScheme: 'dark' }],
    ['the dark on a phone', { viewport: { width: 360, height: 740 }, colorScheme: 'dark' }]
  ] as const

  it.each(sizes)('on %s: fits, asks for nothing, and axe has nothing against it', async (_, size) => {
    for (const url of [index, index.replace('index.html', `reviews/${newest}.html`)]) {
      const { page, requests, complaints, close } = await openPage(browser, url, size)
      await page.evaluate("document.querySelectorAll('details').forEach(each => { each.open = true })")
      expect(await overflow(page)).toBe(0)
      expect(await axeViolations(page)).toEqual([])
      expect(requests).toEqual([url])
      expect(complaints).toEqual([])
      await close()
    }
  })

  it('axe is asked: a button without a name is found', async () => {
    const { page, close } = await openPage(browser, index)
    await page.evaluate("document.body.append(document.createElement('button'))")
    expect(await axeViolations(page)).toContainEqual(expect.stringMatching(/^button-name/))
    await close()
  })

  it('shows how things stand: by word, shape and colour', async () => {
    const { page, close } = await openPage(browser, index)
    const stones = page
      .getByRole('list')
      .filter({ has: page.getByRole('heading', { level: 3, name: /^M1/ }) })
    const states = stones.first().locator(':scope > li')
    expect(await states.count()).toBe(3)
    expect(await states.locator(':scope > div > .state').allTextContents()).toEqual([
      'PASS',
      'PASS',
      'NO VERDICT'
    ])
    expect(await states.locator('svg').count()).toBeGreaterThanOrEqual(3)
    const shapes = await states
      .locator(':scope > div > .state svg')
      .evaluateAll(all => all.map(each => each.innerHTML))
    expect(new Set(shapes).size).toBe(2)
    const colours = await states
      .locator(':scope > div > .state')
      .evaluateAll(all => all.map(each => getComputedStyle(each).color))
    expect(new Set(colours).size).toBe(2)
    expect(await states.nth(1).innerText()).toMatch(/Gate open/)
    expect(await states.nth(2).innerText()).toMatch(/Blocked by A1/)
    await close()
  })

  it('draws the circle of a finding, and says it in words', async () => {
    const { page, close } = await openPage(browser, index)
    const card = page.getByRole('article', { name: /^A1: deploy-proxy waits for/ })
    const texts = await card.locator('svg.ring text').allTextContents()
    expect(texts.map(text => text.replaceAll(/\s+/g, ''))).toEqual([
      'waitsforhttps://ci.example.test/',
      'startsonlyafter',
      'deploy-proxy.service',
      'deploy-dashboard.service'
    ])
    expect(await card.locator('svg.ring .arrow').count()).toBe(2)
    // Everything lies inside of the picture, and no name on another.
    const boxes = await card.locator('svg.ring .node').evaluateAll(all =>
      all.map(each => {
        const { left, right, top, bottom } = each.getBoundingClientRect()
        const of = each.closest('svg')?.getBoundingClientRect()
        return {
          top,
          bottom,
          inside:
            of !== undefined && left >= of.left && right <= of.right && top >= of.top && bottom <= of.bottom
        }
      })
    )
    expect(boxes.map(({ inside }) => inside)).toEqual([true, true])
    expect((boxes[0]?.bottom ?? 0) < (boxes[1]?.top ?? 0)).toBe(true)
    expect(await card.getByRole('listitem').allInnerTexts()).toEqual([
      'deploy-proxy.service waits for https://ci.example.test/ deploy-dashboard.service',
      'deploy-dashboard.service starts only after deploy-proxy.service'
    ])
    await close()
  })

  it('leads from a milestone to its checks and on to the evidence of each, by keyboard alone', async () => {
    const { page, close } = await openPage(browser, index)
    await page.keyboard.press('Tab')
    expect(await page.evaluate('document.activeElement.textContent')).toBe('To the phases')
    const summary = page.getByText('6 checks: 6 passed')
    await summary.focus()
    await page.keyboard.press('Enter')
    expect(await page.getByText('All nine services run').isVisible()).toBe(true)
    await page.getByRole('link', { name: /^All evidence of pvfix-M2/ }).focus()
    await page.keyboard.press('Enter')
    await page.waitForURL(/reviews\//)
    expect(await page.getByRole('heading', { level: 1 }).innerText()).toBe('pvfix-M2: PASS')
    const read = page.locator('details.reads').first()
    expect(await read.locator('pre').first().isVisible()).toBe(false)
    await read.locator('summary').focus()
    await page.keyboard.press('Space')
    expect(await read.innerText()).toMatch(/\$ docker network ls[^]*"Name":"proxy"/)
    const commit = page.getByRole('link', { name: newest.slice(0, 9) })
    expect(await commit.getAttribute('href')).toBe(`https://git.example.test/ops/infra/commit/${newest}`)
    await close()
  })

  it('finds by every word that is typed, and is whole again with Escape', async () => {
    const { page, close } = await openPage(browser, index)
    const shown = () => page.locator('[data-find]:visible').count()
    const all = await shown()
    const field = page.getByRole('searchbox', { name: 'Search this page' })
    await field.fill('nine SERVICES')
    expect(await shown()).toBe(1)
    expect(await page.getByRole('heading', { name: /^M2/ }).isVisible()).toBe(true)
    expect(await page.getByRole('heading', { name: /^Timeline/ }).isVisible()).toBe(false)
    expect(await page.getByRole('status').innerText()).toBe('1 entry fits')
    await field.press('Escape')
    expect(await shown()).toBe(all)
    await close()
  })

  it('is whole without scripts, which then offers no search', async () => {
    const { page, close } = await openPage(browser, index, { javaScriptEnabled: false })
    expect(await page.getByText('Gate open').count()).toBe(2)
    expect(await page.getByRole('searchbox').count()).toBe(0)
    await page.getByText('11 checks: 11 passed').click()
    expect(await page.getByText('The patch is in the repo').isVisible()).toBe(true)
    await close()
  })

  it('prints with everything open and nothing to click', async () => {
    const { page, close } = await openPage(browser, index)
    await page.emulateMedia({ media: 'print' })
    expect(await page.getByRole('searchbox').isVisible()).toBe(false)
    expect(await page.getByText('All nine services run').isVisible()).toBe(true)
    expect((await page.pdf({ format: 'A4' })).length).toBeGreaterThan(10_000)
    await close()
  })

  describe('what hosts and builders say stays text', () => {
    const attacks = [
      '<script>document.title="taken"</script>',
      '</style><script>document.title="taken"</script><style>',
      '"><img src=x onerror=\'document.title="taken"\'>',
      "' onmouseover='document.title=1' x='",
      '<svg onload="document.title=1"><use href="http://hostile.example.test/x.svg"/></svg>',
      '[click](javascript:document.title="taken") ![x](http://hostile.example.test/i.png) <http://hostile.example.test/>',
      '<style>body{display:none}</style><link rel=stylesheet href=http://hostile.example.test/x.css>',
      '<meta http-equiv=refresh content="0;url=http://hostile.example.test/"><base href=http://hostile.example.test/>',
      '<details><summary>all 3 lines</summary>',
      '--></pre></textarea></title></svg><iframe src=javascript:alert(1)></iframe>',
      '\u202egnp.exe\u2066 \u200b\u0000\u001b[2J',
      '&lt;script&gt; &#60;img&#62;'
    ]

    it.each([
      ['each after the other', attacks.join('\n')],
      ['and the other way round', attacks.toReversed().join(' ')],
      ['a line of a megabyte', 'x'.repeat(1_000_000)]
    ])('%s', async (_, text) => {
      const files = boardFiles(boardOf(text))
      const folder = join(dir, 'hostile')
      for (const [path, content] of files) {
        await mkdir(dirname(join(folder, path)), { recursive: true })
        await writeFile(join(folder, path), content)
      }
      for (const path of files.keys()) {
        const url = pathToFileURL(join(folder, path)).href
        const { page, requests, complaints, close } = await openPage(browser, url, {
          viewport: { width: 360, height: 740 }
        })
        await page.evaluate("document.querySelectorAll('details').forEach(each => { each.open = true })")
        expect(complaints).toEqual([])
        expect(requests).toEqual([url])
        expect(await page.title()).not.toBe('taken')
        const ours = path === 'index.html' ? 1 : 0
        expect(await page.locator('script').count()).toBe(ours)
        expect(await page.locator('style').count()).toBe(1)
        expect(await page.locator('img, iframe, link, base, object, embed, form, use').count()).toBe(0)
        expect(await page.locator('[onerror], [onload], [onmouseover], [style]').count()).toBe(0)
        for (const href of await page
          .locator('a')
          .evaluateAll(all => all.map(each => each.getAttribute('href')))) {
          expect(href).toMatch(
            /^(?:#[\w-]+|(?:\.\.\/)?index\.html|reviews\/[0-9a-f]{40}\.html|https:\/\/git\.example\.test\/ops\/infra\/commit\/[0-9a-f]{40})$/
          )
        }
        expect(await overflow(page)).toBe(0)
        const words = await page.locator('body').innerText()
        for (const sign of '\u202e\u2066\u200b\u0000\u001b') expect(words.includes(sign)).toBe(false)
        // Not swallowed either: it can be read.
        expect(words).toContain(text.slice(0, 8))
        await close()
      }
    })
  })

  it('the same record at the same time is the same bytes', async () => {
    expect([...boardFiles(boardOf('a'))]).toEqual([...boardFiles(boardOf('a'))])
    expect((await readdir(join(dir, 'public/reviews'))).length).toBe(5)
  })
})
