import axe from 'axe-core'
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core'
import * as z from 'zod'
import { chromiumPath } from './browser-setup.ts'

/** Debian's Chromium, headless, with nothing of its own on the network. */
export function openBrowser(): Promise<Browser> {
  return chromium.launch({
    executablePath: chromiumPath,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync'
    ]
  })
}

/** A page that was opened, with all that it asked for and all that the browser complained of. */
export interface Opened {
  readonly page: Page
  readonly requests: readonly string[]
  readonly complaints: readonly string[]
  close(): Promise<void>
}

export async function openPage(
  browser: Browser,
  url: string,
  options: BrowserContextOptions = {}
): Promise<Opened> {
  const context = await browser.newContext(options)
  const page = await context.newPage()
  const requests: string[] = []
  const complaints: string[] = []
  page.on('request', request => requests.push(request.url()))
  page.on('console', message => complaints.push(message.text()))
  page.on('pageerror', error => complaints.push(error.message))
  page.on('dialog', async dialog => {
    complaints.push(`a dialog: ${dialog.message()}`)
    await dialog.dismiss()
  })
  await page.goto(url)
  return { page, requests, complaints, close: () => context.close() }
}

const violations = z.array(
  z.object({ id: z.string(), nodes: z.array(z.object({ html: z.string(), failureSummary: z.string() })) })
)

/** What axe-core has against the page: WCAG 2.2 A and AA, and its best practices. */
export async function axeViolations(page: Page): Promise<readonly string[]> {
  // The page's own policy lets no script in; the engine is put in by the debugger, as an extension would be.
  await page.evaluate(axe.source)
  const found = violations.parse(
    await page.evaluate(
      "axe.run({ runOnly: ['wcag2a','wcag2aa','wcag21a','wcag21aa','wcag22aa','best-practice'] }).then(({ violations }) => violations)"
    )
  )
  return found.flatMap(({ id, nodes }) => nodes.map(node => `${id}: ${node.html}: ${node.failureSummary}`))
}

/** How many pixels of the page lie beyond the window's width. */
export async function overflow(page: Page): Promise<number> {
  return z
    .number()
    .parse(await page.evaluate('document.documentElement.scrollWidth - document.documentElement.clientWidth'))
}
