import { policyIn } from '../board/html.ts'
import type { BoardModel } from '../board/model.ts'
import { boardPages } from '../board/pages.ts'
import { pause } from '../lib/effort.ts'
import { publicReason } from './reason.ts'
import type { Route } from './router.ts'

/** The board as it was made last, with its pages. */
export interface Shown {
  readonly model: BoardModel
  readonly pages: ReadonlyMap<string, string>
}

export interface KeeperOptions {
  /** What the board is made from, as a text that changes with it; null: nothing is known yet. */
  key(): Promise<string | null> | string | null
  make(): Promise<BoardModel>
  /** As ticks, in milliseconds. */
  now(): number
}

/** Freshness and the gate are judged as of a moment: that moment is never longer ago, in milliseconds. */
const oldestMs = 5 * 60_000

/**
 * Makes the board when somebody asks and what it is made from has moved, or when it has grown old. However many
 * ask, it is made once at a time.
 *
 * @returns null where nothing is known yet. Rejects with what went wrong: an old board is not shown for a new one.
 */
export function boardKeeper({ key, make, now }: KeeperOptions): () => Promise<Shown | null> {
  let made: { readonly key: string; readonly at: number; readonly shown: Promise<Shown> } | null = null
  let making = false

  const begin = (of: string): Promise<Shown> => {
    making = true
    const shown = make()
      .then(async model => ({ model, pages: await pagesOf(model) }))
      .finally(() => {
        making = false
      })
    const mine = { key: of, at: now(), shown }
    made = mine
    // What failed is tried again by whoever asks next.
    shown.catch(() => {
      if (made === mine) made = null
    })
    return shown
  }

  return async () => {
    for (;;) {
      const of = await key()
      if (of === null) return null
      if (made === null) return begin(of)
      const fits = made.key === of && now() - made.at < oldestMs
      if (fits) return made.shown
      if (!making) return begin(of)
      // Of something older: what comes of it is for those who asked for that.
      await made.shown.catch(() => undefined)
    }
  }
}

/** Between two pages the same thread answers whether a build may begin. */
async function pagesOf(model: BoardModel): Promise<ReadonlyMap<string, string>> {
  const pages = new Map<string, string>()
  for (const [path, page] of boardPages(model)) {
    pages.set(path, page)
    await pause()
  }
  return pages
}

/**
 * The pages of the board, by GET alone. A path is looked up among the pages that were made and nowhere else: no
 * file is opened, so that no path leads out.
 */
export function boardRoutes(
  board: () => Promise<Shown | null>,
  failed: (error: unknown) => void
): readonly Route[] {
  const handle: Route['handle'] = async ({ path }) => {
    let shown: Shown | null
    try {
      shown = await board()
    } catch (error) {
      failed(error)
      const headers = { 'content-type': 'text/plain; charset=utf-8', 'retry-after': '5' }
      return { status: 503, headers, body: `The board cannot be shown: ${publicReason(error)}.\n` }
    }
    if (shown === null) return { status: 503, headers: { 'retry-after': '5' } }
    const page = shown.pages.get(path === '/' ? 'index.html' : path.slice(1))
    return page === undefined ? { status: 404 } : { status: 200, headers: headersOf(page), body: page }
  }
  return ['/', '/index.html', '/reviews/'].map(path => ({ method: 'GET', path, name: 'board', handle }))
}

/** The page's own policy, and what only a header can say. */
function headersOf(page: string): Readonly<Record<string, string>> {
  return {
    'content-type': 'text/html; charset=utf-8',
    'content-security-policy': `${policyIn(page)}; frame-ancestors 'none'`,
    'referrer-policy': 'no-referrer',
    'x-frame-options': 'DENY',
    'cross-origin-opener-policy': 'same-origin',
    'cross-origin-resource-policy': 'same-origin'
  }
}
